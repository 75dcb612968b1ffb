rule index:
    input:
        "resources/genome.fa",
    output:
        multiext("results/index/genome", ".1.bt2", ".rev.1.bt2"),
    params:
        prefix=subpath(output[0], strip_suffix=".1.bt2"),
    envmodules:
        "bowtie2/2.5",
    container: "docker://debian:11"
    shell:
        "for part in 1 rev.1; do stub index $part {input} -o {params.prefix}.$part.bt2; done"

rule align:
    input:
        "data/{sample}.fq",
    output:
        temp("results/mapped/{sample}.sam"),
    shell:
        "exit 3"

rule align_indexed:
    input:
        reads="data/{sample}.fq",
        index=branch(lookup("aligner/index", within=config), then=rules.index.output, otherwise=[]),
    output:
        temp("results/mapped/{sample}.sam"),
    params:
        extra=lambda w: r"--rg '@RG\tID:{0}\tSM:{0}'".format(w.sample),
    log:
        "logs/align/{sample}.log",
    threads: 2
    group: "map"
    shell:
        "(aligner {params.extra} --threads {threads} {input.index} {input.reads}) "
        "> {output} 2> {log}"

rule sort:
    input:
        "results/mapped/{sample}.sam",
    output:
        bam=protected("results/sorted/{sample}.bam"),
        bai="results/sorted/{sample}.bam.bai",
    group: "map"
    shadow: "minimal"
    shell:
        "sorter - < {input} > part.tmp; mv part.tmp {output.bam}; stub bai {output.bam} > {output.bai}"
