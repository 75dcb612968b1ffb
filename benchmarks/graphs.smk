# Graphs of `jobs` jobs: independent ones, chains of 20, one that gathers all, layers of diamonds.
SHAPE, JOBS = config["shape"], int(config["jobs"])
LAST = {"wide": 0, "chains": 19, "gather": 0, "diamonds": 3}[SHAPE]
WIDTH = JOBS - 1 if SHAPE == "gather" else max(1, JOBS // (LAST + 1))


def above(wildcards):
    """What a job reads; in diamonds, four neighbours of the layer above."""
    step, number = int(wildcards.step), int(wildcards.number)
    if step == 0:
        return []
    places = range(number, number + 4) if SHAPE == "diamonds" else (number,)
    return [f"out/{step - 1}/{place % WIDTH}.txt" for place in sorted({p % WIDTH for p in places})]


ENDS = expand(f"out/{LAST}/{{number}}.txt", number=range(WIDTH))


rule all:
    input:
        "out/gathered.txt" if SHAPE == "gather" else ENDS,


rule step:
    input:
        above,
    output:
        "out/{step,[0-9]+}/{number,[0-9]+}.txt",
    shell:
        "echo {wildcards.number} > {output}"


rule gather:
    input:
        ENDS,
    output:
        "out/gathered.txt",
    shell:
        "echo done > {output}"
