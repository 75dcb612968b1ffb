"""Plot the depth of every sample along the reference; the same tables give the same bytes."""

import csv

import matplotlib

matplotlib.use("Agg")
# Ids in the SVG are random without it.
matplotlib.rcParams["svg.hashsalt"] = "quickstart"

from matplotlib import pyplot  # noqa: E402

samples = snakemake.params.samples
figure, rows = pyplot.subplots(
    len(samples), sharex=True, sharey=True, squeeze=False, figsize=(8, 1 + 1.1 * len(samples))
)
for number, sample in enumerate(samples):
    with open(snakemake.input[number]) as table:
        windows = list(csv.DictReader(table, delimiter="\t"))
    # A step lasts to the next point: the last window needs one at its end.
    edges = [int(window["start"]) for window in windows] + [int(windows[-1]["end"])]
    depths = [float(window["depth"]) for window in windows]
    axes = rows[number][0]
    axes.fill_between(edges, [*depths, depths[-1]], step="post")
    axes.margins(x=0)
    axes.set_ylabel(sample)
    axes.set_ylim(bottom=0)
rows[0][0].set_title("Depth")
rows[-1][0].set_xlabel("position on {}".format(windows[0]["chrom"]))
figure.tight_layout()
figure.savefig(snakemake.output[0], metadata={"Date": None})

with open(snakemake.log[0], "w") as log:
    print(f"{len(samples)} samples, {len(windows)} windows each", file=log)
