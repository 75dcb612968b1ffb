"""Which job each task of a definition is: for people, and for whoever looks at its run later.

It goes along in the definition, so that another folder or machine finds a job by its files too.
"""

from __future__ import annotations

from typing import Any

from ..model import Wave
from .names import names_of, task_name

JOBS_FILE = "jobs.json"


def jobs_of(wave: Wave) -> dict[str, dict[str, Any]]:
    """The content of `JOBS_FILE`, by the task's name: job, rule, results, log files, parents.

    Parents are other tasks, what a task `reads` was there before; `rules` are those of a group's
    jobs. Jobs that share a task stand in it by the names that tasks of their own would have.
    """
    names = names_of(wave)
    found: dict[str, dict[str, Any]] = {}
    for task in wave.tasks:
        name = names[task.key]
        above = dict.fromkeys(names[parent] for parent in task.parents)
        told = {
            "job": str(task.key),
            "rule": task.key.rule,
            "rules": list(dict.fromkeys(step.key.rule for step in task.steps)),
            "files": [output.path for step in task.steps for output in step.outputs],
            "logs": list(task.logs),
            "parents": [parent for parent in above if parent != name],
            "reads": [ref.path for ref in task.inputs if ref.producer is None],
        }
        if name == task_name(task.key):
            found[name] = told
        else:
            found.setdefault(name, {"jobs": {}})["jobs"][task_name(task.key)] = told
    return found
