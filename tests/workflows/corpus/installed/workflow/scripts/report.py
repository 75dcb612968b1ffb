from layout import framed

with open(snakemake.input.template) as template, open(snakemake.input.counted) as counted:
    text = template.read().format(sample=snakemake.wildcards.sample) + counted.read()
with open(snakemake.output[0], "w") as out:
    out.write(framed(text.splitlines()))
