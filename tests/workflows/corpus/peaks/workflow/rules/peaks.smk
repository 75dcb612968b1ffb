def control(wildcards):
    name = lookup(dpath=f"samples/{wildcards.sample}/control", within=config)
    return f"results/sorted/{name}.bam"

rule call:
    input:
        chip="results/sorted/{sample}.bam",
        bai="results/sorted/{sample}.bam.bai",
        control=control,
    output:
        report(
            "results/peaks/{sample}.bed",
            caption="../report/peaks.rst",
            category="Peaks",
            labels={"sample": "{sample}"},
        ),
        xls=ensure("results/peaks/{sample}.xls", non_empty=True),
    params:
        mode=lookup("peaks/mode", within=config),
        q=config["peaks"]["q"],
        antibody=lookup("samples/{sample}/antibody", within=config),
        broad=lambda w, output: os.path.splitext(output.xls)[0],
    conda:
        "../envs/macs2.yaml"
    container: "docker://python:3.11"
    benchmark:
        repeat("benchmarks/{sample}.tsv", 2)
    shell:
        """
        peaker --{params.mode} -q {params.q} --name {params.antibody:q} \\
            {input.chip} {input.control} -o {output[0]}
        awk 'NR == 1 {{ print "partition", "{resources.slurm_partition}", $1 }}' {output[0]} \\
            > {params.broad}.xls
        """

rule qc:
    input:
        collect(rules.call.output.xls, sample=CHIPS),
        rules.sort.output.bam.format(sample="input1"),
    output:
        report("results/qc/report.html", category="QC"),
    params:
        title="chip & input",
    script:
        "../scripts/qc.py"

rule sheet:
    input:
        collect("results/peaks/{sample}.bed", sample=CHIPS),
    output:
        "results/sheet.tsv",
    run:
        with open(output[0], "w") as out:
            for path in input:
                out.write(f"{Path(path).stem}\t{Path(path).stat().st_size}\n")
