"""One table of the fragments that salmon counted: a line a transcript, a column a sample."""

import csv
import sys

sys.stderr = open(snakemake.log[0], "w")

columns = {}
for sample, path in zip(snakemake.params.samples, snakemake.input, strict=True):
    with open(path, newline="") as table:
        columns[sample] = {
            row["Name"]: float(row["NumReads"]) for row in csv.DictReader(table, delimiter="\t")
        }
    print(f"{sample}: {sum(columns[sample].values()):.0f} fragments", file=sys.stderr)

with open(snakemake.output[0], "w") as out:
    print("transcript", *columns, sep="\t", file=out)
    for name in sorted(next(iter(columns.values()))):
        counted = (f"{column[name]:g}" for column in columns.values())
        print(name, *counted, sep="\t", file=out)
