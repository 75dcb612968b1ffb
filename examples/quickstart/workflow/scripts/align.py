"""Align read pairs to a small reference: exact seeds find places, mismatches rank them.

No gaps are opened: the simulated genomes differ from the reference in single bases only.
"""

import argparse

import pysam

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
UNIQUE, AMBIGUOUS = 60, 0


def index_seeds(reference, length):
    """Where each string of `length` bases occurs in the reference."""
    index = {}
    for start in range(len(reference) - length + 1):
        index.setdefault(reference[start : start + length], []).append(start)
    return index


def place(read, reference, index, arguments):
    """The best place of a read as (mismatches, start, is_reverse, quality), or None."""
    found = []
    step = arguments.seed_length
    for is_reverse in (False, True):
        bases = read.sequence.translate(COMPLEMENT)[::-1] if is_reverse else read.sequence
        starts = {
            start - offset
            for offset in range(0, len(bases) - step + 1, step)
            for start in index.get(bases[offset : offset + step], ())
        }
        for start in starts:
            if 0 <= start <= len(reference) - len(bases):
                mismatches = sum(map(str.__ne__, bases, reference[start : start + len(bases)]))
                if mismatches <= arguments.max_mismatches:
                    found.append((mismatches, start, is_reverse))
    found.sort()
    if not found:
        return None
    tied = len(found) > 1 and found[1][0] == found[0][0]
    return (*found[0], AMBIGUOUS if tied else UNIQUE)


def make_segment(read, placed, header, sample):
    """An alignment of one read, which knows nothing of its mate yet."""
    segment = pysam.AlignedSegment(header)
    segment.query_name = read.name
    segment.is_paired = True
    qualities = pysam.qualitystring_to_array(read.quality)
    if placed is None:
        segment.is_unmapped = True
        segment.query_sequence = read.sequence
    else:
        mismatches, segment.reference_start, segment.is_reverse, segment.mapping_quality = placed
        segment.reference_id = 0
        segment.cigartuples = [(pysam.CMATCH, len(read.sequence))]
        bases = read.sequence
        if segment.is_reverse:
            bases, qualities = bases.translate(COMPLEMENT)[::-1], qualities[::-1]
        segment.query_sequence = bases
        segment.set_tag("NM", mismatches)
    # Assigning the sequence clears the qualities, so they come after it.
    segment.query_qualities = qualities
    segment.set_tag("RG", sample)
    return segment


def join_mates(first, second, max_insert):
    """Tell each mate where the other is; the answer is whether they make a proper pair."""
    first.is_read1 = second.is_read2 = True
    for segment, mate in ((first, second), (second, first)):
        segment.mate_is_unmapped = mate.is_unmapped
        segment.mate_is_reverse = mate.is_reverse
        if not mate.is_unmapped:
            segment.next_reference_id = 0
            segment.next_reference_start = mate.reference_start
            if segment.is_unmapped:  # By custom it lies where its mate is.
                segment.reference_id, segment.reference_start = 0, mate.reference_start
    if first.is_unmapped or second.is_unmapped or first.is_reverse == second.is_reverse:
        return False
    forward, reverse = (second, first) if first.is_reverse else (first, second)
    size = reverse.reference_end - forward.reference_start
    if not 0 < size <= max_insert:
        return False
    forward.template_length, reverse.template_length = size, -size
    first.is_proper_pair = second.is_proper_pair = True
    return True


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference")
    parser.add_argument("reads1")
    parser.add_argument("reads2")
    parser.add_argument("bam")
    parser.add_argument("--sample", required=True)
    parser.add_argument("--seed-length", type=int, required=True)
    parser.add_argument("--max-mismatches", type=int, required=True)
    parser.add_argument("--max-insert", type=int, required=True)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with pysam.FastxFile(arguments.reference) as records:
        genome = next(iter(records))
    index = index_seeds(genome.sequence, arguments.seed_length)
    # No @PG line: it would hold versions and paths, and two runs would differ.
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "unsorted"},
            "SQ": [{"SN": genome.name, "LN": len(genome.sequence)}],
            "RG": [{"ID": arguments.sample, "SM": arguments.sample, "PL": "ILLUMINA"}],
        }
    )
    pairs = aligned = proper = 0
    with (
        pysam.FastxFile(arguments.reads1) as reads1,
        pysam.FastxFile(arguments.reads2) as reads2,
        pysam.AlignmentFile(arguments.bam, "wb", header=header) as bam,
    ):
        for reads in zip(reads1, reads2, strict=True):
            segments = []
            for read in reads:
                placed = place(read, genome.sequence, index, arguments)
                segments.append(make_segment(read, placed, header, arguments.sample))
                aligned += placed is not None
            pairs += 1
            proper += join_mates(*segments, arguments.max_insert)
            for segment in segments:
                bam.write(segment)
    print(f"{pairs} pairs: {aligned} of {2 * pairs} reads aligned, {proper} proper pairs")


if __name__ == "__main__":
    main()
