"""Paths as Snakemake's jobs name them, made the project's own; and the files that a text names.

A path in the project is relative to its folder, one that climbs out of it keeps its `../`, and one
that was declared by an absolute path elsewhere stays absolute. In a job's text absolute paths are
replaced, because no task has them where this machine has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
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
    return os.path.normpath(text) if relative.split("/")[0] == ".." else relative


class Rewriting:
    """Replaces a job's absolute paths by where its task will have them."""

    def __init__(self, workdir: Path, declared: Iterable[str]) -> None:
        places = {str(workdir): PROJECT, str(workdir.resolve()): PROJECT}
        for path in declared:
            if os.path.isabs(path):
                folder = os.path.dirname(path)
                kept = path if _SHARED.fullmatch(folder) else folder
                places.setdefault(kept, f"{PROJECT}/{OUTSIDE}{kept}")
        self._places = places
        choices = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<![\w./~-])({choices})(?![\w.-])")

    def __call__(self, text: str) -> str:
        """`text` with `PROJECT` for the project's folder.

        Raises:
            SelectionError: the text holds that word itself.
        """
        if PROJECT in text:
            raise SelectionError(f"a command holds the word {PROJECT}, which means something here")
        return self._pattern.sub(lambda match: self._places[match[0]], text)


_WORD = re.compile(r"[^\s'\"`;|&<>()=,$]+")


def named_files(command: str, workdir: Path) -> list[str]:
    """Files of the project that a command names without declaring them, such as its scripts."""
    found = []
    roots = tuple({f"{workdir}/", f"{workdir.resolve()}/"})
    for word in dict.fromkeys(_WORD.findall(command)):
        for root in roots:
            word = word.removeprefix(root)
        if word.startswith(("/", "~", "-", "..")) or "*" in word or len(word) > 1024:
            continue
        if (workdir / word).is_file():
            found.append(os.path.normpath(word))
    return found
