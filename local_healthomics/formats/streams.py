"""Files that may be compressed."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO

GZIP = b"\x1f\x8b"
_BLOCK = 1024 * 1024


def is_gzip(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(len(GZIP)) == GZIP


def plain(path: Path) -> BinaryIO:
    """The content of a file, unpacked if it is packed."""
    if not is_gzip(path):
        return path.open("rb")
    # GzipFile's own buffer is behind methods in Python, which are slow for a few bytes each.
    return io.BufferedReader(gzip.open(path), _BLOCK)
