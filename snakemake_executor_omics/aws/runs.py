"""Start, follow, find and cancel runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import Conflict, LimitExceeded, NotFound, QuotaExceeded
from ..limits import MAX_PAGE, MAX_PARAMETER_BYTES
from .records import GRAPH_TAG, JOBS_TAG, OWNER_TAG, WORK_TAG, Run, RunStatus, RunTask, TaskDetail
from .session import Services, fetch
from .translate import translated

if TYPE_CHECKING:
    from types_boto3_omics.type_defs import PaginatorConfigTypeDef

_PAGE: PaginatorConfigTypeDef = {"PageSize": MAX_PAGE}
_QUOTA = (
    "wait for other runs to end, or ask AWS for more in the Service Quotas console; if it is the "
    "number of stored runs that is reached, delete old ones, or let the service forget the oldest "
    "with --omics-retention REMOVE"
)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_ACTIVE = (RunStatus.PENDING, RunStatus.STARTING, RunStatus.RUNNING, RunStatus.STOPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything `StartRun` is told; None is not sent.

    `plan` is the digest of the wave, `work` that of its jobs, however they share tasks, `graph`
    that of all that is started together, however it is cut: the values of the tags by which
    `find_runs` finds the run again. `request_id` makes a start safe to repeat.
    """

    workflow_id: str
    version_name: str | None
    role_arn: str
    output_uri: str
    request_id: str
    plan: str
    work: str
    graph: str
    jobs: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    run_group_id: str | None = None
    cache_id: str | None = None
    cache_behavior: str | None = None
    priority: int | None = None
    storage_type: str = "DYNAMIC"
    storage_capacity: int | None = None
    scratch_storage: str | None = None
    retention: str | None = None
    log_level: str | None = None
    networking_mode: str | None = None
    configuration: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_api(self) -> dict[str, Any]:
        members = {
            "workflowId": self.workflow_id,
            "workflowVersionName": self.version_name,
            "workflowType": "PRIVATE",
            "roleArn": self.role_arn,
            "outputUri": self.output_uri,
            "requestId": self.request_id,
            "parameters": dict(self.parameters),
            "name": self.name,
            "runGroupId": self.run_group_id,
            "cacheId": self.cache_id,
            "cacheBehavior": self.cache_behavior if self.cache_id else None,
            "priority": self.priority,
            # Always sent: the service's documents disagree about the default.
            "storageType": self.storage_type,
            "storageCapacity": self.storage_capacity,
            "scratchStorageMode": self.scratch_storage,
            "retentionMode": self.retention,
            "logLevel": self.log_level,
            "networkingMode": self.networking_mode,
            "configurationName": self.configuration,
            "tags": {
                **self.tags,
                OWNER_TAG: self.plan,
                WORK_TAG: self.work,
                GRAPH_TAG: self.graph,
                JOBS_TAG: str(self.jobs),
            },
        }
        return {name: value for name, value in members.items() if value is not None}


def start_run(services: Services, request: RunRequest) -> Run:
    """Start a run; the same `request_id` again gives the same run."""
    members = request.to_api()
    size = len(json.dumps(members["parameters"], separators=(",", ":")).encode())
    if size > MAX_PARAMETER_BYTES:
        raise LimitExceeded(
            "bytes of run parameters",
            size,
            MAX_PARAMETER_BYTES,
            hint="spread the jobs over more runs: --omics-parallel-runs or a smaller "
            "--omics-max-tasks-per-run",
        )
    with translated("start the run", hints={QuotaExceeded: _QUOTA}):
        return Run.from_api(services.omics.start_run(**members))


def get_run(services: Services, run_id: str) -> Run:
    """The run as it stands now."""
    with translated(f"read run {run_id}"):
        return Run.from_api(services.omics.get_run(id=run_id))


def read_definition(services: Services, run_id: str) -> bytes | None:
    """The zip that a run was made from, by the link that the service gives; None without one."""
    with translated(f"read the definition of run {run_id}"):
        link = services.omics.get_run(id=run_id, export=["DEFINITION"]).get("definition")
        return None if link is None else fetch(link)


def list_tasks(services: Services, run_id: str) -> list[RunTask]:
    """All attempts at all tasks of a run, in one request per 100."""
    with translated(f"list the tasks of run {run_id}"):
        pages = services.omics.get_paginator("list_run_tasks").paginate(
            id=run_id, PaginationConfig=_PAGE
        )
        return [RunTask.from_api(item) for page in pages for item in page.get("items", ())]


def get_task(services: Services, run_id: str, task_id: str) -> TaskDetail:
    """One attempt with its failure reason and log stream."""
    with translated(f"read task {task_id} of run {run_id}"):
        return TaskDetail.from_api(services.omics.get_run_task(id=run_id, taskId=task_id))


def cancel_run(services: Services, run_id: str) -> bool:
    """Ask for the run's end; False if it has ended or gone already."""
    try:
        with translated(f"cancel run {run_id}"):
            services.omics.cancel_run(id=run_id)
    except (Conflict, NotFound):
        return False
    return True


def find_runs(
    services: Services,
    tags: Mapping[str, Collection[str]],
    *,
    name: str | None = None,
    others: Collection[str] = (),
) -> list[Run]:
    """Runs in flight that have one of these values in one of these `tags`, newest first.

    The service's list tells no tags, so each active run of that name is read, but for `others`,
    which are known to be none of these.
    """
    found = []
    for listed in _active_runs(services, name):
        if listed.id in others:
            continue
        try:
            run = get_run(services, listed.id)
        except NotFound:
            continue  # deleted since it was listed
        is_wanted = any(run.tags.get(tag) in values for tag, values in tags.items())
        if is_wanted and not run.status.is_final:
            found.append(run)
    return sorted(found, key=lambda run: (run.created or _EARLIEST, run.id), reverse=True)


def our_runs(services: Services, name: str, *, ended: int) -> list[Run]:
    """Runs of that name that this plugin started: the active ones, and the newest `ended` others.

    Whoever started them. One request for 100 runs of the name, and one for each that is given.
    """
    with translated(f"list the runs named {name}"):
        pages = services.omics.get_paginator("list_runs").paginate(
            name=name, PaginationConfig=_PAGE
        )
        items = [item for page in pages for item in page.get("items", ())]
    listed = [run for run in map(Run.from_api, items) if run.name == name]
    listed.sort(key=lambda run: (run.created or _EARLIEST, run.id), reverse=True)
    found: list[Run] = []
    for run in listed:
        if run.status.is_final and ended <= 0:
            continue
        try:
            detail = get_run(services, run.id)
        except NotFound:
            continue  # deleted since it was listed
        if OWNER_TAG in detail.tags:
            found.append(detail)
            ended -= run.status.is_final
    return found


def _active_runs(services: Services, name: str | None) -> Iterator[Run]:
    """The active runs of a name: of one page, or where it has had more runs, of a list a state."""
    if name is not None:
        with translated(f"list the runs named {name}"):
            page = services.omics.list_runs(name=name, maxResults=MAX_PAGE)
        if "nextToken" not in page:
            yield from (
                run
                for item in page.get("items", ())
                if not (run := Run.from_api(item)).status.is_final
            )
            return
    query = {} if name is None else {"name": name}
    for status in _ACTIVE:
        with translated(f"list the {status.lower()} runs"):
            pages = services.omics.get_paginator("list_runs").paginate(
                status=status.value, PaginationConfig=_PAGE, **query
            )
            items = [item for page in pages for item in page.get("items", ())]
        yield from (Run.from_api(item) for item in items)
