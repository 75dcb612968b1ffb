"""Where the project's paths lie inside a task's folder.

The job runs in a folder whose relative paths are the project's. Where it reaches out of the
project with `../`, that folder lies as deep as the path climbs; what it names by an absolute path
lies under `OUTSIDE`.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable

from ..model import OutputFile, OutputKind

OUTSIDE = ".omics/root"
EXECUTABLES = ".omics/executables"  # the plain outputs that have an execute bit, a line each
FILES = ".omics/files"  # what the job left, a line each, as it is seen from the task's folder
_ARCHIVES = ".omics/directories"
_SHORT = ".omics/short"
# Bytes: miniwdl, the service's engine, links outputs under their names with ".tmp." and a UUID
# behind them (WDL._util.symlink_force), and a file system takes 255.
_LONGEST_NAME = 200


def project_folder(paths: Iterable[str]) -> str:
    """The folder of the task that stands for the project's, `""` for the task's own folder."""
    depth = max((_climbs(path) for path in paths), default=0)
    return "/".join(["parent"] * (depth - 1) + ["project"]) if depth else ""


def _climbs(path: str) -> int:
    parts = path.split("/")
    return next((index for index, part in enumerate(parts) if part != ".."), len(parts))


def seen_by_job(path: str) -> str:
    """`path` as it is reached from the project's folder inside the task."""
    return OUTSIDE + path if path.startswith("/") else path


def left_by_task(output: OutputFile, folder: str) -> str:
    """The file that stands for an output, relative to the task's own folder."""
    path = archive(output) if output.kind is OutputKind.DIRECTORY else stand_in(output.path)
    return posixpath.normpath(posixpath.join(folder, path))


def stand_in(path: str) -> str:
    """The file that the engine gets of `path`: itself, or one whose name it can take.

    It reads names from lists, in which a carriage return ends a line.
    """
    fits = _bytes(posixpath.basename(path)) <= _LONGEST_NAME and "\r" not in path
    return seen_by_job(path) if fits else f"{_SHORT}/{_digest(path)}"


def _bytes(name: str) -> int:
    return len(name.encode(errors="surrogateescape"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def archive(output: OutputFile) -> str:
    """Where the archive of a directory lies, seen from the project's folder."""
    place = seen_by_job(output.path).replace("../", ".up/")
    if "\r" in place:
        place = _digest(place)
    folder, name = posixpath.split(place)
    if _bytes(name) > _LONGEST_NAME:
        name = _digest(name)
    return posixpath.join(_ARCHIVES, folder, name) + ".tar"
