"""Where results lie until they are whole: under short names, where nobody looks for results.

A result is moved from there to its place in one step, which its file system must allow: a place on
another file system gets a hidden file beside it instead. What a killed process left is overwritten
by the next call that fetches the same, and removed after a while.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ..model import JobKey

INCOMING = Path(".snakemake/omics/incoming")  # in the project's folder
HIDDEN = ".omics-"
_KEPT_SECONDS = 7 * 24 * 3600


def incoming(place: Path, folder: Path) -> Path:
    """The folder from which a file can be moved to `place`: `folder`, or the place's own."""
    folder.mkdir(parents=True, exist_ok=True)
    same = folder.stat().st_dev == place.parent.stat().st_dev
    return folder if same else place.parent


def archive_beside(path: str) -> str:
    """The archive that a directory of results comes in, before it is unpacked, from the project."""
    return (INCOMING / f"{_digest(path)}.tar").as_posix()


def executables_list(job: JobKey) -> str:
    """The list of a job's executable results, which storage in S3 has no modes for."""
    return (INCOMING / f"{_digest(repr(job))}.executables").as_posix()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def sweep(folder: Path, names: Collection[str]) -> None:
    """Remove unfinished files of `names`, which come anew, and what nobody has come back for."""
    for path in folder.glob("*"):
        with suppress(OSError):  # another process sweeps too
            # s3transfer writes beside a file, with a suffix.
            is_unfinished = path.name not in names and path.stem in names
            if is_unfinished or path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
