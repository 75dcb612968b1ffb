"""Which files of the project a failed job lacked, by what its tools printed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ..model import Task

_LACKS = re.compile(
    r"no such file|cannot open|can't open|could ?n[o']t open|can ?not find|not found|"
    r"does not exist|doesn't exist|unable to open|no module named|failed to open",
    re.IGNORECASE,
)
_IS_NOT_THERE = re.compile(r"no such file|does not exist|doesn't exist", re.IGNORECASE)
_MODULE = re.compile(r"No module named ['\"]?(\w+)")
_WORD = re.compile(r"[^\s'\"`;|&<>()\[\]=,$]+")
_NAMED = 5  # files that one hint names


def missing_advice(lines: Iterable[str], task: Task, workdir: Path) -> tuple[str, ...]:
    """What to do where the `lines` complain of files that the project has and the task had not.

    Or that it had in its own folder, and looked for in another task's.
    """
    read = {*(ref.path for ref in task.inputs), *task.sources}
    given = read | {output.path for output in task.files} | set(task.logs)
    found: dict[str, None] = {}
    absolute: dict[str, None] = {}
    for line in lines:
        if _LACKS.search(line):
            named = _named(line, workdir)
            found.update((path, None) for path in named if not _is_given(path, given))
        if _IS_NOT_THERE.search(line):
            absolute.update(_in_another_folder(line, read))
    advice = []
    if found:
        paths = list(found)[:_NAMED]
        options = " ".join(f"'{path}'" for path in paths)
        advice.append(
            f"the project has {', '.join(paths)}, which the job does not declare, so that its task "
            "had no such file: name it in the rule's `input:`, or give --omics-include "
            f"{options}"
        )
    if absolute:
        advice.append(
            f"the job had {', '.join(list(absolute)[:_NAMED])} in its own folder, and looked for "
            "it by an absolute path: where a job before it wrote that path down, it is of a folder "
            "that no other task has; let it write paths of the project (not $(pwd), os.getcwd(), "
            "os.path.abspath(), normalizePath())"
        )
    return tuple(advice)


def _in_another_folder(line: str, read: Collection[str]) -> Iterator[tuple[str, None]]:
    """What a job reads, of which a line names an absolute path."""
    for word in _WORD.findall(line):
        parts = word.rstrip(":.").split("/")
        if word.startswith("/") and len(word) <= 1024:
            tails = ("/".join(parts[start:]) for start in range(2, len(parts)))
            path = next((tail for tail in tails if tail and _is_given(tail, read)), None)
            if path is not None:
                yield path, None


def _is_given(path: str, given: Collection[str]) -> bool:
    return path in given or any(str(folder) in given for folder in Path(path).parents)


def _named(line: str, workdir: Path) -> Iterator[str]:
    """The project's files and folders (as globs) that a line names."""
    for word in _WORD.findall(line):
        if len(word) > 1024:
            continue
        parts = [part for part in word.rstrip(":.").split("/") if part not in ("", ".")]
        if ".." in parts or any(part in (".snakemake", ".git") for part in parts):
            continue
        # A tool may have told the absolute path in its task: the project's part is at its end.
        for start in range(len(parts) if word.startswith("/") else min(1, len(parts))):
            path = "/".join(parts[start:])
            if _is(path, workdir) and ("." in path or "/" in path):
                yield path
                break
    for name in _MODULE.findall(line):
        if (workdir / f"{name}.py").is_file():
            yield f"{name}.py"
        elif (workdir / name).is_dir():
            yield f"{name}/**/*"


def _is(path: str, workdir: Path) -> bool:
    try:
        return (workdir / path).is_file()
    except (OSError, ValueError):
        return False
