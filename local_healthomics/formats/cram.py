"""CRAM 2 and 3, as far as containers tell (CRAM format specification, sections 6 to 8).

How many reads and bases there are is in the containers' heads; what the blocks hold is not decoded.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import ValidationFault
from .streams import take

if TYPE_CHECKING:
    from hashlib import _Hash

_DEFINITION = struct.Struct("<4sBB20s")
_LENGTH = struct.Struct("<i")


def read(path: Path, digest: _Hash) -> tuple[int, int]:
    """Hash the containers after the header; the numbers of reads and bases that they name."""
    reads = bases = containers = 0
    with path.open("rb") as stream:
        magic, major, _, _ = _DEFINITION.unpack(take(stream, _DEFINITION.size))
        if magic != b"CRAM" or major not in (2, 3):
            raise ValidationFault("the file is no CRAM file of version 2 or 3")
        while head := stream.read(4):
            start = stream.tell() - 4
            (length,) = _LENGTH.unpack(head)
            for _ in range(3):  # the reference's number, where it starts and its span
                _integer(stream)
            reads += _integer(stream)
            _long(stream) if major == 3 else _integer(stream)  # how many reads came before
            bases += _long(stream)
            _integer(stream)  # blocks
            for _ in range(_integer(stream)):  # where slices start
                _integer(stream)
            if major == 3:
                take(stream, 4)  # checksum
            end = stream.tell() + length
            stream.seek(start)
            content = take(stream, end - start)
            if containers:  # the first one holds the header
                digest.update(content)
            containers += 1
    if not containers:
        raise EOFError("it has no header")
    return reads, bases


def _integer(stream: BinaryIO) -> int:
    """ITF8: the leading ones of the first byte say how many more there are."""
    first = take(stream, 1)[0]
    if first < 0x80:
        return first
    if first < 0xC0:
        return (first & 0x3F) << 8 | take(stream, 1)[0]
    if first < 0xE0:
        return (first & 0x1F) << 16 | int.from_bytes(take(stream, 2))
    if first < 0xF0:
        return (first & 0x0F) << 24 | int.from_bytes(take(stream, 3))
    rest = take(stream, 4)
    return (first & 0x0F) << 28 | int.from_bytes(rest[:3]) << 4 | rest[3] & 0x0F


def _long(stream: BinaryIO) -> int:
    """LTF8: likewise, up to eight more."""
    first = take(stream, 1)[0]
    more = 8 - (first ^ 0xFF).bit_length()
    return (first & (0x7F >> more)) << 8 * more | int.from_bytes(take(stream, more))
