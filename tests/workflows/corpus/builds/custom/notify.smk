rule digest:
    input:
        expand(rules.export.output.json, build=config["builds"]),
    output:
        "results/digest.txt",
    retries: 2
    shell:
        "sha256sum {input} > {output}"
