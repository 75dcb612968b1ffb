"""Which job each task of a definition is: for people, and for whoever looks at its run later.

It goes along in the definition, so that another folder or machine finds a job by its files too.
"""

from __future__ import annotations

from typing import Any

from ..model import Wave
from .names import task_name

JOBS_FILE = "jobs.json"


def jobs_of(wave: Wave) -> dict[str, dict[str, Any]]:
    """The content of `JOBS_FILE`, by the task's name: job, rule, results, log files, parents."""
    return {
        task_name(task.key): {
            "job": str(task.key),
            "rule": task.key.rule,
            "files": [output.path for step in task.steps for output in step.outputs],
            "logs": list(task.logs),
            "parents": list(map(task_name, task.parents)),
        }
        for task in wave.tasks
    }
