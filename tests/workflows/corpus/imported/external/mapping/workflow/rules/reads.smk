rule reads:
    input:
        "data/{sample}.fq",
    output:
        temp("results/reads/{sample}.fq"),
    params:
        order="forward",
    shell:
        "if [ {params.order} = reverse ]; then tac {input}; else cat {input}; fi > {output}"

rule genome:
    output:
        fa="resources/genome.fa",
        index=multiext("resources/genome.fa", ".fai", ".dict"),
    params:
        species=config["species"],
    shell:
        "stub genome {params.species:q} -o {output.fa} && for i in {output.index}; do"
        " stub index {output.fa} > $i; done"
