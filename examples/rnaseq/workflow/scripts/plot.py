"""The change of each transcript over its level."""

import csv
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "rnaseq"  # the same bytes each time
from matplotlib import pyplot  # noqa: E402 - after the choice of what draws

sys.stderr = open(snakemake.log[0], "w")

with open(snakemake.input[0], newline="") as table:
    rows = list(csv.DictReader(table, delimiter="\t"))

figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
colors = ["tab:red" if abs(float(row["t"])) > 8 else "tab:gray" for row in rows]
levels, changes = ([float(row[name]) for row in rows] for name in ("mean", "change"))
axes.scatter(levels, changes, c=colors)
axes.axhline(0, color="black", linewidth=0.5)
axes.set(xlabel="mean of log2 counts per million", ylabel="log2 fold change")
for row in rows[:6]:
    axes.annotate(row["transcript"], (float(row["mean"]), float(row["change"])), fontsize=7)
figure.savefig(snakemake.output[0], metadata={"Date": None})
