"""Reading files that may be compressed, and may lie about what is in them."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO

from ..errors import ValidationFault

GZIP = b"\x1f\x8b"
BLOCK = 1024 * 1024
LARGEST = 64 * 1024 * 1024  # of what is held in memory at a time: a line, a record


def is_gzip(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(len(GZIP)) == GZIP


def unzipped(path: Path) -> BinaryIO:
    """The content of a file; every BGZF file is a gzip file of many members."""
    # GzipFile's own buffer is behind methods in Python, which are slow for a few bytes each.
    return io.BufferedReader(gzip.open(path), BLOCK)


def take(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes; EOFError if there are fewer."""
    if not 0 <= size <= LARGEST:
        raise ValidationFault(f"the file says that {size} bytes belong together")
    found = stream.read(size)
    if len(found) < size:
        raise EOFError("it ends in the middle")
    return found
