# From reads to sorted alignments.


rule index_reference:
    input:
        config["reference"],
    output:
        fasta="results/reference/genome.fa",
        index="results/reference/genome.fa.fai",
    log:
        "logs/index_reference.log",
    container:
        "docker://quay.io/biocontainers/pysam:0.22.1--py312hcfdcdd7_2"
    shell:
        "python workflow/scripts/index_reference.py {input} {output.fasta} > {log} 2>&1"


rule trim:
    input:
        unpack(reads_of),
    output:
        r1=temp("results/trimmed/{sample}_R1.fastq"),
        r2=temp("results/trimmed/{sample}_R2.fastq"),
    log:
        "logs/trim/{sample}.log",
    benchmark:
        "benchmarks/trim/{sample}.tsv"
    params:
        adapters="-a {adapter_r1} -A {adapter_r2}".format(**config["trim"]),
        filters="-q {min_quality} -m {min_length}".format(**config["trim"]),
    threads: 2
    resources:
        mem_mb=1000,
        runtime=10,
    container:
        "docker://quay.io/biocontainers/cutadapt:4.6--py39hf95cd2a_1"
    shell:
        """
        cutadapt --cores {threads} {params.adapters} {params.filters} \
            -o {output.r1} -p {output.r2} {input.r1} {input.r2} > {log} 2>&1
        """


# Calls a script of the project without declaring it: for HealthOmics the plugin adds the file.
rule align:
    input:
        reference=rules.index_reference.output.fasta,
        r1=rules.trim.output.r1,
        r2=rules.trim.output.r2,
    output:
        temp("results/aligned/{sample}.unsorted.bam"),
    log:
        "logs/align/{sample}.log",
    benchmark:
        "benchmarks/align/{sample}.tsv"
    params:
        **config["align"],
    container:
        "docker://quay.io/biocontainers/pysam:0.22.1--py312hcfdcdd7_2"
    shell:
        """
        python workflow/scripts/align.py --sample {wildcards.sample} \
            --seed-length {params.seed_length} \
            --max-mismatches {params.max_mismatches} \
            --max-insert {params.max_insert} \
            {input.reference} {input.r1} {input.r2} {output} > {log} 2>&1
        """


rule sort:
    input:
        rules.align.output,
    output:
        bam="results/aligned/{sample}.bam",
        bai="results/aligned/{sample}.bam.bai",
    log:
        "logs/sort/{sample}.log",
    threads: 2
    resources:
        mem_mb=lambda wildcards, input: max(1000, 10 * input.size_mb),
    container:
        "docker://quay.io/biocontainers/pysam:0.22.1--py312hcfdcdd7_2"
    script:
        "../scripts/sort.py"
