"""The manifest log of a run: one JSON event for the run, then one for each of its tasks.

The members are those that AWS's run analyzer reads (user guide, "Monitoring HealthOmics with
CloudWatch Logs").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..arn import arn
from ..instances import reserved

_RUN = (
    "arn",
    "creationTime",
    "startTime",
    "stopTime",
    "resourceDigests",
    "digest",
    "engine",
    "main",
    "name",
    "outputUri",
    "parameters",
    "roleArn",
    "startedBy",
    "status",
    "storageCapacity",
    "storageType",
    "uuid",
    "workflowType",
    "failureReason",
    "priority",
    "retentionMode",
    "logLevel",
    "workflowOwnerId",
)
_TASK = (
    "name",
    "cpus",
    "memory",
    "gpus",
    "instanceType",
    "creationTime",
    "startTime",
    "stopTime",
    "status",
    "uuid",
    "failureReason",
)


def manifest(run: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of the manifest stream."""
    account = run["account"]
    reserved = run.get("storageCapacity") if run["storageType"] == "STATIC" else 0
    lines = [
        {
            **_given(run, _RUN),
            **_references(run),
            "metrics": {
                "storageReservedGiB": reserved,
                "runningSeconds": _seconds(run),
                **(run.get("metrics") or {}),
            },
        }
    ]
    for task in tasks:
        if task.get("cacheHit"):  # published manifests have neither times nor metrics of those
            task = {name: task[name] for name in task if not name.endswith("Time")}
        lines.append(
            {
                "arn": arn(f"task/{task['id']}", account),
                "run": run["arn"],
                **_given(task, _TASK),
                **_given(task.get("imageDetails") or {}, ("image", "imageDigest")),
                **({} if task.get("cacheHit") else {"metrics": _task_metrics(task)}),
            }
        )
    return [json.dumps(line, separators=(",", ":")) for line in lines]


def _task_metrics(task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        # Published: the instance's, not what was asked for.
        **reserved(task.get("instanceType"), task["cpus"], task["memory"]),
        "gpusReserved": task["gpus"],
        "runningSeconds": _seconds(task),
        **(task.get("metrics") or {}),
    }


def _given(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: document[name] for name in names if document.get(name) is not None}


def _seconds(document: Mapping[str, Any]) -> float:
    """How long something ran, 0 if it never did."""
    if not document.get("startTime") or not document.get("stopTime"):
        return 0.0
    start, stop = (datetime.fromisoformat(document[name]) for name in ("startTime", "stopTime"))
    return round(max(0.0, (stop - start).total_seconds()), 3)


def _references(run: Mapping[str, Any]) -> dict[str, str]:
    """What else the run was started with, by the names that AWS's `rerun` reads."""
    account, owner = run["account"], run.get("workflowOwnerId") or run["account"]
    workflow = f"workflow/{run['workflowId']}"
    found = {"workflow": arn(workflow, owner)}
    if version := run.get("workflowVersionName"):
        found["workflowVersion"] = arn(f"{workflow}/version/{version}", owner)
    if group := run.get("runGroupId"):
        found["runGroup"] = arn(f"runGroup/{group}", account)
    if cache := run.get("cacheId"):
        found["runCache"] = arn(f"runCache/{cache}", account)
        found["runCacheBehavior"] = run["cacheBehavior"]
    return found
