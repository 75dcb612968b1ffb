"""The manifest log of a run: one JSON event for the run, then one for each of its tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .arn import arn

_RUN = (
    "arn", "creationTime", "startTime", "stopTime", "resourceDigests", "digest", "main", "name",
    "outputUri", "parameters", "roleArn", "startedBy", "status", "storageCapacity", "storageType",
    "uuid", "workflowType", "failureReason",
)  # fmt: skip
_TASK = (
    "name", "cpus", "memory", "gpus", "image", "instanceType", "creationTime", "startTime",
    "stopTime", "status", "uuid", "failureReason",
)  # fmt: skip


def manifest(run: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of the manifest stream."""
    head = {name: run[name] for name in _RUN if run.get(name) is not None}
    head |= {"engine": "WDL", "workflow": arn(f"workflow/{run['workflowId']}"), "metrics": {}}
    lines = [head]
    for task in tasks:
        reserved = {
            "cpusReserved": task.get("cpus"),
            "memoryReservedGiB": task.get("memory"),
            "gpusReserved": task.get("gpus"),
        }
        lines.append({
            "arn": arn(f"task/{task['id']}"),
            "run": run["arn"],
            **{name: task[name] for name in _TASK if task.get(name) is not None},
            "metrics": {**reserved, **(task.get("metrics") or {})},
        })  # fmt: skip
    return [json.dumps(line, separators=(",", ":")) for line in lines]
