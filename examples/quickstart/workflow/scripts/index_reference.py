"""Copy a reference genome to where it can be indexed, and index it."""

import shutil
import sys

import pysam


def main():
    source, fasta = sys.argv[1:]
    shutil.copyfile(source, fasta)
    pysam.faidx(fasta)
    with pysam.FastaFile(fasta) as genome:
        for name, length in zip(genome.references, genome.lengths, strict=True):
            print(f"{name}: {length} bases")


if __name__ == "__main__":
    main()
