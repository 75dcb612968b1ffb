"""What a job reads without declaring it: of the jobs above it, and what its values name.

Locally a command that names a folder (`multiqc results/qc`, `cat counts/*.txt`) sees all that the
jobs above have left there, and a script opens what its params name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from snakemake.io import is_flagged

from .commands import Command
from .folders import LARGEST, named_folders
from .paths import is_in_use, named_paths, named_patterns, project_path, with_folders

Job = Any

MOST_ABOVE = 1_000  # jobs above one that are looked at: more is for declared inputs
_SCANS = re.compile(r"\b(multiqc|find|ls|tree|Glob|glob|list\.files|listdir)\b")
_QUOTED = re.compile(r"(?<=['\"])[^'\"\n\\]+(?=['\"])")


class Reads:
    """The folders, and the patterns, by which a job's text reads what other jobs have made.

    `own` are the paths that the job writes, `made_in` the folders where jobs write.
    """

    def __init__(
        self,
        job: Job,
        text: str,
        names: Collection[str],
        patterns: Iterable[str],
        own: Collection[str],
        made_in: Collection[str],
    ) -> None:
        # A folder with a result of this job in it is a place to write to.
        written = set() if _SCANS.search(text) else {f for path in own for f in with_folders(path)}
        self._folders = {
            name
            for name in names
            if name in made_in
            and name not in written
            and (job.is_shell or "/" in name)  # in a program a word is a variable
        }
        self._patterns = [p for p in patterns if any(f in made_in for f in _fixed(p))]
        self._names, self._made_in = names, made_in

    @classmethod
    def of_text(
        cls, job: Job, text: str, own: Collection[str], made_in: Collection[str], workdir: Path
    ) -> Self:
        names = frozenset(named_paths(text, workdir))
        return cls(job, text, names, named_patterns(text, workdir), own, made_in)

    def __bool__(self) -> bool:
        return bool(self._folders or self._patterns)

    @property
    def all(self) -> list[str]:
        return [*sorted(self._folders), *self._patterns]

    @property
    def may_name_logs(self) -> bool:
        """Whether the text names anything where jobs write, so that logs may be among it."""
        return bool(self) or any(os.path.dirname(name) in self._made_in for name in self._names)

    def has(self, path: str) -> bool:
        """Whether a path lies in what is read."""
        return any(folder in self._folders for folder in with_folders(path)) or any(
            fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")
            for pattern in self._patterns
        )

    def names(self, path: str) -> bool:
        """Whether a path is read, or written out in the text."""
        return path in self._names or self.has(path)


def gathered(
    job: Job, command: Command, own: Collection[str], made_in: Collection[str], workdir: Path
) -> Iterator[str]:
    """The project paths of what jobs above have made in folders that the command names.

    What is temporary may be gone by then, and is left out.
    """
    reads = Reads(job, command.own, command.names, command.patterns, own, made_in)
    for above in _above(job) or () if reads else ():
        for output in above.output:
            path = project_path(output, workdir, above.rule.name)
            if reads.has(path) and not is_flagged(output, "temp"):
                yield path


def not_gathered(job: Job, reads: Reads) -> list[str]:
    """The folders and patterns whose results a job is not given, as too many jobs are above it."""
    return reads.all if reads and _above(job) is None else []


def logs_read(job: Job, reads: Reads, workdir: Path) -> Iterator[str]:
    """The project paths of the logs of jobs above that the job's text names."""
    for above in _above(job) or () if reads.may_name_logs else ():
        for log in above.log:
            path = project_path(log, workdir, above.rule.name)
            if reads.names(path):
                yield path


def removed_before(job: Job, paths: Collection[str], workdir: Path) -> Iterator[str]:
    """Those of `paths` that are temporary results and gone before `job` begins.

    Snakemake has removed them, as all jobs that declare them are above `job`.
    """
    if not paths or job.rule.workflow.storage_settings.notemp:
        return
    above = set(_above(job) or ())
    for other in above:
        for output in other.output:
            if is_flagged(output, "temp"):
                path = project_path(output, workdir, other.rule.name)
                readers = job.dag.depending[other].items()
                if path in paths and all(r in above for r, files in readers if output in files):
                    yield path


def _fixed(pattern: str) -> Iterator[str]:
    """The folders around what a pattern matches, as far as they are written out."""
    return with_folders(os.path.dirname(re.split(r"[*?\[]", pattern)[0]))


def _above(job: Job) -> list[Job] | None:
    """The jobs that a job depends on, the nearest first; None where these are too many."""
    found: dict[Job, None] = {}
    pending = list(job.dag.dependencies[job])
    for above in pending:
        if above not in found:
            found[above] = None
            pending += job.dag.dependencies[above]
            if len(found) > MOST_ABOVE:
                return None
    return list(found)


def named_by_values(
    command: Command, workdir: Path, inputs: Collection[str], made_in: Collection[str]
) -> Iterator[str]:
    """The files of the project that the values of a script name, in folders too.

    What is too large to send unasked stays here, which `too_large_values` tells.
    """
    for value in dict.fromkeys(_QUOTED.findall(command.own)):
        yield from _of_value(value, workdir, inputs, made_in) or ()


def too_large_values(
    text: str, workdir: Path, inputs: Collection[str], made_in: Collection[str]
) -> list[str]:
    """The files and folders of the project that a script's values name and that are not sent."""
    values = dict.fromkeys(_QUOTED.findall(text))
    return [v for v in values if _of_value(v, workdir, inputs, made_in) is None]


def _of_value(
    value: str, workdir: Path, inputs: Collection[str], made_in: Collection[str]
) -> tuple[str, ...] | None:
    """What is here of one value, None if that is too large."""
    path = os.path.normpath(value)
    if len(value) > 1024 or value.startswith(("/", "~", "-", "..")) or path == ".":
        return ()
    if path.startswith(".") or not ("/" in value or "." in value):
        return ()  # a word is a file's name by chance
    try:
        file = workdir / path
        if file.is_file():
            if is_in_use(path, workdir):
                return ()
            return (path,) if file.stat().st_size <= LARGEST else None
        if path in made_in or any(f"{name}/".startswith(f"{path}/") for name in inputs):
            return ()  # others' files, of which it declares its own
        return _files_below(path, workdir, file.stat().st_mtime_ns) if file.is_dir() else ()
    except (OSError, ValueError):
        return ()


@lru_cache(maxsize=1_000)
def _files_below(folder: str, workdir: Path, changed: int) -> tuple[str, ...] | None:
    found = named_folders(f"x {folder}", workdir)
    return found[0].files if found else ()
