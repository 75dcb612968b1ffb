"""Plot each sample's genotypes along the reference; the same table gives the same bytes."""

import csv

import matplotlib

matplotlib.use("Agg")
# Ids in the SVG are random without it.
matplotlib.rcParams["svg.hashsalt"] = "quickstart"

from matplotlib import pyplot  # noqa: E402

KINDS = {"0/1": ("heterozygous", "tab:orange"), "1/1": ("homozygous", "tab:red")}

with open(snakemake.input[0]) as table:
    header, *sites = csv.reader(table, delimiter="\t")
samples = header[4:]
figure, axes = pyplot.subplots(figsize=(8, 1.4 + 0.4 * len(samples)))
for genotype, (kind, color) in KINDS.items():
    points = [
        (int(site[1]), row)
        for site in sites
        for row, called in enumerate(site[4:])
        if called == genotype
    ]
    axes.scatter([x for x, _ in points], [y for _, y in points], label=kind, color=color, s=28)
axes.set_yticks(range(len(samples)))
axes.set_yticklabels(samples)
axes.set_ylim(len(samples) - 0.5, -0.5)
axes.set_xlabel("position")
axes.set_title("Variants")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
figure.tight_layout()
figure.savefig(snakemake.output[0], metadata={"Date": None})

with open(snakemake.log[0], "w") as log:
    print(f"{len(sites)} sites", file=log)
