"""Align reads to a small reference by exact seeds; write a sorted, indexed BAM."""

import argparse

import pysam


def read_fasta(path):
    with pysam.FastxFile(path) as records:
        record = next(iter(records))
        return record.name, record.sequence


def place(sequence, reference, index, seed):
    """The position with the fewest mismatches among those that a seed suggests, or None."""
    candidates = {
        position - offset
        for offset in range(0, len(sequence) - seed + 1, seed)
        for position in index.get(sequence[offset : offset + seed], ())
    }
    scored = [
        (sum(a != b for a, b in zip(sequence, reference[start:], strict=False)), start)
        for start in sorted(candidates)
        if 0 <= start <= len(reference) - len(sequence)
    ]
    return min(scored, default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference")
    parser.add_argument("reads")
    parser.add_argument("bam")
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    name, reference = read_fasta(arguments.reference)
    index = {}
    for position in range(len(reference) - arguments.seed + 1):
        index.setdefault(reference[position : position + arguments.seed], []).append(position)
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": len(reference)}]}
    )
    aligned, total = [], 0
    with pysam.FastxFile(arguments.reads) as reads:
        for read in reads:
            total += 1
            placed = place(read.sequence, reference, index, arguments.seed)
            if placed is None:
                continue
            segment = pysam.AlignedSegment(header)
            segment.query_name = read.name
            segment.query_sequence = read.sequence
            segment.query_qualities = pysam.qualitystring_to_array(read.quality)
            segment.reference_id, segment.reference_start = 0, placed[1]
            segment.mapping_quality = 60
            segment.cigartuples = [(0, len(read.sequence))]
            segment.set_tag("NM", placed[0])
            aligned.append(segment)
    aligned.sort(key=lambda segment: (segment.reference_start, segment.query_name))
    with pysam.AlignmentFile(arguments.bam, "wb", header=header) as bam:
        for segment in aligned:
            bam.write(segment)
    pysam.index(arguments.bam)
    print(f"{len(aligned)} of {total} reads aligned")


if __name__ == "__main__":
    main()
