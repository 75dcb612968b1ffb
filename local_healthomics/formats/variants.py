"""Files of variants and annotations (VCF, GFF3, TSV), read far enough to refuse a bad one.

`lines` opens a file, plain or gzip; the three checks go through its lines once and raise a
ValidationFault that says what is wrong and where. Nothing is kept: a store has no tables here.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ValidationFault
from .streams import is_gzip

_BLOCK = 1024 * 1024
_LONGEST_LINE = 64 * _BLOCK
_LARGEST = 20 * 10**9  # of a file to import, unpacked ("HealthOmics service quotas")
_VCF_COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
_GFF_COLUMNS = 9
_GFF3 = re.compile(r"##gff-version\s+3(\.\d+)*\s*")
_BASES = re.compile(r"[ACGTNRYKMSWBDHVacgtnrykmswbdhv]+")
_WHOLE = {"INT": 2**31, "LONG": 2**63}


def lines(path: Path, *, encoding: str = "utf-8", separator: str = "\n") -> Iterator[str]:
    """The lines without what separates them; a file that cannot be unpacked or decoded is bad."""
    pending, length = "", 0
    try:
        with path.open("rb") as raw:
            plain: Any = gzip.GzipFile(fileobj=raw) if is_gzip(path) else raw
            text = io.TextIOWrapper(plain, encoding=encoding, newline="")
            while block := text.read(_BLOCK):
                length += len(block)
                *whole, pending = (pending + block).split(separator)
                if len(pending) > _LONGEST_LINE or length > _LARGEST:
                    raise ValidationFault("the file or one of its lines is too large")
                yield from whole
    except (ValueError, LookupError) as error:  # also of an encoding that there is not
        raise ValidationFault(f"the file is no {encoding} text: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValidationFault(f"the file cannot be read: {error}") from error
    if pending:
        yield pending


def check_vcf(
    content: Iterable[str], *, ignore_qual: bool = False, ignore_filter: bool = False
) -> None:
    """VCF: its header, and of each record the number of columns, POS, REF, ALT, QUAL, FILTER."""
    numbered = _numbered(content)
    _, first = next(numbered, (0, ""))
    if not first.startswith("##fileformat=VCF"):
        raise ValidationFault("line 1 is not ##fileformat=VCF…")
    columns: list[str] = []
    for number, line in numbered:
        if line.startswith("##"):
            continue
        fields = line.split("\t")
        if columns:
            _check_variant(number, fields, len(columns), ignore_qual, ignore_filter)
            continue
        columns = fields
        known, sampled = columns[: len(_VCF_COLUMNS)], columns[len(_VCF_COLUMNS) :]
        if known != _VCF_COLUMNS or (sampled and (sampled[0] != "FORMAT" or len(sampled) < 2)):
            raise ValidationFault(f"line {number} is no header of columns (#CHROM, POS, …)")
    if not columns:
        raise ValidationFault("there is no header of columns (#CHROM, POS, …)")


def _check_variant(
    number: int, fields: Sequence[str], wanted: int, ignore_qual: bool, ignore_filter: bool
) -> None:
    if len(fields) != wanted:
        raise ValidationFault(f"line {number} has {len(fields)} columns, not {wanted}")
    chromosome, position, _, ref, alt, qual, filters = fields[:7]
    if not chromosome:
        raise ValidationFault(f"line {number}: CHROM is empty")
    _position(number, "POS", position)
    if not _BASES.fullmatch(ref):
        raise ValidationFault(f"line {number}: REF {ref[:40]!r} is no sequence of bases")
    if not alt:
        raise ValidationFault(f"line {number}: ALT is empty")
    if not ignore_qual and qual != "." and not _is_number(qual):
        raise ValidationFault(f"line {number}: QUAL {qual[:40]!r} is no number")
    if not ignore_filter and not filters:
        raise ValidationFault(f"line {number}: FILTER is empty")


def check_gff(content: Iterable[str]) -> None:
    """GFF3: the version, if it is said, and each feature's nine columns."""
    number = 0
    for number, line in _numbered(content):
        if line.startswith("##gff-version") and not _GFF3.fullmatch(line):
            raise ValidationFault(f"line {number}: {line[:40]!r} is not GFF version 3")
        if line == "##FASTA" or line.startswith(">"):
            return
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != _GFF_COLUMNS:
            raise ValidationFault(f"line {number} has {len(fields)} columns, not {_GFF_COLUMNS}")
        _span(number, fields[3], fields[4])
        if fields[5] != "." and not _is_number(fields[5]):
            raise ValidationFault(f"line {number}: score {fields[5][:40]!r} is no number")
        if fields[6] not in ("+", "-", ".", "?"):
            raise ValidationFault(f"line {number}: strand {fields[6][:40]!r} is none of + - . ?")
        if fields[7] not in ("0", "1", "2", "."):
            raise ValidationFault(f"line {number}: phase {fields[7][:40]!r} is none of 0 1 2 .")
    if not number:
        raise ValidationFault("the file has no lines")


def check_tsv(
    content: Iterable[str],
    *,
    schema: Mapping[str, str] | None = None,
    places: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """A table: the columns of `schema` (name: type), those of `places` (CHR, POS, …: name).

    `options` are the API's ReadOptions. If they do not say whether there is a header, a first row
    that names the schema's columns is one; without a schema the first row always is.
    """
    options, schema, places = options or {}, schema or {}, places or {}
    rows = _rows(content, options)
    number, first = next(rows, (0, []))
    if not first:
        raise ValidationFault("the file has no rows")
    names = [name.strip().lower() for name in first]
    has_header = options.get("header")
    if has_header is None:
        has_header = not schema or set(schema) <= set(names)
    if not has_header:
        names = list(schema) or [str(index) for index in range(len(first))]
        rows = _after(number, first, rows)
    elif missing := [name for name in schema if name not in names]:
        raise ValidationFault(f"the header has no column {', '.join(missing[:10])}")
    absent = [name for name in places.values() if name.lower() not in names]
    if absent and (has_header or schema):
        raise ValidationFault(f"there is no column {', '.join(absent)}, as formatToHeader says")
    at = {place: names.index(name.lower()) for place, name in places.items() if not absent}
    types = [schema.get(name) for name in names]
    for number, fields in rows:
        if len(fields) != len(names):
            raise ValidationFault(f"row {number} has {len(fields)} columns, not {len(names)}")
        for name, kind, value in zip(names, types, fields, strict=True):
            if kind is not None and value and not _is_of(kind, value):
                raise ValidationFault(f"row {number}: {name} {value[:40]!r} is no {kind}")
        if "POS" in at:
            _position(number, "POS", fields[at["POS"]])
        if "START" in at and "END" in at:
            _span(number, fields[at["START"]], fields[at["END"]])


def _rows(content: Iterable[str], options: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    comment = options.get("comment", "#")
    told = (line.rstrip("\r") for line in content)
    kept = (line for line in told if line and not line.startswith(comment))
    separator = options.get("sep", "\t")
    if len(separator) > 1:
        yield from enumerate((line.split(separator) for line in kept), 1)
        return
    try:
        yield from enumerate(
            csv.reader(
                kept,
                delimiter=separator,
                quotechar=options.get("quote", '"'),
                escapechar=options.get("escape", "\\"),
            ),
            1,
        )
    except (csv.Error, ValueError) as error:  # ValueError: options that contradict each other
        raise ValidationFault(f"the file is no table: {error}") from error


def _after(
    number: int, first: list[str], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield number, first
    yield from rows


def _numbered(content: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with their numbers."""
    return ((number, line) for number, told in enumerate(content, 1) if (line := told.rstrip("\r")))


def _position(number: int, name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValidationFault(f"line {number}: {name} {text[:40]!r} is no position")
    return int(text)


def _span(number: int, start: str, end: str) -> None:
    if _position(number, "start", start) > _position(number, "end", end):
        raise ValidationFault(f"line {number}: start {start} is after end {end}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_of(kind: str, text: str) -> bool:
    if kind in _WHOLE:
        most = _WHOLE[kind]
        return bool(re.fullmatch(r"[+-]?[0-9]{1,19}", text)) and -most <= int(text) < most
    if kind == "BOOLEAN":
        return text.lower() in ("true", "false")
    return kind == "STRING" or _is_number(text)
