"""What the service says of a run or a task that failed, in its own sentences.

That of a failed task is from published answers of the real service; the others are those of the
user guide, "Run failure reasons". What only an engine knows (an exit status, a parse error) the
service does not say: it is in the engine's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..arn import log_stream_arn

_MOST = 64  # characters of a failureReason


def of_run(
    run: Mapping[str, Any], reason: str, message: str, task: Mapping[str, Any] | None
) -> str:
    """The statusMessage of a run; `task` is the one that failed it, `message` its engine's."""
    if task is not None and reason == "RUN_TASK_FAILED":
        stream = log_stream_arn(f"run/{run['id']}/task/{task['id']}", run["account"])
        return (
            f"{_task_failed(task)} Use the GetRunTask API for more information as well as the"
            f" CloudWatch logs log stream: {stream} to debug the failure."
        )
    if task is not None:
        return of_task(task, reason, message)
    if reason == "WORKFLOW_RUN_FAILED":
        stream = log_stream_arn(f"run/{run['id']}/engine", run["account"])
        return (
            "Workflow run failed. Review the CloudWatch Logs engine log stream:"
            f" {stream} to debug the failure."
        )
    return message


def of_task(task: Mapping[str, Any], reason: str, message: str) -> str:
    """The statusMessage of a task that failed for this reason, `message` being its engine's."""
    if reason == "RUN_TASK_FAILED":
        return _task_failed(task)
    if reason == "OUT_OF_MEMORY_ERROR":
        return (
            f"Workflow task {task['id']} ran out of memory. Increase the memory value in the"
            " workflow definition and try the run again."
        )
    if reason == "TASK_TIMED_OUT":
        return f"Task {task['id']} {message}"
    return message


def _task_failed(task: Mapping[str, Any]) -> str:
    return f"Run failed due to task: {task['name']}, id: {task['id']}, failure."


def short(reason: str) -> str:
    return reason[:_MOST]
