"""Read a FASTA once: is it one, and what is in it.

The index is that of `samtools faidx`: name, length, offset of the first base, bases per line and
bytes per line. Offsets are those of the text, also when the file is compressed.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .streams import is_gzip, unzipped

_BLOCK = 1024**2
_LONGEST_LINE = 1024**3
# IUPAC codes in either case, gaps and stops
_BASES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*-."


class NotFasta(Exception):
    """The file is no FASTA; the message says why."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not a FASTA file: {why}")


@dataclass(slots=True)
class _Sequence:
    name: bytes
    offset: int
    length: int = 0
    bases: int = 0  # per line
    width: int = 0  # bytes per line, its end included
    ended: bool = False  # by a shorter or an empty line: no other may follow

    def add(self, line: bytes) -> None:
        """Take a line in; NotFasta if it cannot be found by computing where it is."""
        text = line.rstrip(b"\r\n")
        if text.translate(None, _BASES):
            raise NotFasta(f"{self._named} holds what is no base")
        if not text:
            self.ended = True
            return
        if not self.length:
            self.bases, self.width = len(text), len(line)
        elif self.ended or len(text) > self.bases:
            raise NotFasta(f"the lines of {self._named} differ in length")
        self.ended = len(text) < self.bases or len(line) != self.width
        self.length += len(text)

    def add_equal(self, block: bytes) -> bool:
        """Take in whole lines like those before, all at once; False if they are not like that."""
        if not self.length or self.ended:
            return False
        count, rest = divmod(len(block), self.width)
        if (
            rest
            or block[self.width - 1 :: self.width] != b"\n" * count
            or block.count(b"\n") != count
            or block.count(b"\r") != count * (self.width - self.bases - 1)
            or block.translate(None, _BASES + b"\r\n")
        ):
            return False
        self.length += count * self.bases
        return True

    @property
    def _named(self) -> str:
        return f"sequence {self.name.decode(errors='replace')[:60]}"

    def entry(self) -> bytes:
        numbers = (self.length, self.offset, self.bases, self.width)
        return self.name + b"".join(b"\t%d" % number for number in numbers) + b"\n"


def index(path: Path) -> Iterator[bytes]:
    """The lines of the index of a FASTA, gzipped or not; NotFasta if the file is none."""
    with unzipped(path) if is_gzip(path) else path.open("rb") as text:
        try:
            yield from _entries(text)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise NotFasta(f"it cannot be decompressed: {error}") from error


def _entries(text: BinaryIO) -> Iterator[bytes]:
    names: set[bytes] = set()
    current: _Sequence | None = None
    position = total = 0
    for block in _blocks(text):
        if current is not None and current.add_equal(block):
            position += len(block)
            continue
        for line in block.splitlines(keepends=True):
            position += len(line)
            if line.startswith(b">"):
                if current is not None:
                    total += current.length
                    yield current.entry()
                current = _Sequence(_name(line, names), position)
            elif current is not None:
                current.add(line)
            elif line.strip():
                raise NotFasta("it does not begin with a '>' line")
    if current is None or not total + current.length:
        raise NotFasta("it holds no sequence")
    yield current.entry()


def _blocks(text: BinaryIO) -> Iterator[bytes]:
    """The text in blocks of whole lines."""
    rest = b""
    while block := text.read(max(_BLOCK, len(rest))):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise NotFasta(f"a line is longer than {_LONGEST_LINE} bytes")
        yield lines + end
    yield rest


def _name(line: bytes, names: set[bytes]) -> bytes:
    words = line[1:].split(maxsplit=1)
    if not words or line[1:2].isspace():
        raise NotFasta("a sequence has no name")
    if words[0] in names:
        raise NotFasta(f"two sequences are named {words[0].decode(errors='replace')[:60]}")
    names.add(words[0])
    return words[0]
