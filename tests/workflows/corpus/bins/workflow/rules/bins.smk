from pathlib import Path

def bins_of(wildcards):
    folder = Path(checkpoints.bin.get(sample=wildcards.sample).output.bins)
    return sorted(path.stem for path in folder.glob("*.fa"))

checkpoint bin:
    input:
        "data/{sample}.fa",
    output:
        bins=directory("results/bins/{sample}"),
        log=touch("results/bins/{sample}.ok"),
    params:
        size=lambda w: config["samples"][w.sample],
    shell:
        """
        mkdir -p {output.bins}/discarded
        split -l {params.size} -a 2 --additional-suffix=.fa {input} {output.bins}/bin.
        touch {output.bins}/discarded/none.fa
        binner {input} > {output.bins}/binner.txt
        """

rule refine:
    input:
        fa="results/bins/{sample}/{bin}.fa",
        folder="results/bins/{sample}",
    output:
        directory("results/refined/{sample}/{bin}"),
    group: "refine"
    shell:
        "mkdir {output}; binner {input.fa} {input.folder}/binner.txt -o {output}/summary.txt;"
        " if grep -q 9 {input.fa}; then touch {output}/high.quality; fi"

checkpoint choose:
    input:
        lambda w: expand("results/refined/{s}/{b}", s=w.sample, b=bins_of(w)),
    output:
        "results/chosen/{sample}.tsv",
    script:
        "../scripts/choose.py"

def chosen(wildcards):
    found = []
    for sample in config["samples"]:
        with checkpoints.choose.get(sample=sample).output[0].open() as file:
            found += [f"results/annotated/{sample}/{line.split()[0]}.txt" for line in file]
    return found

rule annotate:
    input:
        "results/refined/{sample}/{bin}",
    output:
        "results/annotated/{sample}/{bin}.txt",
    shell:
        "cat {input}/*.txt > {output}"

rule report:
    input:
        chosen,
    output:
        "results/report.txt",
    shell:
        "stub report {input} -o {output}"

rule scattered:
    input:
        expand("data/{sample}.fa", sample=config["samples"]),
    output:
        touch("results/scattered/{scatteritem}.done"),
    shell:
        "cat {input} | sorter - > /dev/null"
