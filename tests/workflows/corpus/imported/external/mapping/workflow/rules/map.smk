rule map:
    input:
        reads=rules.reads.output,
        genome=rules.genome.output.fa,
        index=rules.genome.output.index,
    output:
        "results/mapped/{sample}.unsorted",
    params:
        extra=lambda wildcards, input: f"-q {config['quality']} --rg '{wildcards.sample}'",
    log:
        "results/logs/{sample}.log",
    threads: config.get("threads", 1)
    shell:
        "aligner {params.extra} -t {threads} {input} -o {output} 2> {log}"

rule sort:
    input:
        "results/mapped/{sample}.unsorted",
    output:
        protected("results/mapped/{sample}.bam"),
    shell:
        "sorter {input} -o {output}"

rule stats:
    input:
        expand("results/mapped/{sample}.bam", sample=config["samples"]),
    output:
        "results/stats/all.txt",
    script:
        "../scripts/stats.py"
