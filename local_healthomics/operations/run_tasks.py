"""The tasks of runs: one for every attempt, so a retried task is there more than once."""

from __future__ import annotations

from typing import Any

from ..context import Context, Handler, Params
from ..errors import NotFound
from .common import asked_states, existing
from .runs import known_run

_TIMES = ("creationTime", "startTime", "stopTime")


def list_run_tasks(context: Context, params: Params) -> dict[str, Any]:
    known_run(context, params["id"])
    order = context.readings["task-order"]
    statuses = asked_states(params)
    # Oldest first, so that tasks which start between two pages are on a later one.
    found = context.page(
        "task",
        params,
        newest_first=order == "newest-first",
        parent=params["id"],
        statuses=statuses,
    )
    if order == "any":
        found["items"].sort(key=lambda task: str(task["id"]))  # which is at random
    return {**found, "items": [_task(context, item) for item in found["items"]]}


def get_run_task(context: Context, params: Params) -> dict[str, Any]:
    known_run(context, params["id"])
    task = existing(context, "task", params["taskId"])
    if task["runId"] != params["id"]:
        raise NotFound("run task", params["taskId"])
    return _task(context, task)


def _task(context: Context, document: dict[str, Any]) -> dict[str, Any]:
    found = {**document, "taskId": document["id"]}
    if document["cacheHit"] and context.readings["cached-task-times"] == "none":
        return {name: value for name, value in found.items() if name not in _TIMES}
    return found


HANDLERS: dict[str, Handler] = {
    "ListRunTasks": list_run_tasks,
    "GetRunTask": get_run_task,
}
