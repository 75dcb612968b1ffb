"""What the service says, as frozen values: AWS's dictionaries end here.

Members that the service leaves out are None; times are aware datetimes as botocore parses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeVar

from ..errors import UnexpectedAnswer

# The tag that marks what this plugin made; on a run its value is the digest of the plan.
OWNER_TAG = "snakemake-executor-omics"
JOBS_TAG = f"{OWNER_TAG}-jobs"  # on a run: how many jobs it carries
WORK_TAG = f"{OWNER_TAG}-work"  # on a run: which jobs, however they share tasks
GRAPH_TAG = f"{OWNER_TAG}-graph"  # on a run: of which graph, however it is cut into runs


_Status = TypeVar("_Status", bound=StrEnum)


def _member(data: Mapping[str, Any], name: str, what: str) -> str:
    """What a row or an answer must have to be of use."""
    if not isinstance(data.get(name), str):
        raise UnexpectedAnswer(
            f"the service told of a {what} without its {name}",
            hint="what answers there is no HealthOmics, or a newer one than this version knows",
        )
    return str(data[name])


def told_id(data: Mapping[str, Any], what: str) -> str:
    """The id in an answer that is of no use without it."""
    return _member(data, "id", what)


def _status(kind: type[_Status], data: Mapping[str, Any], what: str) -> _Status:
    text = _member(data, "status", what)
    try:
        return kind(text)
    except ValueError:
        raise UnexpectedAnswer(
            f"the service told of a {what} that is {text!r}, a status that this version does not "
            "know",
            hint="a newer version of the plugin may know it",
        ) from None


def _tags(data: Mapping[str, Any]) -> Mapping[str, str]:
    tags = data.get("tags")
    return dict(tags) if isinstance(tags, Mapping) else {}


class WorkflowStatus(StrEnum):
    """States of a workflow and of a workflow version."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    UPDATING = "UPDATING"
    DELETED = "DELETED"
    FAILED = "FAILED"
    INACTIVE = "INACTIVE"


class RunStatus(StrEnum):
    """States of a run."""

    PENDING = "PENDING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    COMPLETED = "COMPLETED"
    DELETED = "DELETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in _FINAL_RUN


_FINAL_RUN = frozenset(
    {RunStatus.COMPLETED, RunStatus.DELETED, RunStatus.CANCELLED, RunStatus.FAILED}
)


class TaskStatus(StrEnum):
    """States of one attempt at a task."""

    PENDING = "PENDING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in _FINAL_TASK


_FINAL_TASK = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow, as `GetWorkflow` and `ListWorkflows` report it."""

    id: str
    name: str | None
    status: WorkflowStatus
    message: str | None = None
    created: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            id=_member(data, "id", "workflow"),
            name=data.get("name"),
            status=_status(WorkflowStatus, data, "workflow"),
            message=data.get("statusMessage"),
            created=data.get("creationTime"),
            tags=_tags(data),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowVersion:
    """A version, as `GetWorkflowVersion` reports it."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    message: str | None = None

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            workflow_id=_member(data, "workflowId", "workflow version"),
            name=_member(data, "versionName", "workflow version"),
            status=_status(WorkflowStatus, data, "workflow version"),
            message=data.get("statusMessage"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as `StartRun`, `GetRun` and `ListRuns` report it, each a part of it.

    `id` may be used again once a run is deleted; `uuid` stays its own. `output_uri` is where the
    service really writes (`runOutputUri`): never compute it.
    """

    id: str
    status: RunStatus
    uuid: str | None = None
    name: str | None = None
    output_uri: str | None = None
    failure_reason: str | None = None
    status_message: str | None = None
    workflow_id: str | None = None
    version_name: str | None = None
    cache_id: str | None = None
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    storage_type: str | None = None
    storage_gib: int | None = None
    log_level: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            id=_member(data, "id", "run"),
            status=_status(RunStatus, data, "run"),
            uuid=data.get("uuid"),
            name=data.get("name"),
            output_uri=data.get("runOutputUri"),
            failure_reason=data.get("failureReason"),
            status_message=data.get("statusMessage"),
            workflow_id=data.get("workflowId"),
            version_name=data.get("workflowVersionName"),
            cache_id=data.get("cacheId"),
            created=data.get("creationTime"),
            started=data.get("startTime"),
            stopped=data.get("stopTime"),
            storage_type=data.get("storageType"),
            storage_gib=data.get("storageCapacity"),
            log_level=data.get("logLevel"),
            tags=_tags(data),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """One attempt at a task, as `ListRunTasks` reports it.

    `cpus`, `memory_gib` and `gpus` are what the task asked for, `instance` is what it got.
    """

    id: str
    name: str
    status: TaskStatus
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    cpus: int | None = None
    memory_gib: int | None = None
    gpus: int = 0
    instance: str | None = None
    cache_hit: bool = False
    cache_s3_uri: str | None = None

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            id=_member(data, "taskId", "task"),
            name=_member(data, "name", "task"),
            status=_status(TaskStatus, data, "task"),
            created=data.get("creationTime"),
            started=data.get("startTime"),
            stopped=data.get("stopTime"),
            cpus=data.get("cpus"),
            memory_gib=data.get("memory"),
            gpus=data.get("gpus") or 0,
            instance=data.get("instanceType"),
            cache_hit=bool(data.get("cacheHit", False)),
            cache_s3_uri=data.get("cacheS3Uri"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetail:
    """What only `GetRunTask` tells: why an attempt failed and where its log is."""

    task: RunTask
    failure_reason: str | None = None
    status_message: str | None = None
    log_stream: str | None = None

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            task=RunTask.from_api(data),
            failure_reason=data.get("failureReason"),
            status_message=data.get("statusMessage"),
            log_stream=data.get("logStream"),
        )
