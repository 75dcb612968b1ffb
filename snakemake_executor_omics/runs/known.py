"""What the folder that started a run remembers of it, beside its definition."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..compile import task_name
from ..model import Task, Wave
from .journal import Journal

JOBS_FILE = "jobs.json"


@dataclass(frozen=True, slots=True)
class KnownTask:
    """The job of a task: as a person calls it, its rule, its results and its log files."""

    job: str
    rule: str
    files: tuple[str, ...]
    logs: tuple[str, ...]


def jobs_of(wave: Wave) -> dict[str, Any]:
    """The content of `JOBS_FILE`: each task's job, by the task's name."""
    return {task_name(task.key): asdict(_known(task)) for task in wave.tasks}


def _known(task: Task) -> KnownTask:
    files = (output.path for step in task.steps for output in step.outputs)
    return KnownTask(str(task.key), task.key.rule, tuple(files), task.logs)


def read_jobs(definition: Path) -> dict[str, KnownTask]:
    """What is told in the folder of a definition; nothing where it was removed or damaged."""
    try:
        told = json.loads((definition / JOBS_FILE).read_text(encoding="utf-8"))
        return {
            name: KnownTask(task["job"], task["rule"], tuple(task["files"]), tuple(task["logs"]))
            for name, task in told.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
