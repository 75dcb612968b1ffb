"""FASTA and its index, by pysam; in the process that reads files.

The index is that of `samtools faidx`, whose offsets are those of the text, also when the file is
compressed. htslib lets pass what is no base, and drops the second sequence of a name: that is
looked at here.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ..errors import ValidationFault
from .streams import is_gzip, plain

# IUPAC codes in either case, gaps and stops
_BASES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*-."
_LINE = 1024**2  # bytes that are looked at at a time
_PLACE = Path("reference.fa")


def placed(fasta: Path, index: Path) -> Path:
    """Put a FASTA and its index where htslib finds one by the other, unpacked."""
    if is_gzip(fasta):
        with plain(fasta) as packed, _PLACE.open("wb") as out:
            shutil.copyfileobj(packed, out, _LINE)
    else:
        _PLACE.symlink_to(fasta)
    _PLACE.with_name(f"{_PLACE.name}.fai").symlink_to(index)
    return _PLACE


def index(fasta: Path, target: Path) -> None:
    """Write the index of a FASTA, gzipped or not; ValidationFault if it is none."""
    import pysam
    from pysam.utils import SamtoolsError

    try:
        with plain(fasta) as text:
            _check(text)
        place = placed(fasta, target)
        pysam.faidx("--fai-idx", str(target), str(place))
    except (OSError, EOFError, zlib.error) as error:
        raise _refused(f"it cannot be decompressed: {error}") from error
    except SamtoolsError as error:
        raise _refused("a line is not as long as those before, or a sequence is empty") from error


def _check(text: BinaryIO) -> None:
    names: set[bytes] = set()
    bases = 0
    for begins, line in _lines(text):
        if begins and line.startswith(b">"):
            words = line[1:].split(maxsplit=1)
            if not words or line[1:2].isspace():
                raise _refused("a sequence has no name")
            name = words[0]
            if name in names:
                raise _refused(f"two sequences are named {name.decode(errors='replace')[:60]}")
            names.add(name)
        elif stripped := line.strip(b"\r\n"):
            if not names:
                raise _refused("it does not begin with a '>' line")
            if stripped.translate(None, _BASES):
                raise _refused(
                    f"sequence {name.decode(errors='replace')[:60]} holds what is no base"
                )
            bases += len(stripped)
    if not bases:
        raise _refused("it holds no sequence")


def _lines(text: BinaryIO) -> Iterator[tuple[bool, bytes]]:
    """Lines, those that are long in pieces, and whether each begins here."""
    begins = True
    for line in iter(partial(text.readline, _LINE), b""):
        yield begins, line
        begins = line.endswith(b"\n")


def _refused(why: str) -> ValidationFault:
    return ValidationFault(f"not a FASTA file: {why}")
