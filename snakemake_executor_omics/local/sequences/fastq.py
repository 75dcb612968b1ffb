"""FASTQ, plain or compressed with gzip: records of four lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import ValidationFault
from .streams import LARGEST, is_gzip, unzipped

if TYPE_CHECKING:
    from hashlib import _Hash


def read(path: Path, digest: _Hash) -> tuple[int, int]:
    """Hash the whole text; the numbers of its reads and bases."""
    reads = bases = 0
    with unzipped(path) if is_gzip(path) else path.open("rb") as stream:
        lines = _lines(stream)
        while record := list(islice(lines, 4)):
            digest.update(b"".join(record))
            name, sequence, plus, quality = [line.rstrip(b"\r\n") for line in _four(record)]
            if not (name or sequence or plus or quality):
                continue  # empty lines at the end
            if name[:1] != b"@" or plus[:1] != b"+" or len(sequence) != len(quality):
                raise ValidationFault(f"record {reads + 1} of the file is no FASTQ")
            reads += 1
            bases += len(sequence)
    if not reads:
        raise ValidationFault("the file holds no reads")
    return reads, bases


def _four(record: list[bytes]) -> list[bytes]:
    return [*record, b"", b"", b""][:4]


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LARGEST):
        yield line
