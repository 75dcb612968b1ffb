include: "deeper.smk"

rule base:
    output: "out/base.txt"
    params: word=greeting()
    shell: "echo {params.word} > {output}"
