rule counts:
    input:
        expand("results/quantified/{sample}/quant.sf", sample=SAMPLES),
    output:
        "results/counts.tsv",
    params:
        samples=list(SAMPLES),
    log:
        "logs/counts.log",
    conda:
        "../envs/plots.yaml"
    script:
        "../scripts/counts.py"


rule differential:
    input:
        "results/counts.tsv",
    output:
        "results/differential.tsv",
    params:
        conditions={name: row["condition"] for name, row in SAMPLES.items()},
        contrast=config["contrast"],
    log:
        "logs/differential.log",
    conda:
        "../envs/plots.yaml"
    script:
        "../scripts/differential.py"


rule plot:
    input:
        "results/differential.tsv",
    output:
        "results/plots/ma.svg",
    log:
        "logs/plot.log",
    conda:
        "../envs/plots.yaml"
    script:
        "../scripts/plot.py"


rule qc:
    input:
        expand("results/trimmed/{sample}.json", sample=SAMPLES),
    output:
        "results/qc.tsv",
    params:
        samples=list(SAMPLES),
    log:
        "logs/qc.log",
    conda:
        "../envs/plots.yaml"
    script:
        "../scripts/qc.py"
