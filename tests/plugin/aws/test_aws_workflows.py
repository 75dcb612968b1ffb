"""Workflows and versions: which calls are made, and what a rejection says."""

import threading
from dataclasses import replace
from typing import Any, cast

import pytest
import WDL
from botocore.stub import ANY, Stubber

from snakemake_executor_omics.aws import session, transfer
from snakemake_executor_omics.aws import workflows as module
from snakemake_executor_omics.aws.records import OWNER_TAG, WorkflowStatus, WorkflowVersion
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.workflows import (
    VersionSpec,
    begin_versions,
    ensure_workflow_version,
)
from snakemake_executor_omics.errors import (
    AccessDenied,
    LimitExceeded,
    NotFound,
    ServiceError,
    WorkflowRejected,
)

SPEC = VersionSpec(
    workflow_name="rna",
    zip=b"zip",
    template={"a": {"description": "a.txt", "optional": False}},
    definitions_uri="s3://results/definitions",
    tags={"team": "x"},
)
NAME = SPEC.version_name
NOBODY: Any = Services(*3 * [cast(Any, None)], "us-east-1")
LIST = {"type": "PRIVATE", "name": "rna", "maxResults": 100}


def flow(id: str = "1", status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {"id": id, "name": "rna", "status": status, **more}


def version(status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {"workflowId": "1", "versionName": NAME, "status": status, **more}


def add(stub: Stubber, method: str, response: dict[str, Any], expected: Any = None) -> None:
    stub.add_response(method, response, expected)


def missing(stub: Stubber, method: str) -> None:
    stub.add_client_error(method, "ResourceNotFoundException", "no", 404)


def found(stub: Stubber) -> None:
    """Our workflow is there and active."""
    add(stub, "list_workflows", {"items": [flow()]}, LIST)
    add(stub, "get_workflow", flow(tags={OWNER_TAG: "workflow"}), {"id": "1"})


def ensure(services: Services, spec: VersionSpec = SPEC) -> Any:
    return ensure_workflow_version(services, spec, poll_seconds=0)


def test_unchanged_version_is_reused(services: Services, omics: Stubber) -> None:
    found(omics)
    add(omics, "get_workflow_version", version())
    assert ensure(services).name == NAME


def test_a_check_that_takes_its_time_is_said(
    services: Services, omics: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's check of a large definition takes minutes."""
    told = threading.Event()
    monkeypatch.setattr(module, "_SAY_SECONDS", 0)
    said: list[str] = []

    def look() -> WorkflowVersion:
        assert told.wait(60)
        return WorkflowVersion(workflow_id="1", name="v", status=WorkflowStatus.ACTIVE)

    def say(line: str) -> None:
        said.append(line)
        told.set()

    module._wait(NOBODY, look, "wait for version v", 3.0, lambda: None, say)
    assert said == ["omics: wait for version v: the service checks its definition"]


def test_several_versions_are_begun_without_waiting(services: Services, omics: Stubber) -> None:
    other = replace(SPEC, zip=b"other")
    add(omics, "list_workflows", {"items": [flow()]}, LIST)
    add(omics, "get_workflow", flow(tags={OWNER_TAG: "workflow"}), {"id": "1"})
    add(omics, "get_workflow_version", version("CREATING"))  # begun by an earlier call
    missing(omics, "get_workflow_version")
    add(omics, "create_workflow_version", version("CREATING"))
    add(omics, "get_workflow_version", version("CREATING"))
    begin_versions(services, [SPEC, other])


def test_what_keeps_a_version_from_being_begun_is_told_when_it_is_waited_for(
    services: Services, omics: Stubber
) -> None:
    omics.add_client_error("list_workflows", "AccessDeniedException", "no", 403)
    begin_versions(services, [SPEC, SPEC])
    with pytest.raises(LimitExceeded):
        begin_versions(services, [SPEC, replace(SPEC, zip=bytes(module.MAX_ZIP + 1))])


def test_version_being_made_is_waited_for(services: Services, omics: Stubber) -> None:
    found(omics)
    for status in ("CREATING", "CREATING", "ACTIVE"):
        add(omics, "get_workflow_version", version(status))
    assert ensure(services).status is WorkflowStatus.ACTIVE


def test_the_workflows_own_definition_is_one() -> None:
    document = WDL.parse_document(module._OWN_DEFINITION)
    document.typecheck()
    assert module._zip_of(module._OWN_DEFINITION) == module._zip_of(module._OWN_DEFINITION)


def test_first_use_makes_workflow_and_version(services: Services, omics: Stubber) -> None:
    # One of that name that is not ours, and one that is gone.
    add(omics, "list_workflows", {"items": [flow("7"), flow("8", "DELETED")]}, LIST)
    add(omics, "get_workflow", flow("7", tags={}), {"id": "7"})
    common = {
        "engine": "WDL",
        "main": "main.wdl",
        "description": "A Snakemake workflow.",
        "requestId": ANY,
    }
    add(
        omics,
        "create_workflow",
        {"id": "1", "status": "CREATING"},
        {
            **common,
            "name": "rna",
            "definitionZip": ANY,  # one that takes no time to check
            "tags": {"team": "x", OWNER_TAG: "workflow"},
        },
    )
    for _ in range(2):
        add(omics, "get_workflow", flow())
    missing(omics, "get_workflow_version")
    add(
        omics,
        "create_workflow_version",
        {"workflowId": "1", "versionName": NAME, "status": "CREATING"},
        {
            **common,
            "workflowId": "1",
            "versionName": NAME,
            "definitionZip": b"zip",
            "storageType": "DYNAMIC",
            "parameterTemplate": SPEC.template,
            "tags": {"team": "x", OWNER_TAG: "version"},
        },
    )
    for _ in range(2):
        add(omics, "get_workflow_version", version())
    assert ensure(services).workflow_id == "1"


def test_version_made_by_someone_else_at_the_same_time(services: Services, omics: Stubber) -> None:
    found(omics)
    missing(omics, "get_workflow_version")
    omics.add_client_error("create_workflow_version", "ConflictException", "exists", 409)
    add(omics, "get_workflow_version", version())
    assert ensure(services).name == NAME


def test_rejection_carries_the_message_and_frees_the_name(
    services: Services, omics: Stubber
) -> None:
    found(omics)
    add(omics, "get_workflow_version", version("CREATING"))
    add(omics, "get_workflow_version", version("FAILED", statusMessage="(Ln 3, Col 1) no"))
    add(omics, "delete_workflow_version", {}, {"workflowId": "1", "versionName": NAME})
    with pytest.raises(WorkflowRejected, match=r"\(Ln 3, Col 1\) no"):
        ensure(services)


def test_other_errors_are_translated(services: Services, omics: Stubber) -> None:
    omics.add_client_error("list_workflows", "AccessDeniedException", "not you", 403)
    with pytest.raises(AccessDenied, match="cannot look for workflow rna: not you") as caught:
        ensure(services)
    assert caught.value.code == "AccessDeniedException"
    assert not caught.value.transient


def test_large_definition_goes_through_s3(
    services: Services, omics: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.s3.create_bucket(Bucket="results")
    monkeypatch.setattr(module, "MAX_INLINE_ZIP", 2)
    found(omics)
    missing(omics, "get_workflow_version")
    uri = f"s3://results/definitions/{NAME}.zip"
    add(
        omics,
        "create_workflow_version",
        {"workflowId": "1", "versionName": NAME, "status": "CREATING"},
        {
            "definitionUri": uri,
            "workflowId": "1",
            "versionName": NAME,
            "requestId": ANY,
            "engine": "WDL",
            "main": "main.wdl",
            "description": ANY,
            "storageType": "DYNAMIC",
            "parameterTemplate": ANY,
            "tags": ANY,
        },
    )
    for _ in range(2):
        add(omics, "get_workflow_version", version())
    ensure(services)
    assert transfer.read_bytes(services, uri) == b"zip"


def test_limits_are_checked_before_any_call(services: Services, omics: Stubber) -> None:
    template: dict[str, dict[str, object]] = {f"p{n}": {} for n in range(1001)}
    with pytest.raises(LimitExceeded, match=r"1,001 is above the limit of 1,000"):
        ensure(services, replace(SPEC, template=template))


def test_version_name_depends_on_content_only() -> None:
    assert replace(SPEC, readme="other", tags={}, workflow_name="x").version_name == NAME
    assert replace(SPEC, zip=b"zap").version_name != NAME
    assert replace(SPEC, storage_type="STATIC").version_name != NAME
    registry = {"imageMappings": [{"sourceImage": "a", "destinationImage": "b"}]}
    assert replace(SPEC, container_registry_map=registry).version_name != NAME


def test_a_full_workflow_is_followed_by_the_next(
    services: Services, omics: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is deleted: another head may be about to run what is there."""
    monkeypatch.setattr(module, "MAX_VERSIONS", 2)
    found(omics)
    missing(omics, "get_workflow_version")
    omics.add_client_error(
        "create_workflow_version", "ServiceQuotaExceededException", "too many versions", 402
    )
    items = [{"workflowId": "1", "versionName": name} for name in "ab"]
    add(omics, "list_workflow_versions", {"items": items}, {"workflowId": "1", "maxResults": 100})
    second = {**flow("2"), "name": "rna-2"}
    add(omics, "list_workflows", {"items": [second]}, {**LIST, "name": "rna-2"})
    add(omics, "get_workflow", {**second, "tags": {OWNER_TAG: "workflow"}}, {"id": "2"})
    there = {"workflowId": "2", "versionName": NAME}
    add(omics, "get_workflow_version", {**there, "status": "ACTIVE"}, there)
    said: list[str] = []
    made = ensure_workflow_version(services, SPEC, poll_seconds=0, say=said.append)
    assert made.workflow_id == "2"
    assert len(said) == 1
    assert "rna-2 goes on" in said[0]


def test_another_refusal_of_a_version_is_told(services: Services, omics: Stubber) -> None:
    found(omics)
    missing(omics, "get_workflow_version")
    omics.add_client_error("create_workflow_version", "ValidationException", "bad template", 400)
    add(omics, "list_workflow_versions", {"items": [version()]})
    with pytest.raises(ServiceError, match="bad template"):
        ensure(services)


def test_a_check_is_looked_at_less_often_the_longer_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow machine, or a large definition, takes hardly more requests."""
    now, looks = [0.0], [0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def look() -> WorkflowVersion:
        looks[0] += 1
        status = WorkflowStatus.CREATING if now[0] < 600 else WorkflowStatus.ACTIVE
        return WorkflowVersion(workflow_id="1", name="v", status=status)

    for clock in (module, session):
        monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "sleep", sleep)
    module._wait(NOBODY, look, "wait", 1.0, lambda: None, lambda line: None)
    assert looks[0] < 30
    assert now[0] < 600 * 1.5


def test_a_service_that_tells_of_an_end_is_asked_at_once() -> None:
    """Not when the next look is due: the local service tells it by the time of a file."""
    ended = [1]
    services = replace(NOBODY, last_end=lambda: ended[-1])
    checked = WorkflowVersion(workflow_id="1", name="v", status=WorkflowStatus.ACTIVE)
    looks = [replace(checked, status=WorkflowStatus.CREATING), checked]

    def look() -> WorkflowVersion:
        if len(looks) == 2:
            threading.Timer(0.01, ended.append, [2]).start()
        return looks.pop(0)

    module._wait(services, look, "wait", 24 * 3600.0, lambda: None, lambda line: None)
    assert not looks


def test_a_check_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0)
    slow = WorkflowVersion(workflow_id="1", name="v", status=WorkflowStatus.CREATING)
    with pytest.raises(ServiceError, match="it is CREATING after") as caught:
        module._wait(NOBODY, lambda: slow, "wait for version v", 0, lambda: None, lambda line: None)
    assert caught.value.transient


def test_a_version_that_is_deleted_meanwhile_is_told() -> None:
    gone = WorkflowVersion(workflow_id="1", name="v", status=WorkflowStatus.DELETED)
    with pytest.raises(NotFound, match="it was deleted"):
        module._wait(NOBODY, lambda: gone, "wait for version v", 0, lambda: None, lambda line: None)
