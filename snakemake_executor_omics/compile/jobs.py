"""Which job each task of a definition is: for people, and for whoever looks at its run later.

It goes along in the definition, so that another folder or machine finds a job by its files too. Its
file has a line for each call of the workflow, in their order, which names the task: ten thousand
names more would be a fifth of the definition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
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
    """The content of `JOBS_FILE`: what `jobs_of` tells, but for what `named_jobs` adds again."""
    told = jobs_of(wave)
    makers = _makers(told)
    read = {task_name(task.key): [ref.path for ref in task.inputs] for task in wave.tasks}
    lines = []
    for name, task in told.items():
        jobs = {one: _short(job, name, read[one], makers) for one, job in _jobs(name, task).items()}
        lines.append(json.dumps({"jobs": jobs} if "jobs" in task else jobs[name]))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def named_jobs(text: str | bytes, workflow: Callable[[], str]) -> dict[str, dict[str, Any]]:
    """What `jobs_of` told, from `JOBS_FILE` and the workflow's WDL.

    Older versions wrote all of it into their file, and the WDL is not asked for.
    """
    told = json.loads(text)
    if isinstance(told, dict):
        return told
    calls = _CALL.findall(workflow().partition("\n  output {\n")[0])
    found: dict[str, dict[str, Any]] = dict(zip(calls, told, strict=True))
    makers = _makers(found)
    for name, task in found.items():
        for job in _jobs(name, task).values():
            job.setdefault("logs", [])
            job.setdefault("rule", _rule(job["job"]))
            job.setdefault("rules", [job["rule"]])
            paths = job.pop("inputs", [])
            job.setdefault("parents", _parents(name, paths, makers))
            job.setdefault("reads", [path for path in paths if path not in makers])
    return found


def _short(
    job: Mapping[str, Any], name: str, paths: list[str], makers: Mapping[str, str]
) -> dict[str, Any]:
    """A job of the task `name`, without what can be told from the rest."""
    short = {key: job[key] for key in ("job", "files")}
    if job["logs"]:
        short["logs"] = job["logs"]
    if job["rule"] != _rule(job["job"]):
        short["rule"] = job["rule"]
    if job["rules"] != [job["rule"]]:
        short["rules"] = job["rules"]
    reads = [path for path in paths if path not in makers]
    if job["parents"] != _parents(name, paths, makers) or job["reads"] != reads:
        # A file that was there before, and is made anew for others.
        return short | {"parents": job["parents"], "reads": job["reads"]}
    return short | ({"inputs": paths} if paths else {})


def _rule(job: str) -> str:
    return job.partition(" (")[0]


def _jobs(name: str, task: Mapping[str, Any]) -> Mapping[str, Any]:
    jobs: Mapping[str, Any] = task.get("jobs", {name: task})
    return jobs


def _makers(told: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The task that makes each file."""
    return {
        path: name
        for name, task in told.items()
        for job in _jobs(name, task).values()
        for path in job["files"]
    }


def _parents(name: str, paths: list[str], makers: Mapping[str, str]) -> list[str]:
    above = dict.fromkeys(makers[path] for path in paths if path in makers)
    return [parent for parent in above if parent != name]
