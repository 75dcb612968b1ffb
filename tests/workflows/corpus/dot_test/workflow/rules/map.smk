rule reference:
    output:
        "resources/genome.fa",
    params:
        ref=config["ref"],
    conda:
        "../envs/curl.yaml"
    cache: True
    run:
        with open(output[0], "w") as out:
            print(*(f"{key}={params.ref[key]}" for key in sorted(params.ref)), file=out)

rule map:
    input:
        fqs=get_fqs,
        idx="resources/genome.fa",
    output:
        temp("results/mapped/{sample}.bam"),
    params:
        extra=lambda w: f"-R '@RG\\tID:{w.sample}'",
        model=get_model,
    log:
        "logs/map/{sample}.log",
    threads: 2
    wrapper:
        "v1.0.0/bio/map"

rule stats:
    input:
        "results/mapped/{sample}.bam",
    output:
        "results/mapped/{sample}.stats",
    log:
        "logs/stats/{sample}.log",
    wrapper:
        "v1.0.0/bio/stats"

rule plot:
    input:
        expand("results/mapped/{sample}.stats", sample=samples.index),
    output:
        svg="results/plots/conditions.svg",
    params:
        groups=samples.groupby("condition")["sample_name"].apply(list).to_dict(),
    shell:
        "cat {input} > {output.svg}; echo '{params.groups}' {config[ref][build]} >> {output}"
