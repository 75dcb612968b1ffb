"""Call single-base variants of a diploid sample from its pileup, as indexed VCF.

The usual model: reads are independent, a base is wrong with the probability that its quality
says, and a heterozygous site shows either base equally often.
"""

from collections import Counter
from math import log10

import pysam

GENOTYPES = ((0, 0), (0, 1), (1, 1))
HEADER = (
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Bases used">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Bases that show each allele">',
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods">',
)


def likelihoods(bases, reference, alternative):
    """log10 of how likely the bases are under no, one and two copies of the alternative."""
    totals = [0.0, 0.0, 0.0]
    for base, quality in bases:
        error = 10 ** (-quality / 10)
        for copies in range(3):
            shows_reference = 1 - error if base == reference else error / 3
            shows_alternative = 1 - error if base == alternative else error / 3
            totals[copies] += log10(
                shows_reference * (2 - copies) / 2 + shows_alternative * copies / 2
            )
    return totals


def pileup(bam, chromosome, params):
    """Each covered position with the bases, and their qualities, that pass the filters."""
    columns = bam.pileup(
        chromosome,
        min_base_quality=params.min_base_quality,
        min_mapping_quality=params.min_mapping_quality,
        max_depth=100_000,
    )
    for column in columns:
        # A gap shows as an empty string.
        bases = zip(column.get_query_sequences(), column.get_query_qualities(), strict=True)
        yield column.reference_pos, [(base.upper(), quality) for base, quality in bases if base]


def call(bases, reference, params):
    """The alternative base, the genotype's number and all phred-scaled likelihoods, or None."""
    counts = Counter(base for base, _ in bases if base != reference and base != "N")
    if not counts:
        return None
    alternative, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    if count < params.min_alternative_reads:
        return None
    totals = likelihoods(bases, reference, alternative)
    phred = [round(10 * (max(totals) - total)) for total in totals]
    if phred[0] < params.min_quality:
        return None
    return alternative, phred.index(0), phred


def main():
    params, sample = snakemake.params, snakemake.wildcards.sample
    header = pysam.VariantHeader()
    found = Counter()
    with (
        pysam.FastaFile(snakemake.input.reference) as genome,
        pysam.AlignmentFile(snakemake.input.bam) as bam,
    ):
        for name, length in zip(genome.references, genome.lengths, strict=True):
            header.contigs.add(name, length=length)
        for line in HEADER:
            header.add_line(line)
        header.add_sample(sample)
        with pysam.VariantFile(snakemake.output.vcf, "wz", header=header) as vcf:
            for chromosome in genome.references:
                sequence = genome.fetch(chromosome).upper()
                for position, bases in pileup(bam, chromosome, params):
                    reference = sequence[position]
                    called = call(bases, reference, params)
                    if called is None:
                        continue
                    alternative, number, phred = called
                    record = vcf.new_record(
                        contig=chromosome,
                        start=position,
                        alleles=(reference, alternative),
                        qual=phred[0],
                        filter="PASS",
                    )
                    record.info["DP"] = len(bases)
                    counts = Counter(base for base, _ in bases)
                    genotype = record.samples[sample]
                    genotype["GT"] = GENOTYPES[number]
                    genotype["AD"] = (counts[reference], counts[alternative])
                    genotype["PL"] = phred
                    vcf.write(record)
                    found[GENOTYPES[number]] += 1
    pysam.tabix_index(snakemake.output.vcf, preset="vcf", force=True)
    with open(snakemake.log[0], "w") as log:
        print(f"{sample}: {found[0, 1]} heterozygous, {found[1, 1]} homozygous", file=log)


main()
