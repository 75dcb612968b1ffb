"""What a text names by absolute paths outside of the project: `/data/ref/adapters.fa` of a config.

No task has this machine's folders, so such files go along, and the text names where they lie then.
Paths of a system (`/usr`, `/opt`, …) are the container's, but for the workflow's own folders.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .folders import few_enough
from .paths import is_in_use, project_path
from .prefixes import beginning_with

_WORD = re.compile(r"(?<![\w./~-])/[^\s'\"`;|&<>()=,$\\*?\[\]{}]+")
_QUOTED = re.compile(r"(?<=['\"])/[^'\"\n\\]* [^'\"\n\\]*(?=['\"])")  # with spaces
_SYSTEM = re.compile(
    r"/((bin|boot|dev|etc|lib\w*|nix|opt|proc|run|sbin|snap|sys|usr|var)(/.*)?|tmp(/[^/]*)?)?"
)
_PYTHON = (sys.prefix, sys.base_prefix)  # `sys.executable` is of this machine


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A name as it is written, and the absolute paths of its files; None for too many."""

    written: str
    files: tuple[str, ...] | None


def named_elsewhere(
    text: str, workdir: Path, outside: Iterable[str] = (), largest: int | None = None
) -> list[Elsewhere]:
    """What is here of what a text names; `outside` are the workflow's own folders.

    A file may have `largest` bytes: what a whole configuration names may be for others.
    """
    found = []
    own = tuple(f"{folder}/" for folder in outside)
    for name in dict.fromkeys([*_WORD.findall(text), *_QUOTED.findall(text)]):
        # Of a list such as `/a/bin:/b/bin` each, unless the whole is a name.
        parts = [name] if ":" not in name or os.path.exists(name) else name.split(":")
        for part in parts:
            if not part.startswith("/") or len(part) > 1024 or "\0" in part:
                continue
            place = os.path.normpath(part)
            if not f"{place}/".startswith(own) and _SYSTEM.fullmatch(place):
                continue
            files = _files(place, workdir, largest)
            if files != ():
                found.append(Elsewhere(part, files))
    return found


def project_paths(names: Iterable[Elsewhere], workdir: Path) -> tuple[dict[str, str], list[str]]:
    """The project path of each name as it is written, and those of the files that go along."""
    written: dict[str, str] = {}
    files: dict[str, None] = {}
    for name in names:
        if name.files is not None:
            written[name.written] = project_path(os.path.normpath(name.written), workdir, "")
            files.update((project_path(file, workdir, ""), None) for file in name.files)
    return written, list(files)


def _files(place: str, workdir: Path, largest: int | None) -> tuple[str, ...] | None:
    try:
        if _is_within(place, (str(workdir), os.path.realpath(workdir), *_PYTHON)):
            return ()
        if os.path.isfile(place):
            if is_in_use(place, workdir):
                return ()
            return None if largest is not None and os.path.getsize(place) > largest else (place,)
        if os.path.isdir(place):
            if _is_within(str(workdir), (place,)) or place == os.path.expanduser("~"):
                return ()  # what the project lies in is no folder that somebody means
            return _below(place, os.stat(place).st_mtime_ns)
        return tuple(beginning_with(place, workdir))
    except (OSError, ValueError):  # another one's, or no path at all
        return ()


def _is_within(place: str, folders: Iterable[str]) -> bool:
    return any(f"{place}/".startswith(f"{folder.rstrip('/')}/") for folder in folders)


@lru_cache(maxsize=1_000)
def _below(folder: str, changed: int) -> tuple[str, ...] | None:
    return few_enough(_sizes(folder))


def _sizes(folder: str) -> Iterator[tuple[str, int]]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and name[0] != "."]
        for name in files:
            file = os.path.join(place, name)
            # A Snakefile is for Snakemake alone, and its changes would be changes of the task.
            if name != "Snakefile" and not name.endswith(".smk") and os.path.isfile(file):
                yield file, os.stat(file).st_size
