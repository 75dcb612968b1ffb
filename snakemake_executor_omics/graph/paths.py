"""Paths as Snakemake's jobs name them, made the project's own; and the files that a text names.

A path in the project is relative to its folder, one that climbs out of it keeps its `../`, and one
that was declared by an absolute path elsewhere stays absolute. In a job's text absolute paths are
replaced, because no task has them where this machine has.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import lru_cache
from itertools import islice
from pathlib import Path

from ..compile.sandbox import OUTSIDE, seen_by_job
from ..errors import SelectionError, UnsupportedRule
from ..model import PROJECT
from .internals import with_own_sources

_OWN = (".snakemake", ".git")  # folders that change while a workflow runs
_WORD = re.compile(r"[^\s'\"`;|&<>()=,$]+")
_HERE = r"\"?(\$PWD|\$\{PWD\}|\$\(pwd\)|`pwd`)\"?/"
# Where a folder holds programs, devices or other jobs' files, only the declared file itself is
# replaced in a text, not everything beside it.
_SHARED = re.compile(r"/(bin|dev|etc|lib|lib64|opt|proc|sbin|sys|tmp|usr(/.*)?|var(/.*)?)?")


def project_path(path: object, workdir: Path, rule: str) -> str:
    """`path` as the model has it.

    Raises:
        UnsupportedRule: the path holds a line break.
    """
    text, _ = with_own_sources(str(path))
    if "\n" in text:
        raise UnsupportedRule(
            rule, f"the path {text!r} holds a line break", hint="take it out of the file's name"
        )
    if not os.path.isabs(text):
        return os.path.normpath(text)
    relative = os.path.relpath(text, workdir)
    if relative.split("/")[0] != ".." or text.startswith(f"{workdir}/"):
        return relative
    around = folder_around(text)
    if around != text and workdir.is_relative_to(around):
        return relative  # a project within its workflow's folder, as `.test/`, wherever that is
    # The project may be reached through a link: all its names mean the same folder.
    folder, name = os.path.split(os.path.normpath(text))
    relative = os.path.relpath(os.path.join(_real(folder), name), _real(str(workdir)))
    return os.path.normpath(text) if relative.split("/")[0] == ".." else relative


@lru_cache(maxsize=4096)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


class Rewriting:
    """Replaces a job's absolute paths by where its task will have them."""

    def __init__(
        self, workdir: Path, declared: Mapping[str, str], folders: Iterable[str] = ()
    ) -> None:
        """`declared` has the project path of each path that the job declares, as it is written.

        `folders` are those of a workflow that lies elsewhere: what a text names there is sent.
        """
        places = {str(workdir): PROJECT, str(workdir.resolve()): PROJECT}
        shell = os.environ.get("PWD", "")  # as the user went there, maybe through a link
        if os.path.isabs(shell) and _real(shell) == _real(str(workdir)):
            places[os.path.normpath(shell)] = PROJECT
        self._workdir = workdir
        self._folders = frozenset(folders)
        for folder in self._folders:
            places.setdefault(folder, f"{PROJECT}/{OUTSIDE}{folder}")
        for written, path in declared.items():
            if os.path.isabs(written) and not os.path.isabs(path):
                places.setdefault(written, f"{PROJECT}/{path}")
            elif os.path.isabs(path):
                if written != path:
                    places.setdefault(written, f"{PROJECT}/{OUTSIDE}{path}")
                folder = os.path.dirname(path)
                kept = path if _SHARED.fullmatch(folder) else folder
                places.setdefault(kept, f"{PROJECT}/{OUTSIDE}{kept}")
        inside = tuple(f"{place}/" for place, means in places.items() if means == PROJECT)
        self._places = {
            place: means for place, means in places.items() if not place.startswith(inside)
        }
        self._pattern = _below(self._places)

    def __call__(self, text: str) -> str:
        """`text` with `PROJECT` for the project's folder.

        Raises:
            SelectionError: the text holds that word itself.
        """
        if PROJECT in text:
            raise SelectionError(
                f"a command holds the word {PROJECT}, which means the project's folder here",
                hint="have the command put the word together of two parts",
            )
        return self._pattern.sub(self._replaced, text)

    def _replaced(self, match: re.Match[str]) -> str:
        place, rest = match[1], match[2] or ""
        if "/../" in f"{rest}/":
            # No task has the folders that such a path only passes.
            end = "/" if rest.endswith("/") else ""
            whole = os.path.normpath(place + rest)
            if again := self._pattern.fullmatch(whole):
                place, rest = again[1], (again[2] or "") + end
            elif self._places[place] == PROJECT:
                rest = f"/{os.path.relpath(whole, place)}{end}"
        if place in self._folders:
            path = project_path(place + rest, self._workdir, "")
            end = "/" if rest.endswith("/") else ""
            return f"{PROJECT}/{seen_by_job(path)}{end}"
        return self._places[place] + rest


def _below(folders: Iterable[str]) -> re.Pattern[str]:
    """Matches paths that are or begin with one of `folders`: the longest, and what follows."""
    choices = "|".join(map(re.escape, sorted(folders, key=len, reverse=True)))
    return re.compile(rf"(?<![\w./~-])({choices})(?![\w.-])(/{_WORD.pattern})?")


def workflow_folders(snakefiles: Iterable[str], workdir: Path) -> tuple[str, ...]:
    """The folders of Snakefiles that lie outside of the project, with what belongs to each."""
    folders = (os.path.dirname(os.path.normpath(workdir / file)) for file in snakefiles)
    found = dict.fromkeys(map(folder_around, folders))
    return tuple(
        folder
        for folder in found
        if not Path(folder).is_relative_to(workdir) and not _SHARED.fullmatch(folder)
    )


def folder_around(folder: str) -> str:
    """The folder of the workflow that `folder` belongs to.

    By Snakemake's standard that is the one around `workflow/`.
    """
    around, between, _ = f"{folder}/".rpartition("/workflow/")
    return folder if not between or _SHARED.fullmatch(around or "/") else around


def named_files(command: str, workdir: Path) -> list[str]:
    """Files that a command names without declaring them, such as its scripts, by project path.

    Those of the project and beside it: absolute paths are the container's. What Snakemake keeps for
    itself, and the file that its own messages go to (`snakemake … > log`), change while the
    workflow runs and are no inputs.
    """
    words = dict.fromkeys(_WORD.findall(without_working_folder(command, workdir)))
    paths = dict.fromkeys(path for word in words if (path := _path(word)) is not None)
    return [path for path in paths if (workdir / path).is_file() and not is_in_use(path, workdir)]


def named_paths(command: str, workdir: Path) -> tuple[str, ...]:
    """What a command names that may be a path of the project."""
    words = dict.fromkeys(_WORD.findall(without_working_folder(command, workdir)))
    paths = map(_path, words)
    return tuple(dict.fromkeys(path for path in paths if path is not None))


def named_patterns(command: str, workdir: Path) -> tuple[str, ...]:
    """What a command names that may be a pattern of files in a folder of the project."""
    if "*" not in command:
        return ()
    words = dict.fromkeys(_WORD.findall(without_working_folder(command, workdir)))
    found = (os.path.normpath(word) for word in words if "*" in word and "/" in word)
    return tuple(path for path in found if not path.startswith(("/", "~", "-", "*")))


def _path(word: str) -> str | None:
    """A word of a command as a path, None where it is an option, a pattern or the container's."""
    if word.startswith(("/", "~", "-")) or "*" in word or len(word) > 1024:
        return None
    return os.path.normpath(word)


def without_working_folder(command: str, workdir: Path) -> str:
    """A command with paths of the project as they are seen from its folder."""
    roots = "|".join(re.escape(root) for root in {str(workdir), str(workdir.resolve())})
    return re.sub(rf"(?<![\w./~-])({roots})/|{_HERE}", "", command)


def with_folders(path: str) -> Iterator[str]:
    """A path and the folders it is in: each may be an input or an output that brings it along."""
    yield path
    while (path := os.path.dirname(path)) not in ("", "/"):
        yield path


def folders_of(path: str) -> Iterator[str]:
    """The folders that a path is in."""
    return islice(with_folders(path), 1, None)


def files_in(folders: Iterable[str], text: str, workdir: Path) -> list[str]:
    """The project paths of files in `folders` that a text names by absolute paths."""
    names = [place + rest for place, rest in _below(folders).findall(text)]
    files = [os.path.normpath(name) for name in dict.fromkeys(names) if len(name) <= 1024]
    paths = [project_path(file, workdir, "") for file in files if os.path.isfile(file)]
    return [path for path in paths if not is_in_use(path, workdir)]


def is_in_use(path: str, workdir: Path) -> bool:
    """Whether a file is Snakemake's or git's own, or takes this process's output."""
    own = any(part in _OWN for part in path.split("/"))
    return own or _identity(os.stat(workdir / path)) in _written_to()


@lru_cache(maxsize=1)
def _written_to() -> frozenset[tuple[int, int]]:
    """The files that this process writes its messages to, also through a pipe to `tee`."""
    outputs = [os.fstat(descriptor) for descriptor in _open_outputs()]
    pipes = {_identity(found) for found in outputs if stat.S_ISFIFO(found.st_mode)}
    outputs += _written_by_readers(pipes)
    return frozenset(_identity(found) for found in outputs if stat.S_ISREG(found.st_mode))


def _open_outputs() -> Iterator[int]:
    for descriptor in (1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed
            continue
        yield descriptor


def _written_by_readers(pipes: Set[tuple[int, int]]) -> list[os.stat_result]:
    """What this user's processes have open beside one of the `pipes` as their input, on Linux."""
    found: list[os.stat_result] = []
    for process in Path("/proc").glob("[0-9]*/fd") if pipes else ():
        try:
            if _identity(os.stat(process / "0")) in pipes:
                writable = [file for file in process.iterdir() if file.lstat().st_mode & 0o200]
                found += map(os.stat, writable)
        except OSError:  # it has ended, or is another one's
            continue
    return found


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
