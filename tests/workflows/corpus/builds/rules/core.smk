rule index:
    message: "Looks at {input}."
    input:
        fasta="data/sequences.fasta",
    output:
        "results/index.tsv",
    shell:
        r"""
        # A comment, and what a shell makes of braces: {{a,b}}
        for letter in {{A,C}}; do
            printf '%s\t%s\n' "$letter" "$(grep -c "$letter" {input.fasta:q})"
        done > {output}
        """

rule subsample:
    input:
        metadata="data/metadata.tsv",
        index=ancient(rules.index.output),
    output:
        strains="results/{build}/strains.txt",
    params:
        max=lambda w: config["builds"][w.build]["subsample"]["max"],
        query=lambda w: shlex.quote(config["builds"][w.build]["subsample"]["query"]),
        columns=config["traits"]["columns"],
    log:
        "logs/subsample_{build}.txt",
    priority: 5
    shell:
        """
        stub filter --max {params.max} --query {params.query} --columns {params.columns:q} \
            {input.metadata} {input.index} -o {output.strains} 2>&1 | tee {log}
        """

rule chunk:
    input:
        rules.subsample.output.strains,
    output:
        pipe("results/{build}/chunk_{part}.pipe"),
    shell:
        "sed -n '{wildcards.part}p' {input} > {output}"

rule tips:
    input:
        expand("results/{{build}}/chunk_{part}.pipe", part=[1]),
    output:
        "auspice/{build}_tips.json",
    shell:
        """
        python3 - "{wildcards.build}" > {output} <<'PYTHON'
import json, sys
print(json.dumps({{"build": sys.argv[1]}}))
PYTHON
        cat {input} >> {output}
        """

rule export:
    input:
        strains=rules.subsample.output.strains,
        colors="defaults/colors.tsv" if os.path.exists("defaults/colors.tsv") else [],
    output:
        json=ensure("auspice/{build}.json", non_empty=True),
    params:
        title=lambda w: f"'{w.build}' \"build\" $HOME `date` \\n",
        flags="--strip" if config["strip"] else "",
    shell:
        """
        export AUGUR_RECURSION_LIMIT=10000; \\
        scripts/export.py --title {params.title:q} {params.flags} \\
            --strains {input.strains} > {output.json}
        """
