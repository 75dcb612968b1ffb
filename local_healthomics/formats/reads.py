"""FASTQ, plain or compressed with gzip, by dnaio; in the process that reads files."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import ValidationFault
from .streams import plain

if TYPE_CHECKING:
    from hashlib import _Hash


_BLOCK = 1024 * 1024


class _Hashed(io.RawIOBase):
    """A stream whose content is hashed as it is read."""

    def __init__(self, stream: BinaryIO, digest: _Hash) -> None:
        self._stream, self._digest = stream, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._stream.read(len(buffer))
        self._digest.update(block)
        buffer[: len(block)] = block
        return len(block)


def _hashed(stream: BinaryIO, digest: _Hash) -> BinaryIO:
    return io.BufferedReader(_Hashed(stream, digest), _BLOCK)


def read(path: Path, digest: _Hash) -> tuple[int, int]:
    """Hash the whole text; the numbers of its reads and bases."""
    import dnaio

    reads = bases = 0
    try:
        with plain(path) as stream, dnaio.FastqReader(_hashed(stream, digest)) as records:
            for record in records:
                reads += 1
                bases += len(record)
    except (dnaio.FileFormatError, OSError, EOFError, zlib.error) as error:
        raise ValidationFault(f"the file is no whole FASTQ: {error}") from error
    if not reads:
        raise ValidationFault("the file holds no reads")
    return reads, bases
