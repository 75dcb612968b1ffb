"""BAM as SAM has it, line by line (SAM/BAM format specification, sections 1.4, 1.5 and 4.2).

One thing of BAM stays as it is: a CIGAR of more than 65,535 operations, which hides in the tag CG.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ValidationFault
from .streams import is_gzip, take, unzipped

if TYPE_CHECKING:
    from hashlib import _Hash

_FIXED = struct.Struct("<iiBBHHHiiii")
_LENGTH = struct.Struct("<i")
_MOST_SEQUENCES = 8_000_000  # of references; their names are held in memory
_OPERATIONS = "MIDNSHP=XB??????"  # as htslib names what four bits may say
# A packed base is a hexadecimal digit of the sequence's bytes; a quality is a letter 33 further on.
_BASES = str.maketrans("0123456789abcdef", "=ACMGRSVTWYHKDBN")
_QUALITIES = bytes((value + 33) & 0xFF for value in range(256))
_NUMBERS = {
    b"c": struct.Struct("<b"),
    b"C": struct.Struct("<B"),
    b"s": struct.Struct("<h"),
    b"S": struct.Struct("<H"),
    b"i": struct.Struct("<i"),
    b"I": struct.Struct("<I"),
    b"f": struct.Struct("<f"),
}


def read(path: Path, digest: _Hash) -> tuple[int, int]:
    """Hash the alignment section as SAM; the numbers of its reads and bases."""
    if not is_gzip(path):
        raise ValidationFault("the file is no BAM file: it is not compressed")
    reads = bases = 0
    with unzipped(path) as stream:
        if stream.read(4) != b"BAM\x01":
            raise ValidationFault("the file is no BAM file: it does not begin as one")
        (length,) = _LENGTH.unpack(take(stream, 4))
        take(stream, length)  # the header's text
        (count,) = _LENGTH.unpack(take(stream, 4))
        if count > _MOST_SEQUENCES:
            raise ValidationFault(f"the file names {count} reference sequences")
        names = []
        for _ in range(count):
            (length,) = _LENGTH.unpack(take(stream, 4))
            names.append(take(stream, length)[:-1].decode("ascii"))
            take(stream, 4)
        while head := stream.read(4):
            line, length = _alignment(take(stream, *_LENGTH.unpack(head)), names)
            digest.update(line)
            reads += 1
            bases += length
    return reads, bases


def _alignment(record: bytes, names: list[str]) -> tuple[bytes, int]:
    """A line of SAM, and how long its sequence is."""
    (
        reference,
        position,
        name_length,
        quality,
        _,
        operations,
        flag,
        length,
        next_reference,
        next_position,
        template,
    ) = _FIXED.unpack_from(record)
    at = _FIXED.size + name_length
    name = record[_FIXED.size : at - 1].decode("ascii")
    cigar = struct.unpack_from(f"<{operations}I", record, at)
    at += 4 * operations
    packed = record[at : at + (length + 1) // 2]
    at += len(packed)
    qualities = record[at : at + length]
    if len(qualities) != length:
        raise EOFError("a record is shorter than its sequence")
    fields = [
        name,
        str(flag),
        _name(names, reference),
        str(position + 1),
        str(quality),
        "".join(f"{op >> 4}{_OPERATIONS[op & 15]}" for op in cigar) or "*",
        "=" if next_reference == reference >= 0 else _name(names, next_reference),
        str(next_position + 1),
        str(template),
        packed.hex().translate(_BASES)[:length] or "*",
        "*"
        if not length or qualities[0] == 0xFF
        else qualities.translate(_QUALITIES).decode("latin-1"),
        *_tags(record, at + length),
    ]
    return "\t".join(fields).encode("latin-1") + b"\n", length


def _name(names: list[str], index: int) -> str:
    if index >= len(names):
        raise ValidationFault(f"a record names sequence {index} of {len(names)}")
    return names[index] if index >= 0 else "*"


def _tags(record: bytes, at: int) -> Iterator[str]:
    while at < len(record):
        key, kind = record[at : at + 2].decode("latin-1"), record[at + 2 : at + 3]
        at += 3
        if kind == b"A":
            value, at = f"A:{record[at : at + 1].decode('latin-1')}", at + 1
        elif kind in (b"Z", b"H"):
            if (end := record.find(b"\0", at)) < 0:
                raise EOFError("a tag has no end")
            value, at = f"{kind.decode()}:{record[at:end].decode('latin-1')}", end + 1
        elif kind == b"B":
            of, (count,) = record[at : at + 1], _LENGTH.unpack_from(record, at + 1)
            number = _number(of)
            if count < 0:
                raise ValidationFault(f"a tag has {count} values")
            at += 5
            values = [
                _text(*number.unpack_from(record, at + i * number.size)) for i in range(count)
            ]
            value, at = f"B:{','.join([of.decode(), *values])}", at + count * number.size
        else:
            number = _number(kind)
            (found,) = number.unpack_from(record, at)
            value, at = f"{'f' if kind == b'f' else 'i'}:{_text(found)}", at + number.size
        yield f"{key}:{value}"


def _number(kind: bytes) -> struct.Struct:
    if kind not in _NUMBERS:
        raise ValidationFault(f"{kind!r} is no type of a tag")
    return _NUMBERS[kind]


def _text(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)
