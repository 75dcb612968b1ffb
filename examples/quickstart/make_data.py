"""Make the example's data: a reference and simulated reads of three samples.

Deterministic, so that anybody can check that what lies in `data/` is what this makes.
"""

import gzip
import random
from pathlib import Path

ADAPTER = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"
LENGTH, READS, READ_LENGTH, ERROR_RATE = 6_000, 1_200, 90, 0.002
SAMPLES = {"NA01": 11, "NA02": 22, "NA03": 33}


def mutate(reference, generator):
    """A sample's genome: the reference with a single-base variant every 400 bases or so."""
    genome = list(reference)
    for position in range(100, len(genome) - 100):
        if generator.random() < 1 / 400:
            genome[position] = generator.choice([b for b in "ACGT" if b != genome[position]])
    return "".join(genome)


def reads(genome, generator):
    """Single-end reads; a third of the fragments are short, so that the adapter is read."""
    for number in range(READS):
        size = generator.randint(50, READ_LENGTH - 5) if number % 3 == 0 else READ_LENGTH
        start = generator.randrange(len(genome) - size)
        sequence = (genome[start : start + size] + ADAPTER)[:READ_LENGTH]
        bases = [
            generator.choice("ACGT") if generator.random() < ERROR_RATE else base
            for base in sequence
        ]
        qualities = "".join(chr(33 + generator.randint(30, 40)) for _ in bases)
        yield f"@read{number}\n{''.join(bases)}\n+\n{qualities}\n"


def main():
    data = Path(__file__).parent / "data"
    data.mkdir(exist_ok=True)
    generator = random.Random(1)
    reference = "".join(generator.choice("ACGT") for _ in range(LENGTH))
    lines = [reference[start : start + 60] for start in range(0, LENGTH, 60)]
    (data / "reference.fa").write_text(">chr1\n" + "\n".join(lines) + "\n")
    for sample, seed in SAMPLES.items():
        generator = random.Random(seed)
        genome = mutate(reference, generator)
        text = "".join(reads(genome, generator)).encode()
        (data / f"{sample}.fastq.gz").write_bytes(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    main()
