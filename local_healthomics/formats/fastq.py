"""FASTQ, plain or compressed with gzip: records of four lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ValidationFault
from .streams import BLOCK, LARGEST, is_gzip, unzipped

if TYPE_CHECKING:
    from hashlib import _Hash


def read(path: Path, digest: _Hash) -> tuple[int, int]:
    """Hash the whole text; the numbers of its reads and bases."""
    reads = bases = 0
    lines: list[bytes] = []  # of the record that is not complete yet
    tail = b""  # of the line that is not
    with unzipped(path) if is_gzip(path) else path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            *complete, tail = (tail + block).split(b"\n")
            if len(tail) > LARGEST:
                raise ValidationFault("the file is no FASTQ: it has a line without an end")
            lines += complete
            whole = len(lines) - len(lines) % 4
            bases += _bases(lines[:whole], reads)
            reads += whole // 4
            del lines[:whole]
    if tail:
        lines.append(tail)
    if len(lines) == 4:  # the last line has no end
        bases, reads, lines = bases + _bases(lines, reads), reads + 1, []
    if any(line.strip() for line in lines):
        raise ValidationFault("the file is no whole FASTQ: it ends within a record")
    if not reads:
        raise ValidationFault("the file holds no reads")
    return reads, bases


def _bases(lines: Sequence[bytes], reads: int) -> int:
    """The bases of whole records, after so many reads."""
    bases = 0
    records = zip(*[iter(lines)] * 4, strict=True)
    for number, (name, sequence, plus, quality) in enumerate(records, reads + 1):
        length = len(sequence.rstrip(b"\r"))
        if name[:1] != b"@" or plus[:1] != b"+" or len(quality.rstrip(b"\r")) != length:
            raise ValidationFault(f"record {number} of the file is no FASTQ")
        bases += length
    return bases
