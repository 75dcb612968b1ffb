"""Folders, and patterns of names, that a command names without declaring what lies there.

`cp -r config/ …`, `cat tables/*.tsv`, `PATH=$PWD/bin:$PATH`: their files go along, but for those
of a folder where the workflow makes files. What is too large to send unasked is refused, unless the
job declares some of it: the rest is others' then.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import UnsupportedRule
from .paths import is_in_use, without_working_folder

_MOST_FILES = 1_000
LARGEST = 100 * 1024 * 1024  # bytes of all files together
_WORD = re.compile(r"[^\s'\"`;|&<>()=,$:]+")
_PATTERN = re.compile(r"[*?\[]")
# A pattern without a folder is more often a product or a regular expression: `$1 * 2`, `'.*'`.
_PLAIN = re.compile(r"[\w.-]*\*\.\w[\w.]*")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, or what of one a pattern matches; `files` is None where these are too many."""

    written: str
    path: str
    files: tuple[str, ...] | None


def named_folders(command: str, workdir: Path) -> tuple[Folder, ...]:
    """The folders of the project, and beside it, that a command names, and its patterns."""
    found: dict[str, Folder] = {}
    for word in dict.fromkeys(_WORD.findall(without_working_folder(command, workdir))):
        if word.startswith(("/", "~", "-")) or len(word) > 1024:
            continue
        path = os.path.normpath(word)
        folder = path
        if pattern := _PATTERN.search(path):
            folder = os.path.dirname(path[: pattern.start()]) or "."
            if folder == "." and not _PLAIN.fullmatch(path):
                continue
        place = os.path.normpath(workdir / folder)
        # The project itself, and what it lies in, are no folder that somebody means.
        if path in found or (folder == path and workdir.is_relative_to(place)):
            continue
        if os.path.isdir(place):
            files = _files(path, workdir, os.stat(place).st_mtime_ns)
            if files != ():
                found[path] = Folder(word, folder, files)
    return tuple(found.values())


def files_of(
    folder: Folder, rule: str, inputs: Iterable[str], made_in: Collection[str]
) -> tuple[str, ...]:
    """What goes along of a folder beside `inputs`, declared and otherwise.

    In `made_in` are the folders where the workflow makes files.

    Raises:
        UnsupportedRule: it is too large.
    """
    is_output = folder.path in made_in
    if folder.files is not None:
        # A pattern means files that are there, of earlier calls too; a folder a place to write to.
        return () if is_output and not _PATTERN.search(folder.written) else folder.files
    beginning = "" if folder.path == "." else f"{folder.path}/"
    if is_output or any(f"{path}/".startswith(beginning) for path in inputs):
        return ()
    raise UnsupportedRule(
        rule,
        f"names {folder.written} without declaring it, and there are more than {_MOST_FILES:,} "
        f"files or {LARGEST // 1024**2} MB",
        hint="declare as input what the job needs of it, or give --omics-include globs of it; if "
        "it only writes there, empty the folder or name another",
    )


def few_enough(files: Iterable[tuple[str, int]]) -> tuple[str, ...] | None:
    """Those files, each given with its bytes, sorted; None for too many to send unasked."""
    found: list[str] = []
    size = 0
    for file, count in files:
        found.append(file)
        size += count
        if len(found) > _MOST_FILES or size > LARGEST:
            return None
    return tuple(sorted(found))


@lru_cache(maxsize=1_000)
def _files(path: str, workdir: Path, changed: int) -> tuple[str, ...] | None:
    """The files of a folder or a pattern, sorted; None for too many."""
    return few_enough(_sizes(path, workdir))


def _sizes(path: str, workdir: Path) -> Iterator[tuple[str, int]]:
    for file in _below(path, workdir):
        try:
            if os.path.isfile(workdir / file) and not is_in_use(file, workdir):
                yield file, os.stat(workdir / file).st_size
        except OSError:  # it is gone, or another one's
            continue


def _below(path: str, workdir: Path) -> Iterator[str]:
    matched = [path]
    if _PATTERN.search(path):
        matched = sorted(glob.iglob(path, root_dir=workdir, recursive=False))
    for name in matched:
        if not os.path.isdir(workdir / name):
            yield name
            continue
        for folder, folders, files in os.walk(workdir / name):
            folders[:] = [one for one in folders if one != "__pycache__"]
            for file in files:
                yield os.path.relpath(os.path.join(folder, file), workdir)
