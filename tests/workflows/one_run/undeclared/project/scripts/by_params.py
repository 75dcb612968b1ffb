from pathlib import Path

params = snakemake.params
texts = [
    Path(params.table).read_text(),
    *(p.read_text() for p in sorted(Path(params.folder).iterdir()) if p.is_file()),
]
Path(snakemake.output[0]).write_text("".join(texts))
