texts = [open(path).read() for path in snakemake.input]
open(snakemake.output[0], "w").write("".join(texts) + snakemake.wildcards.name)
