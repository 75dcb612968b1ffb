rule count:
    input:
        tool=workflow.source_path("../scripts/stub.py"),
        data="data/{sample}.txt",
    output:
        "results/{sample}.count",
    container: "docker://python:3.11"
    conda: "../envs/count.yaml"
    shell:
        "python {input.tool} count {input.data} -o {output}"

rule report:
    input:
        counted="results/{sample}.count",
        template=workflow.source_path("../scripts/template.txt"),
    output:
        "results/{sample}.report",
    container: "docker://python:3.11"
    script:
        "../scripts/report.py"


rule merge:
    input:
        expand("results/{sample}.report", sample=config["samples"]),
    output:
        merged="results/merged.txt",
        total="results/total.txt",
    container: "docker://python:3.11"
    shell:
        "python {workflow.basedir}/scripts/merge.py {output.merged} {input} && "
        "source {workflow.basedir}/rules/../scripts/functions.sh && "
        "counted {workflow.basedir}/../workflow/resources/names.tsv > {output.total}"
