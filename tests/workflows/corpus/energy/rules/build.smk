rule cluster:
    input:
        "data/buses.csv",
    output:
        RESULTS("clustered_{clusters}.csv"),
    params:
        rate=config_provider("costs", "rate"),
        year=config_provider("costs", "year"),
    log:
        "logs/{run}/cluster_{clusters}.log",
    resources:
        mem_mb=lambda w, attempt: int(w.clusters) * 1000 * attempt,
    benchmark:
        "benchmarks/{run}/cluster_{clusters}"
    script:
        "../scripts/cluster.py"

rule summarise:
    input:
        RESULTS("clustered_{clusters}.csv"),
    output:
        RESULTS("summary_{clusters}.csv"),
    params:
        labels=lambda w: {"run": w.run, "n": int(w.clusters)},
    run:
        import csv

        with open(input[0]) as file, open(output[0], "w") as out:
            rows = list(csv.reader(file))
            total = sum(float(row[-1]) for row in rows)
            print(*params.labels.items(), sep="\n", file=out)
            print(f"{total:.2f}", scale(total), config["costs"]["year"], file=out)

def scale(value):
    return "large" if value > LIMIT else "small"

LIMIT = 9.5
