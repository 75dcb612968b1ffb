__author__ = "nobody"

import os
import tempfile

from snakemake.shell import shell

extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=False, stderr=True)
reads = snakemake.input.fqs if isinstance(snakemake.input.fqs, list) else [snakemake.input.fqs]
count = len(reads)
assert count == snakemake.params.model["n"], "as many as the sheet says"

with tempfile.TemporaryDirectory() as folder:
    part = os.path.join(folder, "part.sam")
    shell(
        "(aligner -t {snakemake.threads} {extra} {snakemake.input.idx} {reads} > {part};"
        " sorter - < {part} > {snakemake.output[0]}) {log}"
    )
shell("echo {snakemake.wildcards.sample} {snakemake.params.model[condition]} >> {snakemake.output}")
