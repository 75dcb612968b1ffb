"""One HTML page with the plot and the table."""

import csv
from html import escape
from pathlib import Path

with open(snakemake.input.table) as table:
    header, *rows = csv.reader(table, delimiter="\t")
svg = Path(snakemake.input.plot).read_text()
svg = svg[svg.index("<svg") :]


def row(cells, tag):
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


page = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Variants</title>
<style>body {{ font-family: sans-serif; margin: 2em }} td, th {{ padding: 0 1em }}</style>
<h1>{len(rows)} variant sites in {len(header) - 4} samples</h1>
{svg}
<table>
{row(header, "th")}
{chr(10).join(row(cells, "td") for cells in rows)}
</table>
</html>
"""
Path(snakemake.output[0]).write_text(page)
