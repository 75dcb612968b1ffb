# From alignments to variants and coverage.


rule coverage:
    input:
        bam=rules.sort.output.bam,
        bai=rules.sort.output.bai,
    output:
        "results/coverage/{sample}.tsv",
    log:
        "logs/coverage/{sample}.log",
    params:
        window=config["coverage"]["window"],
    container:
        "docker://quay.io/biocontainers/pysam:0.22.1--py312hcfdcdd7_2"
    script:
        "../scripts/coverage.py"


rule call:
    input:
        bam=rules.sort.output.bam,
        bai=rules.sort.output.bai,
        reference=rules.index_reference.output.fasta,
        index=rules.index_reference.output.index,
    output:
        vcf="results/calls/{sample}.vcf.gz",
        tbi="results/calls/{sample}.vcf.gz.tbi",
    log:
        "logs/call/{sample}.log",
    benchmark:
        "benchmarks/call/{sample}.tsv"
    params:
        **config["call"],
    resources:
        mem_mb=1500,
    container:
        "docker://quay.io/biocontainers/pysam:0.22.1--py312hcfdcdd7_2"
    script:
        "../scripts/call.py"


rule merge:
    input:
        vcfs=expand(rules.call.output.vcf, sample=SAMPLES),
    output:
        "results/variants.tsv",
    log:
        "logs/merge.log",
    params:
        samples=SAMPLES,
    container:
        "docker://quay.io/biocontainers/pysam:0.22.1--py312hcfdcdd7_2"
    script:
        "../scripts/merge.py"
