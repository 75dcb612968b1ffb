"""What the folder that started a run remembers of it, beside its definition."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..compile import JOBS_FILE
from .journal import Journal


@dataclass(frozen=True, slots=True)
class KnownTask:
    """The job of a task: as a person calls it, its rule, its results and its log files.

    `parents` are the tasks of the run that it reads from; none are known of an older version's run.
    """

    job: str
    rule: str
    files: tuple[str, ...]
    logs: tuple[str, ...]
    parents: tuple[str, ...] = ()


def read_jobs(definition: Path) -> dict[str, KnownTask]:
    """What is told in the folder of a definition; nothing where it was removed or damaged."""
    try:
        return _jobs((definition / JOBS_FILE).read_bytes())
    except OSError:
        return {}


def unpacked_jobs(definition: bytes) -> dict[str, KnownTask]:
    """What is told in a definition's zip; nothing where an older version made it."""
    try:
        with zipfile.ZipFile(io.BytesIO(definition)) as archive:
            return _jobs(archive.read(JOBS_FILE))
    except (zipfile.BadZipFile, KeyError):
        return {}


def _jobs(text: bytes) -> dict[str, KnownTask]:
    try:
        return {
            name: KnownTask(
                task["job"],
                task["rule"],
                tuple(task["files"]),
                tuple(task["logs"]),
                tuple(task.get("parents", ())),
            )
            for name, task in json.loads(text).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def tasks_in_flight(journal: Journal, state: Path) -> list[frozenset[str]]:
    """The names of the tasks of each run that earlier calls left in flight, the newest first."""
    return [frozenset(read_jobs(state / start.definition)) for start in journal.in_flight()]


def command_line(project: Path) -> tuple[str, tuple[str, ...]]:
    """The folder that Snakemake was called in, and the command."""
    moved = any(word == "-d" or word.startswith("--directory") for word in sys.argv)
    # Snakemake has gone to the project's folder: only the shell knows where it came from.
    folder = os.environ.get("PWD") if moved else None
    return folder or str(project.resolve()), ("snakemake", *sys.argv[1:])
