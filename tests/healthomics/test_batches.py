"""Run batches: submission, what may be asked of them when, and a server that dies on the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import waiting

from .conftest import TEMPLATE, Clients, settled


def begin(
    clients: Clients, workflow: str, settings: Sequence[dict[str, Any]] | str, **default: Any
) -> str:
    """Start a batch of inline settings, or of those in a file."""
    source = {"s3UriSettings" if isinstance(settings, str) else "inlineSettings": settings}
    made = clients.omics.start_run_batch(
        batchName="b",
        tags={"k": "v"},
        batchRunSettings=source,
        defaultRunSetting={
            "workflowId": workflow,
            "roleArn": clients.service.role_arn,
            "outputUri": clients.service.default_output_uri,
            **default,
        },
    )
    assert (made["status"], made["tags"]) == ("CREATING", {"k": "v"})
    assert made["arn"].endswith(f":runBatch/{made['id']}")
    return str(made["id"])


def until(clients: Clients, batch: str, *statuses: str) -> dict[str, Any]:
    return settled(lambda: dict(clients.omics.get_batch(batchId=batch)), *statuses)


def entries(clients: Clients, batch: str, **filters: str) -> list[dict[str, Any]]:
    pages = clients.omics.get_paginator("list_runs_in_batch").paginate(batchId=batch, **filters)
    return [run for page in pages for run in page["runs"]]


def put(clients: Clients, key: str, content: Any) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    clients.s3.put_object(Bucket="omics-local", Key=key, Body=text)
    return f"s3://omics-local/{key}"


def some(count: int, how: str = "ok") -> list[dict[str, Any]]:
    return [{"runSettingId": f"s{i}", "parameters": {"how": how}} for i in range(count)]


def test_a_batch_starts_its_runs_with_merged_settings(fake: Clients, workflow: str) -> None:
    settings = [
        {
            "runSettingId": "a",
            "name": "mine",
            "priority": 1,
            "parameters": {"how": "fail"},
            "runTags": {"x": "own"},
            "outputUri": "s3://omics-local/own",
        },
        {"runSettingId": "b"},
    ]
    batch = begin(
        fake,
        workflow,
        settings,
        name="shared",
        priority=9,
        parameters={"how": "ok"},
        runTags={"x": "default", "y": "default"},
    )
    done = until(fake, batch, "PROCESSED")
    assert (done["name"], done["totalRuns"]) == ("b", 2)
    assert done["submissionSummary"]["successfulStartSubmissionCount"] == 2
    assert done["submissionSummary"]["pendingStartSubmissionCount"] == 0
    assert done["runSummary"]["completedRunCount"] == 1
    assert done["runSummary"]["failedRunCount"] == 1
    assert done["creationTime"] <= done["submittedTime"] <= done["processedTime"]
    assert done["defaultRunSetting"]["name"] == "shared"
    runs = {
        entry["runSettingId"]: fake.omics.get_run(id=entry["runId"])
        for entry in entries(fake, batch)
    }
    a, b = runs["a"], runs["b"]
    assert (a["name"], a["priority"], a["status"]) == ("mine", 1, "FAILED")
    assert (a["outputUri"], a["tags"]) == ("s3://omics-local/own", {"x": "own", "y": "default"})
    assert (b["name"], b["priority"], b["status"]) == ("shared", 9, "COMPLETED")
    assert {a["batchId"], b["batchId"]} == {batch}
    listed = fake.omics.list_runs(batchId=batch)["items"]
    assert {run["id"] for run in listed} == {a["id"], b["id"]}


def test_a_run_that_cannot_start_says_why_and_the_others_start(
    fake: Clients, workflow: str
) -> None:
    settings = [
        {"runSettingId": "bad", "outputUri": "s3://absent-bucket/x"},
        {"runSettingId": "good"},
    ]
    batch = begin(fake, workflow, settings)
    done = until(fake, batch, "PROCESSED")
    assert done["submissionSummary"]["failedStartSubmissionCount"] == 1
    [bad] = entries(fake, batch, submissionStatus="FAILED")
    assert bad["runSettingId"] == "bad"
    assert bad["submissionFailureReason"] == "ValidationException"
    assert "absent-bucket" in bad["submissionFailureMessage"]
    assert "runId" not in bad
    [good] = entries(fake, batch, runSettingId="good")
    assert good["submissionStatus"] == "SUCCESS"
    assert good["runArn"].endswith(f":run/{good['runId']}")
    assert entries(fake, batch, runId=good["runId"]) == [good]


def test_a_batch_may_be_a_file_of_many_settings(fake: Clients, workflow: str) -> None:
    batch = begin(fake, workflow, put(fake, "many.json", some(120)))
    done = until(fake, batch, "PROCESSED")
    assert done["totalRuns"] == 120
    assert done["runSummary"]["completedRunCount"] == 120
    page = fake.omics.list_runs_in_batch(batchId=batch, maxItems=100)
    assert [run["runSettingId"] for run in page["runs"]] == [f"s{i}" for i in range(100)]
    assert page["nextToken"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "no JSON"),
        ({"runSettingId": "a"}, "no JSON array"),
        ([], "no JSON array"),
        ([{"name": "a"}], "'entry 0.runSettingId'"),
        ([{"runSettingId": "a"}, {"runSettingId": "a"}], "not unique"),
        ([{"runSettingId": "a", "priority": -1}], "'entry 0.priority'"),
    ],
)
def test_a_file_that_holds_no_settings_fails_its_batch(
    fake: Clients, workflow: str, content: Any, said: str
) -> None:
    batch = begin(fake, workflow, put(fake, "bad.json", content))
    done = until(fake, batch, "FAILED")
    assert said in done["failureReason"]
    assert done["failedTime"]
    fake.omics.delete_batch(batchId=batch)


@pytest.mark.parametrize(
    ("settings", "default", "said"),
    [
        ([{"runSettingId": "a"}] * 2, {}, "not unique"),
        (some(101), {}, "batchRunSettings.inlineSettings"),
        ("s3://omics-local/none.json", {}, "cannot read"),
        ("none.json", {}, "no S3 URI"),
        (some(1), {"workflowType": "READY2RUN"}, "private workflows only"),
        (some(1), {"outputUri": "s3://absent-bucket"}, "does not exist"),
        (some(1), {"sessionPolicy": "x"}, "sessionPolicy"),
    ],
)
def test_shared_settings_are_checked_at_once(
    fake: Clients, workflow: str, settings: Any, default: dict[str, str], said: str
) -> None:
    with pytest.raises(fake.omics.exceptions.ValidationException, match=said):
        begin(fake, workflow, settings, **default)


def test_a_batch_of_no_workflow_is_refused(fake: Clients) -> None:
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        begin(fake, "9", some(1))


def test_batches_are_listed_by_one_filter_at_a_time(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group()["id"]
    batch = begin(fake, workflow, some(1), runGroupId=group)
    until(fake, batch, "PROCESSED")
    [item] = fake.omics.list_batch(runGroupId=group)["items"]
    assert (item["id"], item["name"], item["status"]) == (batch, "b", "PROCESSED")
    assert (item["totalRuns"], item["workflowId"]) == (1, workflow)
    assert batch in [b["id"] for b in fake.omics.list_batch(name="b")["items"]]
    assert batch in [b["id"] for b in fake.omics.list_batch(status="PROCESSED")["items"]]
    refused = fake.omics.exceptions.ValidationException
    with pytest.raises(refused, match="only one of the filters"):
        fake.omics.list_batch(name="b", status="PROCESSED")
    with pytest.raises(refused, match="only one of the filters"):
        fake.omics.list_runs_in_batch(batchId=batch, runId="1", runSettingId="s0")


def test_a_cancelled_batch_ends_its_runs(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group(maxRuns=2)["id"]
    settings = [{"runSettingId": "done"}, *some(3, "wait")]
    batch = begin(fake, workflow, settings, runGroupId=group)
    until(fake, batch, "INPROGRESS")
    [first] = entries(fake, batch, runSettingId="done")
    fake.until(first["runId"], "COMPLETED")
    conflict = fake.omics.exceptions.ConflictException
    for early in (fake.omics.delete_batch, fake.omics.delete_run_batch):
        with pytest.raises(conflict):
            early(batchId=batch)
    fake.omics.cancel_run_batch(batchId=batch)
    done = until(fake, batch, "CANCELLED")
    assert done["submissionSummary"]["successfulCancelSubmissionCount"] == 3
    assert done["submissionSummary"]["failedCancelSubmissionCount"] == 1
    assert done["runSummary"]["cancelledRunCount"] == 3
    [failed] = entries(fake, batch, submissionStatus="CANCEL_FAILED")
    assert (failed["runId"], failed["submissionFailureReason"]) == (
        first["runId"],
        "ConflictException",
    )
    with pytest.raises(conflict):
        fake.omics.cancel_run_batch(batchId=batch)


def test_the_runs_of_a_batch_are_deleted_then_the_batch(fake: Clients, workflow: str) -> None:
    batch = begin(fake, workflow, some(3))
    until(fake, batch, "PROCESSED")
    runs = [entry["runId"] for entry in entries(fake, batch)]
    fake.omics.delete_run(id=runs[0])
    fake.omics.delete_run_batch(batchId=batch)
    done = until(fake, batch, "RUNS_DELETE_FAILED", "RUNS_DELETED")
    assert done["status"] == "RUNS_DELETE_FAILED"  # one was gone already
    assert done["submissionSummary"]["successfulDeleteSubmissionCount"] == 2
    assert done["submissionSummary"]["failedDeleteSubmissionCount"] == 1
    assert done["runSummary"]["deletedRunCount"] == 3
    assert not fake.omics.list_runs(batchId=batch)["items"]
    fake.omics.delete_batch(batchId=batch)
    missing = fake.omics.exceptions.ResourceNotFoundException
    for ask in (
        fake.omics.get_batch,
        fake.omics.list_runs_in_batch,
        fake.omics.cancel_run_batch,
        fake.omics.delete_run_batch,
        fake.omics.delete_batch,
    ):
        with pytest.raises(missing):
            ask(batchId=batch)


def test_a_restart_goes_on_and_starts_no_run_twice(starter: Callable[[], Clients]) -> None:
    first = starter()
    workflow = first.active_workflow(parameterTemplate=TEMPLATE)
    batch = begin(first, workflow, put(first, "many.json", some(400, "wait")))
    waiting.until(
        lambda: first.omics.get_batch(batchId=batch)["submissionSummary"],
        lambda summary: summary["successfulStartSubmissionCount"],
    )
    os.kill(first.service.pid, signal.SIGKILL)
    first.service._process.wait()  # type: ignore[union-attr]
    second = starter()
    until(second, batch, "INPROGRESS", "PROCESSED")
    found = entries(second, batch)
    assert [entry["runSettingId"] for entry in found] == [f"s{i}" for i in range(400)]
    pages = second.omics.get_paginator("list_runs").paginate(batchId=batch)
    started = [run["id"] for page in pages for run in page["items"]]
    assert sorted(started) == sorted(entry["runId"] for entry in found)
    second.omics.cancel_run_batch(batchId=batch)
    until(second, batch, "CANCELLED")
