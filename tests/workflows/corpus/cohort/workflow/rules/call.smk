rule call:
    input:
        bam="results/merged/{sample}.bam",
        ref=config["ref"]["genome"],
    output:
        vcf="results/calls/{sample}.vcf",
    params:
        ploidy=lookup(dpath="params/call/ploidy", within=config),
    resources:
        mem_mb=lambda wildcards, input, attempt: max(1000, 2 * input.size_mb * attempt),
    script:
        "../scripts/call.py"

rule gather:
    input:
        collect("results/calls/{sample}.vcf", sample=samples.index),
    output:
        "results/calls/all.vcf",
    run:
        with open(output[0], "w") as out:
            for path in sorted(input):
                with open(path) as vcf:
                    out.write(f"# {path}\n{vcf.read()}")

rule diff:
    input:
        lambda w: [
            f"results/calls/{s}.vcf"
            for level in config["contrasts"][w.contrast]
            for s in samples.index[samples["condition"] == level]
        ],
    output:
        report("results/diff/{contrast}.tsv", category="diff"),
    shell:
        "paste {input} > {output}"

rule clean_names:
    input:
        "results/calls/{sample}.vcf",
    output:
        "results/names/{sample}.txt",
    shell:
        "echo {wildcards.sample} $(wc -l < {input}) > {output}"
