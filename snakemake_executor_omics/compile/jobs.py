"""Which job each task of a definition is: for people, and for whoever looks at its run later.

It goes along in the definition, so that another folder or machine finds a job by its files too. Its
file has a line for each call of the workflow, in their order, which names the task: ten thousand
names more would be a fifth of the definition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..model import Task, Wave
from .names import names_of, task_name

JOBS_FILE = "jobs.json"
_CALL = re.compile(r"^ +call (\w+)", re.MULTILINE)


def jobs_of(wave: Wave) -> dict[str, dict[str, Any]]:
    """Of each task by its name: job, rule, results, log files, parents.

    Parents are other tasks, what a task `reads` was there before; `rules` are those of a group's
    jobs. Jobs that share a task stand in it by the names that tasks of their own would have.
    """
    names = names_of(wave)
    tasks = {task.key: task for task in wave.tasks}
    found: dict[str, dict[str, Any]] = {}
    for keys in wave.calls:
        name = names[keys[0]]
        told = {task_name(key): _told(tasks[key]) for key in keys}
        for key, job in zip(keys, told.values(), strict=True):
            above = dict.fromkeys(names[parent] for parent in tasks[key].parents)
            job["parents"] = [parent for parent in above if parent != name]
        found[name] = told.get(name, {"jobs": told})
    return found


def _told(task: Task) -> dict[str, Any]:
    return {
        "job": str(task.key),
        "rule": task.key.rule,
        "rules": list(dict.fromkeys(step.key.rule for step in task.steps)),
        "files": [output.path for step in task.steps for output in step.outputs],
        "logs": list(task.logs),
        "reads": [ref.path for ref in task.inputs if ref.producer is None],
    }


def jobs_text(wave: Wave) -> str:
    """The content of `JOBS_FILE`: what `jobs_of` tells, but for what `named_jobs` adds again.

    The tasks that a job comes `after` are told by how many lines they are above its own.
    """
    told = jobs_of(wave)
    numbers = {name: number for number, name in enumerate(told)}
    lines = []
    for name, task in told.items():
        for job in _jobs(task):
            after = [numbers[name] - numbers[parent] for parent in job.pop("parents")]
            more = {"logs": job.pop("logs"), "reads": job.pop("reads"), "after": after}
            if job["rules"] == [job["rule"]]:
                del job["rules"]
            if job["rule"] == _rule(job):
                del job["rule"]
            job.update({key: value for key, value in more.items() if value})
        lines.append(json.dumps(task))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def named_jobs(text: str | bytes, workflow: Callable[[], str]) -> dict[str, dict[str, Any]]:
    """What `jobs_of` told, from `JOBS_FILE` and the workflow's WDL.

    Older versions wrote all of it into their file, and the WDL is not asked for.
    """
    told = json.loads(text)
    if isinstance(told, dict):
        return told
    calls = _CALL.findall(workflow().partition("\n  output {\n")[0])
    for number, task in enumerate(told):
        for job in _jobs(task):
            job.setdefault("rule", _rule(job))
            job.setdefault("rules", [job["rule"]])
            job.setdefault("logs", [])
            job.setdefault("reads", [])
            job["parents"] = [calls[number - lines] for lines in job.pop("after", [])]
    return dict(zip(calls, told, strict=True))


def _jobs(task: dict[str, Any]) -> Iterable[dict[str, Any]]:
    jobs: Iterable[dict[str, Any]] = task["jobs"].values() if "jobs" in task else [task]
    return jobs


def _rule(job: Mapping[str, Any]) -> str:
    return str(job["job"]).partition(" (")[0]
