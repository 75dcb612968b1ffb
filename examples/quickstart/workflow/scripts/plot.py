"""Plot where each sample differs from the reference; the same table gives the same bytes."""

import csv

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "quickstart"

from matplotlib import pyplot  # noqa: E402

with open(snakemake.input[0]) as table:
    rows = list(csv.DictReader(table, delimiter="\t"))
samples = [name for name in (rows[0] if rows else {}) if name not in ("chrom", "pos", "ref", "alt")]
figure, axes = pyplot.subplots(figsize=(8, 2 + len(samples) / 3))
for number, sample in enumerate(samples):
    positions = [int(row["pos"]) for row in rows if row[sample] == "1"]
    axes.plot(positions, [number] * len(positions), "|", markersize=14)
axes.set_yticks(range(len(samples)), samples)
axes.set_xlabel("position on chr1")
axes.set_title("Single-base variants")
figure.tight_layout()
figure.savefig(snakemake.output[0], metadata={"Date": None})
