"""Files that are named by how their names begin: an index (`-x idx/genome`), a database, a folder.

`idx/genome` stands for `idx/genome.1.bt2` and the rest, of which a rule often declares one, or only
a flag that is written after them; and `ref.fa` for the index beside it.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

_AFTER = "._-/"  # what may follow
_INDEXES = (".fai", ".gzi", ".bai", ".csi", ".crai", ".tbi", ".idx", ".dict")
_BWA_INDEXES = (".amb", ".ann", ".bwt", ".pac", ".sa", ".0123", ".bwt.2bit.64", ".alt")
# What one file of an index has after the name that stands for all of them.
_PART = re.compile(
    r"(\.rev)?\.\d+\.(bt2|ht2|ebwt)l?|\.(amb|ann|bwt|pac|sa|0123|bwt\.2bit\.64)"
    r"|(\.\d+)?\.[np](db|hr|in|sq|js|ot|tf|to)"
)


def index_of(path: str) -> str | None:
    """The name of the index that a file is a part of, None if it is none."""
    found = re.search(rf"({_PART.pattern})$", path)
    return path[: found.start()] if found else None


def beginnings(path: str) -> Iterator[str]:
    """What may stand for a path and others: all of it up to where a part of its name ends."""
    return (path[:end] for end, sign in enumerate(path) if sign in _AFTER and end)


def beginning_with(stem: str, workdir: Path) -> Iterator[str]:
    """The files that are there of a name that is none itself: `stem.*`.

    A word without a folder is such a name by chance.
    """
    folder, name = os.path.split(stem)
    if not folder or name in ("", ".", "..") or os.path.lexists(workdir / stem):
        return
    for found in _beginning(workdir / folder, f"{name}."):
        if (workdir / folder / found).is_file():
            yield os.path.join(folder, found)


def indexes_of(path: str, workdir: Path, text: str) -> Iterator[str]:
    """The indexes that lie beside a file, as far as the tools that `text` names read them."""
    folder, name = os.path.split(path)
    suffixes = (*_INDEXES, *_BWA_INDEXES) if "bwa" in text else _INDEXES
    stem = os.path.splitext(name)[0]
    beside = {f"{name}{suffix}" for suffix in suffixes} | {f"{stem}.dict", f"{stem}.bai"}
    for found in _beginning(workdir / folder, f"{stem}."):
        if found in beside and found != name and (workdir / folder / found).is_file():
            yield os.path.join(folder, found)


def _beginning(folder: Path, start: str) -> Iterable[str]:
    try:
        names = _names(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()
    first = bisect_left(names, start)
    last = bisect_left(names, start + "\U0010ffff", first)
    return names[first:last]


@lru_cache(maxsize=1_000)
def _names(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(sorted(os.listdir(folder)))
