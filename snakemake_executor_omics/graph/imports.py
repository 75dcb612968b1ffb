"""Which files of the project a Python text imports, and what these import in turn.

Read by pattern, not by a parser: Snakefiles are no Python, and a name too many costs nothing, since
only files that exist count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(.+)$", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_RUN_MODULE = re.compile(r"(?<!\S)-m[ \t]+([A-Za-z_][\w.]*)")


def imported(text: str, folder: Path, workdir: Path) -> list[str]:
    """TaskSettings paths of what `text`, a file in `folder`, imports."""
    found: dict[str, None] = {}
    pending = [(text, folder)]
    while pending:
        source, beside = pending.pop()
        for module in _modules(source, beside):
            for file in _files(module):
                path = os.path.relpath(file, workdir)
                if path not in found:
                    found[path] = None
                    pending.append((file.read_text("utf-8", errors="replace"), file.parent))
    return list(found)


def run_by(command: str, named: Iterable[str], workdir: Path) -> list[str]:
    """What the Python files and modules (`python -m`) that a command runs are and import."""
    found: dict[str, None] = {}
    for path in named:
        if path.endswith(".py"):
            text = (workdir / path).read_text("utf-8", errors="replace")
            found.update(dict.fromkeys(imported(text, (workdir / path).parent, workdir)))
    for name in _RUN_MODULE.findall(command):
        found.update(dict.fromkeys(imported(f"import {name}", workdir, workdir)))
    return list(found)


def _modules(text: str, folder: Path) -> Iterator[Path]:
    """Where the modules of a text's imports would be, without suffix."""
    for dots, module, names in _FROM.findall(text):
        base = folder
        for _ in dots[1:]:
            base = base.parent
        if module:
            yield base / module.split(".")[0]
        else:
            yield from (base / name for name in re.findall(r"\w+", names))
    for names in _IMPORT.findall(text):
        for name in names.split(","):
            yield folder / (name.split() or ["."])[0].split(".")[0]


def _files(module: Path) -> Iterator[Path]:
    """The files of a module, or of a whole package."""
    if module.with_suffix(".py").is_file():
        yield module.with_suffix(".py")
    if (module / "__init__.py").is_file():
        yield from sorted(file for file in module.rglob("*.py") if file.is_file())
