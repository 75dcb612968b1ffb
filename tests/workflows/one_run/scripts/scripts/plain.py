import os

from helpers.words import shout
from sibling import NAME

with open(snakemake.output.main, "w") as out:
    print(NAME, shout("loud"), snakemake.input, snakemake.input.more, file=out)
    print(snakemake.output.pair, snakemake.output[2], dict(snakemake.wildcards), file=out)
    for value in snakemake.params:
        print(type(value).__name__, value, file=out)
    print(snakemake.params.get("k"), snakemake.params.get("absent", "default"), file=out)
    print(snakemake.params["path"].name, snakemake.params.table["b"]["c"], file=out)
    print(snakemake.threads, snakemake.resources.mem_mb, snakemake.resources.label, file=out)
    print(snakemake.config, snakemake.rule, snakemake.log, file=out)
    print(os.path.relpath(snakemake.scriptdir), __name__, file=out)
for path in snakemake.output.pair:
    with open(path, "w") as out:
        out.write(path)
