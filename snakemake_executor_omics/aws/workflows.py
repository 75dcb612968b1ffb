"""One HealthOmics workflow per project, one version of it per content.

A version is named after the digest of what it holds, so an unchanged workflow finds the version
it made before. The workflow's own definition, which the service wants at its creation and checks,
does nothing; runs always name a version.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Any, TypeVar

from ..errors import (
    Conflict,
    LimitExceeded,
    NotFound,
    QuotaExceeded,
    ServiceError,
    WorkflowRejected,
)
from ..limits import (
    MAX_DEFINITION_URI,
    MAX_DESCRIPTION,
    MAX_INLINE_ZIP,
    MAX_NAME,
    MAX_PAGE,
    MAX_README,
    MAX_TEMPLATE_BYTES,
    MAX_TEMPLATE_ENTRIES,
    MAX_VERSIONS,
    MAX_ZIP,
)
from .named import LATER
from .records import OWNER_TAG, Workflow, WorkflowStatus, WorkflowVersion, told_id
from .session import Services
from .transfer import write_bytes
from .translate import translated

Say = Callable[[str], None]
Checked = TypeVar("Checked", Workflow, WorkflowVersion)

_PATIENCE_SECONDS = 1800
_PAUSE_SHARE = 0.5  # of the time that a check has taken so far, before it is looked at again
_SAY_SECONDS = 10.0  # after which it is told what is waited for
_OWN_DEFINITION = """version 1.1

# Every run of this workflow names one of its versions: those have the jobs.
workflow snakemake {
  call nothing
}

task nothing {
  command <<< true >>>
  runtime {
    container: "public.ecr.aws/docker/library/python:3.12-slim"
    cpu: 1
    memory: "1 GiB"
  }
}
"""
_USABLE = (WorkflowStatus.ACTIVE, WorkflowStatus.CREATING, WorkflowStatus.UPDATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSpec:
    """What a workflow version is made of.

    `definitions_uri` is the S3 folder for zips too large for a request.
    """

    workflow_name: str
    zip: bytes
    template: Mapping[str, Mapping[str, object]]
    definitions_uri: str
    description: str = "A Snakemake workflow."
    readme: str | None = None
    main: str = "main.wdl"
    storage_type: str = "DYNAMIC"
    storage_capacity: int | None = None
    accelerators: str | None = None
    container_registry_map: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Over everything that a run of the version depends on; texts for people are not."""
        rest = json.dumps(
            [
                self.template,
                self.main,
                self.storage_type,
                self.storage_capacity,
                self.accelerators,
                self.container_registry_map,
            ],
            sort_keys=True,
        )
        return hashlib.sha256(hashlib.sha256(self.zip).digest() + rest.encode()).hexdigest()

    @property
    def version_name(self) -> str:
        return self.digest[:16]


def ensure_workflow_version(
    services: Services,
    spec: VersionSpec,
    *,
    poll_seconds: float = 3.0,
    say: Say = lambda line: None,
) -> WorkflowVersion:
    """The ACTIVE version for `spec`: found, waited for, or made.

    A workflow that has all the versions that it can have is followed by one named NAME-2. Nothing
    is deleted for room: somebody may be about to start a run of it, and runs name what they ran.
    """
    _check(spec)
    name = spec.workflow_name
    workflow = _find_workflow(services, name)
    number = 1
    while True:
        workflow_id = _made(services, spec, workflow, poll_seconds, say)
        version = _get_version(services, workflow_id, spec.version_name)
        if version is not None and version.status is WorkflowStatus.ACTIVE:
            return version
        try:
            if version is None:
                _create_version(services, workflow_id, spec)
        except ServiceError as error:
            # How the service says that there are too many is not documented.
            if not isinstance(error, QuotaExceeded) and error.code != "ValidationException":
                raise
            if _versions(services, workflow_id) < MAX_VERSIONS:
                raise
            number += 1
            suffix = f"-{number}"
            following = f"{name[: MAX_NAME - len(suffix)]}{suffix}"
            say(
                f"omics: workflow {spec.workflow_name} ({workflow_id}) has {MAX_VERSIONS:,} "
                f"versions, the most that it can have: {following} goes on"
            )
            spec = replace(spec, workflow_name=following)
            workflow = _find_workflow(services, following)
        else:
            return _wait_for_version(services, workflow_id, spec.version_name, poll_seconds, say)


def begin_versions(
    services: Services,
    specs: Sequence[VersionSpec],
    *,
    poll_seconds: float = 3.0,
    say: Say = lambda line: None,
) -> None:
    """Have the service check several versions of a workflow side by side.

    `ensure_workflow_version` waits for each, and tells what is wrong with it.
    """
    for spec in specs:
        _check(spec)
    with suppress(ServiceError):
        workflow = _find_workflow(services, specs[0].workflow_name)
        workflow_id = _made(services, specs[0], workflow, poll_seconds, say)
        for spec in specs:
            if _get_version(services, workflow_id, spec.version_name) is None:
                _create_version(services, workflow_id, spec)


def _versions(services: Services, workflow_id: str) -> int:
    with translated(f"list the versions of workflow {workflow_id}"):
        pages = services.omics.get_paginator("list_workflow_versions").paginate(
            workflowId=workflow_id, PaginationConfig={"PageSize": MAX_PAGE}
        )
        return sum(len(page.get("items", ())) for page in pages)


def _check(spec: VersionSpec) -> None:
    smaller_waves = (
        "spread the jobs over more runs: --omics-parallel-runs or --omics-max-tasks-per-run"
    )
    template_bytes = len(json.dumps(spec.template).encode())
    limits = (
        ("bytes of the zipped definition", len(spec.zip), MAX_ZIP),
        ("entries of the parameter template", len(spec.template), MAX_TEMPLATE_ENTRIES),
        ("bytes of the parameter template", template_bytes, MAX_TEMPLATE_BYTES),
    )
    for what, actual, limit in limits:
        if actual > limit:
            raise LimitExceeded(what, actual, limit, hint=smaller_waves)


def _find_workflow(services: Services, name: str) -> Workflow | None:
    with translated(f"look for workflow {name}"):
        pages = services.omics.get_paginator("list_workflows").paginate(
            type="PRIVATE", name=name, PaginationConfig={"PageSize": MAX_PAGE}
        )
        listed = [Workflow.from_api(item) for page in pages for item in page.get("items", ())]
    candidates = [flow for flow in listed if flow.name == name and flow.status in _USABLE]
    # Names are not unique: the oldest of ours is the same one for everybody.
    for candidate in sorted(candidates, key=lambda flow: (flow.created or LATER, flow.id)):
        try:
            with translated(f"read workflow {candidate.id}"):
                flow = Workflow.from_api(services.omics.get_workflow(id=candidate.id))
        except NotFound:
            continue  # deleted since it was listed
        if OWNER_TAG in flow.tags:
            return flow
    return None


def _made(
    services: Services, spec: VersionSpec, found: Workflow | None, poll_seconds: float, say: Say
) -> str:
    """The id of a workflow that can have versions: of the one that was found, or of a new one."""
    if found is not None and found.status is WorkflowStatus.ACTIVE:
        return found.id
    workflow_id = _create_workflow(services, spec) if found is None else found.id
    _wait_for_workflow(services, workflow_id, poll_seconds, say)
    return workflow_id


def _create_workflow(services: Services, spec: VersionSpec) -> str:
    members: dict[str, Any] = {
        "name": spec.workflow_name,
        "engine": "WDL",
        "main": "main.wdl",
        "definitionZip": _zip_of(_OWN_DEFINITION),
        "description": _description(spec),
        "tags": {**spec.tags, OWNER_TAG: "workflow"},
    }

    def create(token: str) -> str:
        with translated(f"create workflow {spec.workflow_name}"):
            return told_id(services.omics.create_workflow(requestId=token, **members), "workflow")

    workflow_id = create(f"workflow-{_token(spec.workflow_name, spec.digest)}")
    if not _still_there(services, workflow_id):
        # The token belongs to a workflow that was deleted meanwhile: make a new one.
        workflow_id = create(str(uuid.uuid4()))
    return workflow_id


def _zip_of(text: str) -> bytes:
    """The same bytes for the same text: a repeated request has to be the same one."""
    with io.BytesIO() as out:
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(zipfile.ZipInfo("main.wdl"), text)
        return out.getvalue()


def _description(spec: VersionSpec) -> str:
    return spec.description[:MAX_DESCRIPTION] or "A Snakemake workflow."


def _still_there(services: Services, workflow_id: str) -> bool:
    try:
        with translated(f"read workflow {workflow_id}"):
            flow = Workflow.from_api(services.omics.get_workflow(id=workflow_id))
    except NotFound:
        return False
    return flow.status is not WorkflowStatus.DELETED


def _get_version(services: Services, workflow_id: str, name: str) -> WorkflowVersion | None:
    try:
        with translated(f"read version {name} of workflow {workflow_id}"):
            version = WorkflowVersion.from_api(
                services.omics.get_workflow_version(workflowId=workflow_id, versionName=name)
            )
    except NotFound:
        return None
    return None if version.status is WorkflowStatus.DELETED else version


def _create_version(services: Services, workflow_id: str, spec: VersionSpec) -> None:
    members = _definition(services, spec)
    members["tags"] = {**spec.tags, OWNER_TAG: "version"}

    def create(token: str) -> None:
        services.omics.create_workflow_version(
            workflowId=workflow_id, versionName=spec.version_name, requestId=token, **members
        )

    action = f"create version {spec.version_name} of workflow {workflow_id}"
    try:
        with translated(action):
            create(f"version-{_token(workflow_id, spec.version_name)}")
        if _get_version(services, workflow_id, spec.version_name) is None:
            # As with the workflow: the token belongs to a version that was deleted.
            with translated(action):
                create(str(uuid.uuid4()))
    except Conflict:
        # Another Snakemake has just made it: it is waited for like our own.
        return


def _definition(services: Services, spec: VersionSpec) -> dict[str, Any]:
    """What the version is made of."""
    members: dict[str, Any] = {
        "engine": "WDL",
        "main": spec.main,
        "description": _description(spec),
        "storageType": spec.storage_type,
    }
    if len(spec.zip) <= MAX_INLINE_ZIP:
        members["definitionZip"] = spec.zip
    else:
        uri = f"{spec.definitions_uri.rstrip('/')}/{spec.version_name}.zip"
        if len(uri) > MAX_DEFINITION_URI:
            raise LimitExceeded(
                "characters of the definition's S3 URI",
                len(uri),
                MAX_DEFINITION_URI,
                hint="choose a shorter --omics-output-uri",
            )
        write_bytes(services, uri, spec.zip)
        members["definitionUri"] = uri
    if spec.template:
        members["parameterTemplate"] = {key: dict(entry) for key, entry in spec.template.items()}
    if spec.readme:
        members["readmeMarkdown"] = _cut(spec.readme)
    if spec.storage_capacity is not None:
        members["storageCapacity"] = spec.storage_capacity
    if spec.accelerators is not None:
        members["accelerators"] = spec.accelerators
    if spec.container_registry_map:
        members["containerRegistryMap"] = dict(spec.container_registry_map)
    return members


def _cut(readme: str) -> str:
    """The README is a courtesy: too long a one is cut, not refused."""
    note = "\n\n(cut here: the service keeps 500 KiB)\n"
    data = readme.encode()
    if len(data) <= MAX_README:
        return readme
    return data[: MAX_README - len(note)].decode(errors="ignore") + note


def _token(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def _wait_for_workflow(services: Services, workflow_id: str, poll_seconds: float, say: Say) -> None:
    _wait(
        services,
        lambda: Workflow.from_api(services.omics.get_workflow(id=workflow_id)),
        f"wait for workflow {workflow_id}",
        poll_seconds,
        # Without this a rejected one would stay in the account for ever.
        lambda: services.omics.delete_workflow(id=workflow_id),
        say,
    )


def _wait_for_version(
    services: Services, workflow_id: str, name: str, poll_seconds: float, say: Say
) -> WorkflowVersion:
    def look() -> WorkflowVersion:
        answer = services.omics.get_workflow_version(workflowId=workflow_id, versionName=name)
        return WorkflowVersion.from_api(answer)

    return _wait(
        services,
        look,
        f"wait for version {name} of workflow {workflow_id}",
        poll_seconds,
        # Its name is its content's: it must be free for the next try.
        lambda: services.omics.delete_workflow_version(workflowId=workflow_id, versionName=name),
        say,
    )


def _wait(
    services: Services,
    look: Callable[[], Checked],
    action: str,
    poll_seconds: float,
    remove: Callable[[], Any],
    say: Say,
) -> Checked:
    """Look until the service has checked a definition, less often the longer it takes."""
    begun = monotonic()
    late = threading.Timer(
        _SAY_SECONDS, say, [f"omics: {action}: the service checks its definition"]
    )
    late.daemon = True
    late.start()
    try:
        while True:
            before = services.last_end()
            with translated(action):
                found = look()
            if found.status is WorkflowStatus.ACTIVE:
                return found
            if found.status is WorkflowStatus.FAILED:
                raise _rejected(found.message, remove)
            if found.status is WorkflowStatus.DELETED:
                raise NotFound(f"cannot {action}: it was deleted", transient=True)
            waited = monotonic() - begun
            if waited > _PATIENCE_SECONDS:
                # The service's state is fine but slow: waiting longer, in a next call, may help.
                why = f"it is {found.status} after {waited / 60:.0f} minutes"
                raise ServiceError(f"cannot {action}: {why}", code="Timeout", transient=True)
            for pause in services.pauses(max(poll_seconds, waited * _PAUSE_SHARE), before):
                sleep(pause)
    finally:
        late.cancel()


def _rejected(message: str | None, remove: Callable[[], Any]) -> WorkflowRejected:
    rejected = WorkflowRejected(
        f"HealthOmics could not validate the workflow definition:\n{message or 'no reason given'}",
        hint="the definition is under .snakemake/omics/; `miniwdl check` shows the same",
    )
    try:
        with translated("remove the rejected definition"):
            remove()
    except ServiceError as left_over:
        rejected.add_note(str(left_over))
    return rejected
