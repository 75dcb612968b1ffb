from pathlib import Path

from names import title

lines = Path(snakemake.input[0]).read_text().splitlines()
text = f"{title(snakemake.wildcards.sample)} {snakemake.rule} {snakemake.params.quality}"
Path(snakemake.output[0]).write_text("\n".join([text, *lines, snakemake.config["tool"], ""]))
