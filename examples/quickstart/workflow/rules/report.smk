# What people look at.


rule plot_coverage:
    input:
        expand(rules.coverage.output, sample=SAMPLES),
    output:
        "results/plots/coverage.svg",
    log:
        "logs/plot_coverage.log",
    params:
        samples=SAMPLES,
    container:
        "docker://quay.io/biocontainers/matplotlib:3.5.1"
    script:
        "../scripts/plot_coverage.py"


rule plot_variants:
    input:
        rules.merge.output,
    output:
        "results/plots/variants.svg",
    log:
        "logs/plot_variants.log",
    container:
        "docker://quay.io/biocontainers/matplotlib:3.5.1"
    script:
        "../scripts/plot_variants.py"


rule report:
    input:
        table=rules.merge.output[0],
        coverage=expand(rules.coverage.output, sample=SAMPLES),
        plots=[rules.plot_coverage.output[0], rules.plot_variants.output[0]],
    output:
        "results/report.html",
    log:
        "logs/report.log",
    params:
        samples=SAMPLES,
    container:
        "docker://quay.io/biocontainers/python:3.12"
    script:
        "../scripts/report.py"


# With the same versions of the tools, these are the same bytes wherever the jobs ran.
rule checksums:
    input:
        expand(rules.sort.output, sample=SAMPLES),
        expand(rules.call.output, sample=SAMPLES),
        rules.merge.output,
        rules.report.output,
    output:
        "results/SHA256SUMS",
    shell:
        "sha256sum {input} > {output}"
