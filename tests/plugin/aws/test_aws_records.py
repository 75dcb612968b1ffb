"""Answers become frozen values, under every member that the model allows to be left out."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from botocore.session import get_session

from snakemake_executor_omics.aws.records import (
    Run,
    RunStatus,
    RunTask,
    TaskDetail,
    TaskStatus,
    Workflow,
    WorkflowStatus,
    WorkflowVersion,
)

_MODEL = get_session().get_service_model("omics")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", [RunStatus, TaskStatus, WorkflowStatus])
def test_states_are_those_of_the_model(kind: type[StrEnum]) -> None:
    assert {state.value for state in kind} == set(_MODEL.shape_for(kind.__name__).enum)


@pytest.mark.parametrize(
    ("kind", "shape", "needed"),
    [
        (Run, "GetRunResponse", {"id": "1", "status": "PENDING"}),
        (RunTask, "TaskListItem", {"taskId": "1", "name": "a", "status": "RUNNING"}),
        (Workflow, "GetWorkflowResponse", {"id": "1", "status": "ACTIVE"}),
        (
            WorkflowVersion,
            "GetWorkflowVersionResponse",
            {"workflowId": "1", "versionName": "v", "status": "ACTIVE"},
        ),
    ],
)
def test_a_record_needs_only_what_identifies_it(
    kind: Any, shape: str, needed: dict[str, str]
) -> None:
    assert set(needed) <= set(_MODEL.shape_for(shape).members)
    found = kind.from_api(needed)
    assert found.status == needed["status"]


def test_a_run_has_what_the_service_says() -> None:
    run = Run.from_api(
        {
            "id": "7",
            "status": "FAILED",
            "uuid": "u",
            "runOutputUri": "s3://b/7",
            "failureReason": "WORKFLOW_RUN_FAILED",
            "statusMessage": "task one failed",
            "creationTime": _NOW,
            "tags": None,
        }
    )
    assert (run.uuid, run.output_uri, run.created, run.tags) == ("u", "s3://b/7", _NOW, {})
    assert (run.failure_reason, run.status_message) == ("WORKFLOW_RUN_FAILED", "task one failed")


def test_the_members_that_are_read_are_in_the_model() -> None:
    """A name that the service never sends would be None for ever."""
    for shape, members in {
        "GetRunResponse": ["uuid", "runOutputUri", "failureReason", "statusMessage", "stopTime"],
        "TaskListItem": ["creationTime", "startTime", "stopTime", "cacheHit", "cacheS3Uri"],
        "GetRunTaskResponse": ["failureReason", "statusMessage", "logStream"],
    }.items():
        assert set(members) <= set(_MODEL.shape_for(shape).members)


def test_a_task_that_was_no_hit_says_so() -> None:
    task = {"taskId": "1", "name": "a", "status": "COMPLETED"}
    assert RunTask.from_api(task).cache_hit is False
    hit = RunTask.from_api({**task, "cacheHit": True, "cacheS3Uri": "s3://b/c"})
    assert (hit.cache_hit, hit.cache_s3_uri) == (True, "s3://b/c")


def test_a_detail_has_the_task_and_why_it_failed() -> None:
    answer = {"taskId": "1", "name": "a", "status": "FAILED", "failureReason": "RUN_TASK_FAILED"}
    detail = TaskDetail.from_api({**answer, "logStream": "arn:…"})
    assert detail.task.status is TaskStatus.FAILED
    assert (detail.failure_reason, detail.log_stream) == ("RUN_TASK_FAILED", "arn:…")


@pytest.mark.parametrize(
    ("kind", "final"),
    [
        (RunStatus, {"COMPLETED", "DELETED", "CANCELLED", "FAILED"}),
        (TaskStatus, {"COMPLETED", "CANCELLED", "FAILED"}),
    ],
)
def test_what_ends_is_final(kind: Any, final: set[str]) -> None:
    assert {state.value for state in kind if state.is_final} == final
