rule chunks:
    input:
        "data/{sample}.fq",
    output:
        temp(directory("work/{sample}/chunks")),
    params:
        lines=4 * config["depth"],
    shell:
        "mkdir -p {output}/deep && split -l {params.lines} {input} {output}/deep/part."
        " && ls {output}/deep > {output}/names"

rule database:
    output:
        ensure("resources/markers.txt", sha256=config["markers"]["sha256"]),
    params:
        url=config["markers"]["url"],
    shell:
        "printf '%s\n' {params.url} > {output}"

rule assemble:
    input:
        chunks=rules.chunks.output,
        markers=rules.database.output,
    output:
        contigs=protected(ensure("results/{sample}/k{k}/contigs.fa", non_empty=True)),
        graph=temp(directory("work/{sample}/k{k}.graph")),
    wildcard_constraints:
        k=r"\d+",
    params:
        careful=lambda w: "--careful" if int(w.k) > config["assembly"]["careful_from"] else "",
    log:
        "logs/{sample}.k{k}.log",
    threads: 2
    retries: 2
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
        runtime=lambda wildcards, attempt: f"{attempt}h",
    shell:
        """
        mkdir {output.graph}
        # Larger k want more than the first try has.
        [ {resources.mem_mb} -ge $((30 * {wildcards.k})) ] || {{ echo "out of memory" >&2; exit 137; }}
        stub assemble -k {wildcards.k} -t {threads} -m {resources.mem_mb} {params.careful} \
            {input.chunks}/deep/* {input.markers} -o {output.contigs} 2> {log}
        cp {output.contigs} {output.graph}/edges && rm -f {output.graph}/none
        """

rule quality:
    input:
        contigs="results/{sample}/k{k}/contigs.fa",
        graph="work/{sample}/k{k}.graph",
    output:
        "results/{sample}.k{k,[0-9]+}.tsv",
    resources:
        mem_mb=lambda wildcards, input, attempt: max(200, int(3 * input.size_mb)) * attempt,
    script:
        "../scripts/quality.py"

rule best:
    input:
        collect("results/{{sample}}.k{k}.tsv", k=config["assembly"]["k"]),
    output:
        touch("results/{sample}.done"),
        tsv=protected("results/{sample}.tsv"),
    params:
        title=config["title"],
    shell:
        "stub best --title {params.title:q} {input} -o {output.tsv}"

rule settings:
    output:
        "results/settings.json",
    params:
        **{key: value for key, value in config.items() if key != "samples"},
    run:
        import json

        with open(output[0], "w") as out:
            json.dump({"params": dict(params.items()), "config": config["title"]}, out, indent=1)
