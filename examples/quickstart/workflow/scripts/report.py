"""One HTML page, complete in itself: what was found, the plots, and the table of variants."""

import csv
from base64 import b64encode
from html import escape
from pathlib import Path

STYLE = """
body { font-family: sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: .2em 1em; border-bottom: 1px solid #ddd; text-align: left }
img { max-width: 100% }
"""


def read_table(path):
    with open(path, newline="") as table:
        header, *rows = csv.reader(table, delimiter="\t")
    return header, rows


def html_table(header, rows):
    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "\n".join(
        ["<table>", line(header, "th"), *(line(row, "td") for row in rows), "</table>"]
    )


def image(path):
    # As an <img>, so that the ids of one plot cannot meet those of another.
    encoded = b64encode(Path(path).read_bytes()).decode()
    name = escape(Path(path).stem)
    return f'<img alt="{name}" src="data:image/svg+xml;base64,{encoded}">'


def mean_depth(path):
    with open(path, newline="") as table:
        windows = list(csv.DictReader(table, delimiter="\t"))
    sizes = [int(window["end"]) - int(window["start"]) for window in windows]
    depths = [float(window["depth"]) for window in windows]
    return sum(size * depth for size, depth in zip(sizes, depths, strict=True)) / sum(sizes)


def summary(samples, header, sites, coverage):
    """Each sample's mean depth and number of variants."""
    rows = []
    for sample, path in zip(samples, coverage, strict=True):
        called = [site[header.index(sample)] for site in sites]
        counts = [str(called.count("0/1")), str(called.count("1/1"))]
        rows.append([sample, f"{mean_depth(path):.1f}", *counts])
    return html_table(["sample", "mean depth", "heterozygous", "homozygous"], rows)


def main():
    samples = snakemake.params.samples
    header, sites = read_table(snakemake.input.table)
    title = f"{len(sites)} variant sites in {len(samples)} samples"
    parts = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        f"<title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>",
        summary(samples, header, sites, snakemake.input.coverage),
        *map(image, snakemake.input.plots),
        "<h2>Sites</h2>",
        html_table(header, sites),
        "</html>\n",
    ]
    Path(snakemake.output[0]).write_text("\n".join(parts))
    with open(snakemake.log[0], "w") as log:
        print(title, file=log)


main()
