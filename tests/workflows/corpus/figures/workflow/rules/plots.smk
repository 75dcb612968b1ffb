rule plot:
    input:
        "data/{sample}.txt",
    output:
        svg=report(
            "results/plots/{sample}.svg",
            caption="../report/plot.rst",
            category="Plots",
            subcategory="{sample}",
            labels=lambda wildcards: {"sample": wildcards.sample, "kind": config["kind"]},
        ),
    params:
        width=config["width"],
    log:
        "logs/{sample}.log",
    benchmark:
        "benchmarks/{sample}.tsv"
    shell:
        """
        {{ echo '<svg xmlns="http://www.w3.org/2000/svg" width="{params.width}"><!--'
        counter --width {params.width} {input}
        echo '--></svg>'; }} > {output.svg} 2> {log}
        """

rule table:
    input:
        expand("data/{sample}.txt", sample=config["samples"]),
    output:
        report(
            "results/table.tsv",
            caption=workflow.source_path("../report/table.rst"),
            category="Tables",
        ),
    conda:
        "../envs/table.yaml"
    script:
        "../scripts/table.py"

rule pages:
    input:
        "results/table.tsv",
    output:
        report(directory("results/pages"), htmlindex="index.html", category="Pages"),
    shell:
        "mkdir -p {output}/css && echo 'p {{ color: red }}' > {output}/css/a.css && "
        "{{ echo '<html><p>'; sorter {input}; echo '</p></html>'; }} > {output}/index.html"

rule tracks:
    input:
        rules.table.output,
    output:
        report(
            directory("results/tracks"),
            patterns=["{name}.{strand}.txt"],
            caption="../report/plot.rst",
            category="Tracks",
            labels={"name": "{name}", "strand": "{strand}"},
        ),
    params:
        width=0,
    shell:
        "mkdir {output}; for s in plus minus; do stub $s {input} -o {output}/gene.$s.txt; done"
