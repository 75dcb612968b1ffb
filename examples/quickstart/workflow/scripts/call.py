"""Call single-base variants from a pileup; write VCF."""

import sys
from collections import Counter

import pysam

sys.stderr = open(snakemake.log[0], "w")  # noqa: SIM115

with pysam.FastxFile(snakemake.input.reference) as records:
    reference = next(iter(records))
sample = snakemake.wildcards.sample
calls = []
with pysam.AlignmentFile(snakemake.input.bam) as bam:
    for column in bam.pileup(reference.name, min_base_quality=20):
        bases = Counter(base.upper() for base in column.get_query_sequences() if base)
        depth = sum(bases.values())
        if depth < snakemake.params.min_depth:
            continue
        base, count = min(bases.items(), key=lambda item: (-item[1], item[0]))
        expected = reference.sequence[column.reference_pos]
        if base != expected and count / depth >= snakemake.params.min_fraction:
            calls.append((column.reference_pos, expected, base, depth, count / depth))

header = pysam.VariantHeader()
header.add_line(f"##contig=<ID={reference.name},length={len(reference.sequence)}>")
header.add_line('##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">')
header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
header.add_sample(sample)
with pysam.VariantFile(snakemake.output[0], "w", header=header) as vcf:
    for position, expected, base, depth, _ in calls:
        record = vcf.new_record(
            contig=reference.name, start=position, alleles=(expected, base), filter="PASS"
        )
        record.info["DP"] = depth
        record.samples[sample]["GT"] = (1, 1)
        vcf.write(record)
print(f"{sample}: {len(calls)} variants", file=sys.stderr)
