ref, built = snakemake.input
with open(snakemake.output[0], "w") as out:
    for path in (ref, f"{ref}.fai", built, built.replace(".1.", ".2.")):
        out.write(open(path).read())
