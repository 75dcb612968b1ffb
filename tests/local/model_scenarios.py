"""For each family of operations, requests that succeed one after the other in a new account.

A text in braces, `{group}`, is what an earlier step kept of its answer under this name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .conftest import TEMPLATE, WDL, zipped


@dataclass(frozen=True)
class Step:
    """A request; `until`, it is repeated until the answer's status is this one."""

    operation: str
    request: Mapping[str, Any] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)  # name in the scenario -> member
    until: str = ""


_VERSION = {"workflowId": "{workflow}", "versionName": "v1"}
_RUN = {"workflowId": "{workflow}", "roleArn": "{role}", "outputUri": "{output}"}

SCENARIOS: dict[str, list[Step]] = {
    "workflows and runs": [
        Step("CreateWorkflow", {
            "name": "w", "description": "d", "engine": "WDL", "definitionZip": zipped(main=WDL),
            "main": "main.wdl", "parameterTemplate": TEMPLATE, "storageType": "DYNAMIC",
            "readmeMarkdown": "# w", "tags": {"k": "v"},
        }, keep={"workflow": "id", "arn": "arn"}),
        Step("GetWorkflow", {"id": "{workflow}", "export": ["DEFINITION"]}, until="ACTIVE"),
        Step("ListWorkflows", {"type": "PRIVATE", "name": "w", "maxResults": 1}),
        Step("UpdateWorkflow", {"id": "{workflow}", "name": "x", "description": "e"}),
        Step("CreateWorkflowVersion", {**_VERSION, "definitionZip": zipped(main=WDL)}),
        Step("GetWorkflowVersion", _VERSION, until="ACTIVE"),
        Step("ListWorkflowVersions", {"workflowId": "{workflow}"}),
        Step("UpdateWorkflowVersion", {**_VERSION, "description": "d"}),
        Step("DeleteWorkflowVersion", _VERSION),
        Step("TagResource", {"resourceArn": "{arn}", "tags": {"a": "b"}}),
        Step("ListTagsForResource", {"resourceArn": "{arn}"}),
        Step("UntagResource", {"resourceArn": "{arn}", "tagKeys": ["a"]}),
        Step("CreateRunGroup", {
            "name": "g", "maxCpus": 100, "maxRuns": 2, "maxDuration": 60, "maxGpus": 1,
            "tags": {"k": "v"},
        }, keep={"group": "id"}),
        Step("GetRunGroup", {"id": "{group}"}),
        Step("ListRunGroups", {"name": "g"}),
        Step("UpdateRunGroup", {"id": "{group}", "maxRuns": 3}),
        Step("CreateRunCache", {
            "cacheS3Location": "{output}/cache", "name": "c", "cacheBehavior": "CACHE_ALWAYS",
        }, keep={"cache": "id"}),
        Step("GetRunCache", {"id": "{cache}"}),
        Step("ListRunCaches"),
        Step("UpdateRunCache", {"id": "{cache}", "description": "d"}),
        Step("StartRun", {
            **_RUN, "name": "r", "parameters": {"how": "ok"}, "runGroupId": "{group}",
            "cacheId": "{cache}", "priority": 1, "logLevel": "ALL", "retentionMode": "RETAIN",
            "storageType": "STATIC", "storageCapacity": 1200, "tags": {"k": "v"},
        }, keep={"run": "id"}),
        Step("GetRun", {"id": "{run}", "export": ["DEFINITION"]}, until="COMPLETED"),
        Step("ListRuns", {"name": "r", "runGroupId": "{group}", "status": "COMPLETED"}),
        Step("ListRunTasks", {"id": "{run}"}, keep={"task": "items.0.taskId"}),
        Step("GetRunTask", {"id": "{run}", "taskId": "{task}"}),
        Step("DeleteRun", {"id": "{run}"}),
        Step("StartRun", {**_RUN, "parameters": {"how": "wait"}}, keep={"run": "id"}),
        Step("CancelRun", {"id": "{run}"}),
        Step("GetRun", {"id": "{run}"}, until="CANCELLED"),
        Step("DeleteRunGroup", {"id": "{group}"}),
        Step("DeleteRunCache", {"id": "{cache}"}),
        Step("DeleteWorkflow", {"id": "{workflow}"}),
    ],
}  # fmt: skip
