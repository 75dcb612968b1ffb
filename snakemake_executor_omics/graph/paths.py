"""Paths as Snakemake's jobs name them, made the project's own; and the files that a text names.

A path in the project is relative to its folder, one that climbs out of it keeps its `../`, and one
that was declared by an absolute path elsewhere stays absolute. In a job's text absolute paths are
replaced, because no task has them where this machine has.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from ..compile.sandbox import OUTSIDE
from ..errors import SelectionError, UnsupportedRule
from ..model import PROJECT

# Where a folder holds programs, devices or other jobs' files, only the declared file itself is
# replaced in a text, not everything beside it.
_SHARED = re.compile(r"/(bin|dev|etc|lib|lib64|opt|proc|sbin|sys|tmp|usr(/.*)?|var(/.*)?)?")


def project_path(path: object, workdir: Path, rule: str) -> str:
    """`path` as the model has it.

    Raises:
        UnsupportedRule: the path holds a line break.
    """
    text = str(path)
    if "\n" in text:
        raise UnsupportedRule(
            rule, f"the path {text!r} holds a line break", hint="take it out of the file's name"
        )
    if not os.path.isabs(text):
        return os.path.normpath(text)
    relative = os.path.relpath(text, workdir)
    if relative.split("/")[0] != "..":
        return relative
    # The project may be reached through a link: all its names mean the same folder.
    folder, name = os.path.split(os.path.normpath(text))
    relative = os.path.relpath(os.path.join(_real(folder), name), _real(str(workdir)))
    return os.path.normpath(text) if relative.split("/")[0] == ".." else relative


@lru_cache(maxsize=4096)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


class Rewriting:
    """Replaces a job's absolute paths by where its task will have them."""

    def __init__(self, workdir: Path, declared: Mapping[str, str]) -> None:
        """`declared` has the project path of each path that the job declares, as it is written."""
        places = {str(workdir): PROJECT, str(workdir.resolve()): PROJECT}
        shell = os.environ.get("PWD", "")  # as the user went there, maybe through a link
        if os.path.isabs(shell) and _real(shell) == _real(str(workdir)):
            places[os.path.normpath(shell)] = PROJECT
        for written, path in declared.items():
            if os.path.isabs(written) and not os.path.isabs(path):
                places.setdefault(written, f"{PROJECT}/{path}")
            elif os.path.isabs(path):
                folder = os.path.dirname(path)
                kept = path if _SHARED.fullmatch(folder) else folder
                places.setdefault(kept, f"{PROJECT}/{OUTSIDE}{kept}")
        inside = tuple(f"{place}/" for place, means in places.items() if means == PROJECT)
        self._places = {
            place: means for place, means in places.items() if not place.startswith(inside)
        }
        choices = "|".join(map(re.escape, sorted(self._places, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<![\w./~-])({choices})(?![\w.-])")

    def __call__(self, text: str) -> str:
        """`text` with `PROJECT` for the project's folder.

        Raises:
            SelectionError: the text holds that word itself.
        """
        if PROJECT in text:
            raise SelectionError(f"a command holds the word {PROJECT}, which means something here")
        return self._pattern.sub(lambda match: self._places[match[0]], text)


_OWN = (".snakemake", ".git")  # folders that change while a workflow runs
_WORD = re.compile(r"[^\s'\"`;|&<>()=,$]+")


def named_files(command: str, workdir: Path) -> list[str]:
    """Files of the project that a command names without declaring them, such as its scripts.

    What Snakemake keeps for itself, and the file that its own messages go to (`snakemake … > log`),
    change while the workflow runs and are no inputs.
    """
    found = []
    roots = tuple({f"{workdir}/", f"{workdir.resolve()}/"})
    for word in dict.fromkeys(_WORD.findall(command)):
        for root in roots:
            word = word.removeprefix(root)
        if word.startswith(("/", "~", "-", "..")) or "*" in word or len(word) > 1024:
            continue
        path = os.path.normpath(word)
        if (workdir / path).is_file() and not is_in_use(path, workdir):
            found.append(path)
    return found


def is_in_use(path: str, workdir: Path) -> bool:
    """Whether a file of the project is Snakemake's or git's own, or takes this process's output."""
    return path.split("/")[0] in _OWN or _identity(os.stat(workdir / path)) in _written_to()


@lru_cache(maxsize=1)
def _written_to() -> frozenset[tuple[int, int]]:
    return frozenset(
        _identity(found) for found in map(os.fstat, _open_outputs()) if stat.S_ISREG(found.st_mode)
    )


def _open_outputs() -> Iterator[int]:
    for descriptor in (1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed
            continue
        yield descriptor


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
