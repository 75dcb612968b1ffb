"""What the folder that started a run remembers of it, beside its definition."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..compile import JOBS_FILE, WORKFLOW_FILE, named_jobs
from .journal import Journal


@dataclass(frozen=True, slots=True)
class KnownTask:
    """The job of a task: as a person calls it, its rule, its results and its log files.

    `parents` are the tasks of the run that it reads from, `reads` the files that were there before;
    neither is known of an older version's run. `rules` are those of all of its jobs, a group's too.
    Where jobs share the task, `jobs` has each by the name that a task of its own would have.
    """

    job: str
    rule: str
    files: tuple[str, ...]
    logs: tuple[str, ...]
    parents: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    jobs: Mapping[str, KnownTask] = field(default_factory=dict)


def read_jobs(definition: Path) -> dict[str, KnownTask]:
    """What is told in the folder of a definition; nothing where it was removed or damaged."""
    try:
        return _jobs(lambda name: (definition / name).read_bytes())
    except OSError:
        return {}


def unpacked_jobs(definition: bytes) -> dict[str, KnownTask]:
    """What is told in a definition's zip; nothing where an older version made it."""
    try:
        with zipfile.ZipFile(io.BytesIO(definition)) as archive:
            return _jobs(archive.read)
    except (zipfile.BadZipFile, KeyError):
        return {}


def _jobs(read: Callable[[str], bytes]) -> dict[str, KnownTask]:
    try:
        told = named_jobs(
            read(JOBS_FILE), lambda: read(WORKFLOW_FILE).decode(errors="surrogateescape")
        )
        return {name: _task(job) for name, job in told.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def _task(told: Any) -> KnownTask:
    if "jobs" not in told:
        return KnownTask(
            told["job"],
            told["rule"],
            tuple(told["files"]),
            tuple(told["logs"]),
            tuple(told.get("parents", ())),
            tuple(told.get("reads", ())),
            tuple(told.get("rules", (told["rule"],))),
        )
    jobs = {name: _task(job) for name, job in told["jobs"].items()}
    rules = ", ".join(dict.fromkeys(job.rule for job in jobs.values()))
    return KnownTask(
        f"{len(jobs)} jobs of {rules}",
        rules,
        tuple(path for job in jobs.values() for path in job.files),
        tuple(path for job in jobs.values() for path in job.logs),
        tuple(dict.fromkeys(parent for job in jobs.values() for parent in job.parents)),
        tuple(dict.fromkeys(path for job in jobs.values() for path in job.reads)),
        tuple(dict.fromkeys(rule for job in jobs.values() for rule in job.rules)),
        jobs,
    )


def tasks_in_flight(journal: Journal, state: Path) -> list[list[tuple[str, ...]]]:
    """The tasks of each run that earlier calls left in flight, the newest run first.

    Of each task the names that tasks of its jobs alone would have.
    """
    return [names_in(read_jobs(state / start.definition)) for start in journal.in_flight()]


def names_in(tasks: Mapping[str, KnownTask]) -> list[tuple[str, ...]]:
    """Of each task the names that tasks of its jobs alone would have."""
    return [tuple(task.jobs) or (name,) for name, task in tasks.items()]


def command_line(project: Path) -> tuple[str, tuple[str, ...]]:
    """The folder that Snakemake was called in, and the command."""
    moved = any(word == "-d" or word.startswith("--directory") for word in sys.argv)
    # Snakemake has gone to the project's folder: only the shell knows where it came from.
    folder = os.environ.get("PWD") if moved else None
    return folder or str(project.resolve()), ("snakemake", *sys.argv[1:])
