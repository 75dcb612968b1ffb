"""Make the example's data: transcripts, and simulated paired-end reads of six samples.

Deterministic: `data/` holds what this writes. In the treated samples the first genes are more and
the next ones less expressed, which is what the workflow finds.
"""

import gzip
import random
from pathlib import Path

SAMPLES = {"c1": "control", "c2": "control", "c3": "control"}
SAMPLES |= {"t1": "treated", "t2": "treated", "t3": "treated"}
GENES, UP, DOWN = 20, 3, 3
PAIRS, READ_LENGTH, ERROR_RATE, DIMERS = 600, 60, 0.003, 0.03
ADAPTERS = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def sequenced(fragment, adapter, generator):
    """The bases of a read: of the fragment, then of the adapter, with a few errors."""
    bases = (fragment + adapter)[:READ_LENGTH]
    return "".join(
        generator.choice("ACGT") if generator.random() < ERROR_RATE else base for base in bases
    )


def main():
    data = Path(__file__).parent / "data"
    data.mkdir(exist_ok=True)
    generator = random.Random(7)
    transcripts = {
        f"GENE{number:02}": "".join(generator.choices("ACGT", k=generator.randint(500, 1_200)))
        for number in range(1, GENES + 1)
    }
    text = "".join(f">{name}\n{sequence}\n" for name, sequence in transcripts.items())
    (data / "transcripts.fa").write_text(text)

    usual = {name: generator.choice((1, 2, 4, 8)) for name in transcripts}
    for number, (sample, condition) in enumerate(SAMPLES.items()):
        generator = random.Random(number)
        weights = []
        for index, (name, sequence) in enumerate(transcripts.items()):
            changed = 6 if index < UP else 1 / 6 if index < UP + DOWN else 1
            factor = changed if condition == "treated" else 1
            weights.append(usual[name] * factor * len(sequence) * generator.uniform(0.85, 1.15))
        mates = ([], [])
        for pair in range(1, PAIRS + 1):
            sequence = generator.choices(list(transcripts.values()), weights)[0]
            size = max(45, min(len(sequence), int(generator.gauss(160, 40))))
            if generator.random() < DIMERS:
                size = generator.randint(5, 25)  # next to nothing between the adapters
            start = generator.randrange(len(sequence) - size + 1)
            strands = [sequence[start : start + size]]
            strands.append(strands[0].translate(COMPLEMENT)[::-1])
            if generator.random() < 0.5:
                strands.reverse()
            for mate, (strand, adapter) in enumerate(zip(strands, ADAPTERS, strict=True)):
                bases = sequenced(strand, adapter, generator)
                mates[mate].append(f"@{sample}.{pair} {mate + 1}\n{bases}\n+\n{'F' * len(bases)}\n")
        for mate, records in enumerate(mates, start=1):
            # No time stamp and no file name in the gzip header.
            packed = gzip.compress("".join(records).encode(), mtime=0)
            (data / f"{sample}_R{mate}.fastq.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
