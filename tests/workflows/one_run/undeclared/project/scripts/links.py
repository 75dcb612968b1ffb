import kinds

with open(snakemake.output[0], "w") as out:
    out.writelines(f"{path} {kinds.kind(path)}\n" for path in snakemake.input)
