"""fastp for pairs of reads, in the layout of Snakemake's wrapper repository."""

from snakemake.shell import shell

log = snakemake.log_fmt_shell(stdout=True, stderr=True)
extra = snakemake.params.get("extra", "")

shell(
    "fastp --thread {snakemake.threads} {extra}"
    " --in1 {snakemake.input.r1} --in2 {snakemake.input.r2}"
    " --out1 {snakemake.output.r1} --out2 {snakemake.output.r2}"
    " --json {snakemake.output.json} --html {snakemake.output.html} {log}"
)
