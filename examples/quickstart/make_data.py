"""Make the example's data: a reference genome and simulated paired-end reads of four samples.

Deterministic: `data/` holds what this writes. The reads come from diploid genomes with known
single-base variants, which are kept in `data/truth.tsv` to compare the workflow's calls with.
"""

import gzip
import random
from pathlib import Path

SAMPLES = ("ash", "birch", "cedar", "elm")
CHROMOSOME, GENOME_LENGTH, LINE_LENGTH = "chr1", 10_000, 60
VARIANTS, EDGE = 24, 200
PAIRS, READ_LENGTH, ERROR_RATE = 1_500, 75, 0.004
# What a sequencer reads when it comes to the end of a short fragment (Illumina TruSeq).
ADAPTERS = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def make_variants(reference, generator):
    """Sites with an alternative base and each sample's number of copies of it."""
    sites = {}
    while len(sites) < VARIANTS:
        position = generator.randrange(EDGE, len(reference) - EDGE)
        # Neighbours would be read as one event; real callers treat them apart, too.
        if any(abs(position - other) < 30 for other in sites):
            continue
        alternative = generator.choice([b for b in "ACGT" if b != reference[position]])
        copies = [generator.choice((0, 0, 1, 1, 2)) for _ in SAMPLES]
        if any(copies):
            sites[position] = (alternative, copies)
    return dict(sorted(sites.items()))


def haplotypes(reference, sites, sample, generator):
    """The two copies of a sample's genome."""
    copies = [list(reference), list(reference)]
    for position, (alternative, counts) in sites.items():
        for copy in generator.sample(copies, counts[sample]):
            copy[position] = alternative
    return ["".join(copy) for copy in copies]


def sequence_read(fragment, adapter, generator):
    """The bases and qualities that a sequencer reports for a fragment."""
    bases, qualities = [], []
    for base in (fragment + adapter)[:READ_LENGTH]:
        wrong = generator.random() < ERROR_RATE
        bases.append(generator.choice("ACGT") if wrong else base)
        # Binned qualities, as current sequencers write them: 12, 23 or 37.
        likely = "-8" if wrong else "FFFFFFF8"
        qualities.append(generator.choice(likely))
    return "".join(bases), "".join(qualities)


def read_pairs(sample, copies, generator):
    """FASTQ text of both mates of every fragment."""
    mates = ([], [])
    for number in range(1, PAIRS + 1):
        size = generator.randint(55, 160) + generator.randint(0, 100)
        genome = generator.choice(copies)
        start = generator.randrange(len(genome) - size)
        strands = [genome[start : start + size]]
        strands.append(strands[0].translate(COMPLEMENT)[::-1])
        if generator.random() < 0.5:
            strands.reverse()
        for mate, (strand, adapter) in enumerate(zip(strands, ADAPTERS, strict=True)):
            bases, qualities = sequence_read(strand, adapter, generator)
            mates[mate].append(f"@{sample}.{number} {mate + 1}:N:0\n{bases}\n+\n{qualities}\n")
    return ["".join(records) for records in mates]


def main():
    data = Path(__file__).parent / "data"
    data.mkdir(exist_ok=True)
    generator = random.Random(2024)
    reference = "".join(generator.choices("ACGT", weights=(29, 21, 21, 29), k=GENOME_LENGTH))
    lines = [reference[at : at + LINE_LENGTH] for at in range(0, GENOME_LENGTH, LINE_LENGTH)]
    (data / "genome.fa").write_text(f">{CHROMOSOME}\n" + "\n".join(lines) + "\n")

    sites = make_variants(reference, generator)
    genotypes = ("./.", "0/1", "1/1")
    with open(data / "truth.tsv", "w") as truth:
        print("chrom", "pos", "ref", "alt", *SAMPLES, sep="\t", file=truth)
        for position, (alternative, copies) in sites.items():
            site = (CHROMOSOME, position + 1, reference[position], alternative)
            print(*site, *(genotypes[count] for count in copies), sep="\t", file=truth)

    for index, sample in enumerate(SAMPLES):
        generator = random.Random(index + 1)
        copies = haplotypes(reference, sites, index, generator)
        for mate, text in enumerate(read_pairs(sample, copies, generator), start=1):
            # No time stamp and no file name in the gzip header.
            packed = gzip.compress(text.encode(), mtime=0)
            (data / f"{sample}_R{mate}.fastq.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
