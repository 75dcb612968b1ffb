localrules: reference, sheet

rule reference:
    output:
        "resources/reference.fa",
    shell:
        "echo '>reference' > {output}"

rule checksum:
    input:
        rules.reference.output,
    output:
        "results/reference.md5",
    shell:
        "md5sum {input} > {output}"

rule clean_reads:
    input:
        "data/{sample}.txt",
    output:
        temp("results/{sample}/clean.txt"),
    group: "small"
    shell:
        "trimmer --partition {resources.slurm_partition} --account {resources.slurm_account}"
        " {input} -o {output}"

rule assemble:
    input:
        reads="results/{sample}/clean.txt",
        reference="resources/reference.fa",
    output:
        contigs="results/{sample}/contigs.fa",
        graph=temp(directory("results/{sample}/graph")),
    params:
        kmer=config["kmer"],
        memory=lambda w, resources: resources.mem_mb // 1000,
    threads: 1
    log:
        "logs/{sample}.log",
    shadow: "full"
    shell:
        """
        mkdir {output.graph}
        stub assemble -k {params.kmer} --{config[mode]} -t {threads} -m {params.memory} \
            --qos '{resources.slurm_extra}' {input} -o scratch.fa 2> {log}
        cp scratch.fa {output.graph}/graph.gfa && mv scratch.fa {output.contigs}
        """

rule stats:
    input:
        expand("results/{sample}/contigs.fa", sample=config["samples"]),
    output:
        "results/stats.tsv",
    resources:
        mem_mb=lambda w, input, attempt: max(100, int(2 * input.size_mb)) * attempt,
        disk="10GB",
    shell:
        "wc -l {input} | sorter - > {output}"

rule sheet:
    output:
        "results/sheet.txt",
    shell:
        "date > {output}"
