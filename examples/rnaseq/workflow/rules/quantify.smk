rule trim:
    input:
        r1=reads("r1"),
        r2=reads("r2"),
    output:
        r1=temp("results/trimmed/{sample}_R1.fastq.gz"),
        r2=temp("results/trimmed/{sample}_R2.fastq.gz"),
        json="results/trimmed/{sample}.json",
        html="results/trimmed/{sample}.html",
    params:
        extra=config["fastp"]["extra"],
    log:
        "logs/trim/{sample}.log",
    threads: 2
    resources:
        mem_mb=2000,
    wrapper:
        "bio/fastp"


rule index:
    input:
        config["transcripts"],
    output:
        directory("results/index"),
    params:
        kmer=config["salmon"]["kmer"],
    log:
        "logs/index.log",
    threads: 2
    resources:
        mem_mb=lambda wildcards, input: max(2000, int(20 * input.size_mb)),
    conda:
        "../envs/salmon.yaml"
    shell:
        "salmon index --transcripts {input} --index {output} --kmerLen {params.kmer}"
        " --threads {threads} > {log} 2>&1"


rule quantify:
    input:
        index="results/index",
        r1="results/trimmed/{sample}_R1.fastq.gz",
        r2="results/trimmed/{sample}_R2.fastq.gz",
    output:
        "results/quantified/{sample}/quant.sf",
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
    log:
        "logs/quantify/{sample}.log",
    benchmark:
        "benchmarks/quantify/{sample}.tsv"
    threads: 2
    resources:
        # Grows with each attempt, where `--retries` allows for one.
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    conda:
        "../envs/salmon.yaml"
    shell:
        "salmon quant --index {input.index} --libType A --mates1 {input.r1} --mates2 {input.r2}"
        " --threads {threads} --output {params.folder} > {log} 2>&1"
