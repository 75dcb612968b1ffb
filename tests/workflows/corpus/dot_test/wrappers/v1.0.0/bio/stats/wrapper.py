from pathlib import Path

from snakemake.shell import shell

log = snakemake.log_fmt_shell()
name = Path(snakemake.output[0]).stem
shell("counter --name {name} {snakemake.input} -o {snakemake.output} {log}")
