"""Log2 fold change between two conditions and Welch's t for each transcript.

A stand-in for DESeq2 or edgeR, so that the example needs no R.
"""

import csv
import sys
from math import log2, sqrt
from statistics import mean, variance

sys.stderr = open(snakemake.log[0], "w")
conditions, (one, other) = snakemake.params.conditions, snakemake.params.contrast

with open(snakemake.input[0], newline="") as table:
    rows = list(csv.DictReader(table, delimiter="\t"))
totals = {sample: sum(float(row[sample]) for row in rows) for sample in conditions}


def logs(row, condition):
    """Log2 of counts per million in the samples of a condition."""
    samples = [sample for sample, its in conditions.items() if its == condition]
    return [log2(float(row[sample]) / totals[sample] * 1e6 + 1) for sample in samples]


found = []
for row in rows:
    a, b = logs(row, one), logs(row, other)
    error = sqrt(variance(a) / len(a) + variance(b) / len(b))
    change = mean(a) - mean(b)
    found.append((row["transcript"], mean(a + b), change, change / error if error else 0.0))

with open(snakemake.output[0], "w") as out:
    print("transcript", "mean", "change", "t", sep="\t", file=out)
    for name, level, change, t in sorted(found, key=lambda each: -abs(each[3])):
        print(name, f"{level:.2f}", f"{change:.2f}", f"{t:.1f}", sep="\t", file=out)
print(f"{one} against {other}: {len(found)} transcripts", file=sys.stderr)
