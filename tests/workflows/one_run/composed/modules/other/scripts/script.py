open(snakemake.output[0], "w").write(f"{snakemake.config}")
