import os

with open(snakemake.output[0], "w") as out:
    for folder in snakemake.input:
        names = sorted(os.listdir(folder))
        if "high.quality" in names or os.path.basename(folder).endswith("aa"):
            out.write(f"{os.path.basename(folder)}\t{','.join(n for n in names if n[0] != '.')}\n")
