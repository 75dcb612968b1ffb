rule trim:
    input:
        unpack(get_fastq),
    output:
        temp("results/trimmed/{sample}-{unit}.fq"),
    params:
        extra=config["params"]["trim"],
        layout=lambda w: "single" if is_single_end(w.sample, w.unit) else "paired",
    log:
        "logs/trim/{sample}-{unit}.log",
    group: "map"
    shell:
        "(python workflow/scripts/stub.py trim {params.extra} {params.layout} {input}"
        " -o {output}) > {log} 2>&1"

rule index:
    input:
        config["ref"]["genome"],
    output:
        multiext("results/ref/genome", ".amb", ".ann", ".bwt"),
    container: "docker://debian:12"
    cache: True
    shell:
        "for ext in amb ann bwt; do wc -c < {input} > results/ref/genome.$ext; done"

rule map:
    input:
        reads=rules.trim.output,
        idx=rules.index.output,
    output:
        temp("results/mapped/{sample}-{unit}.bam"),
    params:
        prefix=lambda w, input: input.idx[0].rsplit(".", 1)[0],
        group=get_read_group,
    threads: config["threads"]
    group: "map"
    shell:
        "python workflow/scripts/stub.py map -t {threads} {params.group} {params.prefix}"
        " {input.reads} {input.idx} -o {output}"

rule merge:
    input:
        get_units,
    output:
        protected("results/merged/{sample}.bam"),
    benchmark:
        "benchmarks/{sample}.tsv"
    shell:
        "python workflow/scripts/stub.py merge {input} -o {output}"
