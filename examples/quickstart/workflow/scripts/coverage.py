"""Mean depth of a sample in windows along the reference."""

import pysam

size = snakemake.params.window
with (
    pysam.AlignmentFile(snakemake.input.bam) as bam,
    open(snakemake.output[0], "w") as table,
    open(snakemake.log[0], "w") as log,
):
    print("chrom", "start", "end", "depth", sep="\t", file=table)
    for chromosome, length in zip(bam.references, bam.lengths, strict=True):
        depth = [sum(bases) for bases in zip(*bam.count_coverage(chromosome), strict=True)]
        for start in range(0, length, size):
            window = depth[start : start + size]
            mean = f"{sum(window) / len(window):.2f}"
            print(chromosome, start, start + len(window), mean, sep="\t", file=table)
        print(f"{chromosome}: mean depth {sum(depth) / length:.1f}", file=log)
