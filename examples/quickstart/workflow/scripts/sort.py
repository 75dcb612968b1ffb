"""Sort alignments by position, and index them."""

import pysam

bam = snakemake.output.bam
# Without --no-PG the header would hold this machine's command line.
pysam.sort("--no-PG", "-@", str(snakemake.threads), "-o", bam, snakemake.input[0])
pysam.index(bam, snakemake.output.bai)

with pysam.AlignmentFile(bam) as alignments, open(snakemake.log[0], "w") as log:
    print(f"{alignments.mapped} mapped, {alignments.unmapped} unmapped", file=log)
