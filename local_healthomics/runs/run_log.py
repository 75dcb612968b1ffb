"""The stream `run/<id>`: what happens to a run, one JSON object an event.

The vocabulary is that of a published stream of the real service (17 events of a run that failed);
what such a run cannot have, the ends of others and of tasks that go well, is named alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..clock import epoch_ms

LogLine = tuple[int, str]  # a time in milliseconds, a text
# A run's logLevel lets through what is at least as bad; a line without a level is of the least.
_LEVELS = {"ALL": 0, "ERROR": 1, "FATAL": 2, "OFF": 3}
_EVENTS = {
    "CREATING_RUN": "Creating your workflow run.",
    "STARTING_RUN": "Provisioning infrastructure for your workflow run.",
    "SET_WORKFLOW_TIMEOUT": "Your workflow will be timed out after: {minutes} minutes.",
    "RUNNING_WORKFLOW": "Your workflow is now running.",
    "IMPORTING_FILES": "Importing your workflow run input: {uri}",
    "IMPORT_COMPLETED": "Completed import of workflow run input: {uri}",
    "STARTING_TASK": "Starting workflow run task with name: {name} and taskId: {task}",
    "RUNNING_TASK": "Running workflow run task: name: {name} and taskId: {task}",
    "TASK_COMPLETED": "Workflow run task: name: {name} and taskId: {task} completed.",
    "TASK_FAILED": "Workflow run task: name: {name} and taskId: {task} failed.",
    "TASK_CANCELLED": "Workflow run task: name: {name} and taskId: {task} cancelled.",
    "STOPPING_RUN": "Deprovisioning infrastructure for your workflow run.",
    "MAX_FILE_SYSTEM_USAGE": "Max file system usage (Size, Used, Used %):"
    " {size}GiB {used}GiB {percent}%",
    "ENGINE_LOG_GENERATED": "Engine log stream: {stream}",
    "RUN_COMPLETED": "Workflow run completed.",
    "RUN_FAILED": "Workflow run failed.",
    "RUN_CANCELLED": "Workflow run cancelled.",
}
_BAD = {"TASK_FAILED": "ERROR", "RUN_FAILED": "FATAL"}
# The events of the states of a task.
OF_TASK = {
    "STARTING": "STARTING_TASK",
    "RUNNING": "RUNNING_TASK",
    "COMPLETED": "TASK_COMPLETED",
    "FAILED": "TASK_FAILED",
    "CANCELLED": "TASK_CANCELLED",
}


class Logs(Protocol):
    """The log group of this service, of each account."""

    def log(self, lines: Mapping[str, Sequence[LogLine]], account: str) -> None:
        """Append lines to streams, by their names; on disk when it returns."""

    def forget_log(self, stream: str, account: str) -> None:
        """Remove a stream, if there is one."""


def stream(run: str) -> str:
    """The stream of a run's events."""
    return f"run/{run}"


def lets_through(log_level: str, level: str) -> bool:
    """Whether a run of this logLevel keeps a line of this level."""
    return _LEVELS[log_level] <= _LEVELS[level or "ALL"]


def line(status: str, event: str, **of_it: Any) -> str:
    """An event of a run in this status, as the service writes it."""
    return json.dumps(
        {"runStatus": status, "logMessage": event, "message": _EVENTS[event].format(**of_it)},
        separators=(",", ":"),
        ensure_ascii=False,
    )


def lines(level: str, status: str, event: str, **of_it: Any) -> list[LogLine]:
    """An event of a run in this status, if its logLevel lets it."""
    if not lets_through(level, _BAD.get(event, "")):
        return []
    return [(epoch_ms(), line(status, event, **of_it))]


def tell(logs: Logs, run: Mapping[str, Any], event: str, **of_it: Any) -> None:
    """Write an event of a run."""
    said = lines(run["logLevel"], run["status"], event, **of_it)
    logs.log({stream(run["id"]): said}, run["account"])
