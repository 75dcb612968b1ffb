"""A whole life cycle by plain boto3; each answer is validated against botocore's model."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from typing import Any

import pytest
from waiting import until

from .conftest import TEMPLATE, WDL, Clients, zipped


def events(clients: Clients, stream: str) -> list[str]:
    found = clients.logs.get_log_events(
        logGroupName="/aws/omics/WorkflowLog", logStreamName=stream, startFromHead=True
    )
    return [event["message"] for event in found["events"]]


def test_from_workflow_to_outputs_and_a_cache_hit(real: Clients) -> None:
    omics, s3 = real.omics, real.s3
    s3.put_object(Bucket="omics-local", Key="in/a.txt", Body=b"hello")
    workflow = real.active_workflow(name="life", tags={"k": "v"}, description="d")
    read = omics.get_workflow(id=workflow, export=["DEFINITION"])
    assert read["parameterTemplate"] == {"a": {"optional": False}, "n": {"optional": True}}
    assert "workflow w" in read["statusMessage"]
    with urllib.request.urlopen(read["definition"]) as answer:
        assert zipfile.ZipFile(io.BytesIO(answer.read())).namelist() == ["main.wdl"]

    omics.create_workflow_version(
        workflowId=workflow, versionName="v1", definitionZip=zipped(main=WDL)
    )
    omics.get_waiter("workflow_version_active").wait(
        workflowId=workflow, versionName="v1", WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
    )
    group = omics.create_run_group(name="g", maxCpus=4, maxRuns=1)["id"]
    cache = omics.create_run_cache(
        cacheS3Location="s3://omics-local/cache", cacheBehavior="CACHE_ALWAYS"
    )["id"]
    started = omics.start_run(
        workflowId=workflow,
        workflowVersionName="v1",
        roleArn=real.service.role_arn,
        name="first",
        outputUri=real.service.default_output_uri,
        runGroupId=group,
        cacheId=cache,
        parameters={"a": "s3://omics-local/in/a.txt"},
        tags={"run": "1"},
    )
    assert started["status"] == "PENDING"
    done = real.until(started["id"], "COMPLETED", "FAILED")
    assert done["status"] == "COMPLETED", done.get("statusMessage")
    assert done["runOutputUri"] == f"s3://omics-local/runs/{started['id']}"
    [task] = omics.list_run_tasks(id=started["id"])["items"]
    assert (task["name"], task["status"], task["cacheHit"]) == ("t", "COMPLETED", False)
    assert task["instanceType"] == "omics.c.large"
    detail = omics.get_run_task(id=started["id"], taskId=task["taskId"])
    stream = detail["logStream"].partition(":log-stream:")[2]
    assert stream == f"run/{started['id']}/task/{task['taskId']}"
    assert events(real, stream) == ["from the task"]
    lines = events(real, f"manifest/run/{started['id']}/{done['uuid']}")
    assert [json.loads(line)["name"] for line in lines] == ["first", "t"]
    key = f"runs/{started['id']}/out/o/out.txt"
    assert s3.get_object(Bucket="omics-local", Key=key)["Body"].read() == b"hello"

    again = omics.start_run(
        runId=started["id"],
        roleArn=real.service.role_arn,
        outputUri=real.service.default_output_uri,
    )
    assert real.until(again["id"], "COMPLETED", "FAILED")["status"] == "COMPLETED"
    [cached] = omics.list_run_tasks(id=again["id"])["items"]
    assert cached["cacheHit"]
    where = f"/{started['id']}/{task['taskId']}/"
    assert where in cached["cacheS3Uri"]

    omics.delete_run(id=again["id"])
    with pytest.raises(omics.exceptions.ResourceNotFoundException):
        omics.get_run(id=again["id"])
    with pytest.raises(omics.exceptions.ConflictException):
        omics.delete_workflow(id=workflow)
    omics.delete_workflow_version(workflowId=workflow, versionName="v1")
    omics.delete_workflow(id=workflow)


def test_a_definition_that_does_not_load_is_failed_with_the_checkers_text(real: Clients) -> None:
    made = real.omics.create_workflow(
        definitionZip=zipped(main="version 1.0\nworkflow w { call x }")
    )
    with pytest.raises(Exception, match="terminal failure"):
        real.omics.get_waiter("workflow_active").wait(
            id=made["id"], WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
        )
    assert "No such task/workflow: x" in real.omics.get_workflow(id=made["id"])["statusMessage"]


def test_a_zip_that_leaves_its_folder_is_refused(real: Clients) -> None:
    made = real.omics.create_workflow(definitionZip=zipped(main=WDL, **{"..__evil": "x"}))
    with pytest.raises(Exception, match="terminal failure"):
        real.omics.get_waiter("workflow_active").wait(
            id=made["id"], WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
        )
    message = real.omics.get_workflow(id=made["id"])["statusMessage"]
    assert message == "Unsafe path in the zip file: ../evil.wdl"


def test_the_same_token_answers_the_same_and_another_body_conflicts(fake: Clients) -> None:
    first = fake.omics.create_run_group(name="a", requestId="token-1")
    again = fake.omics.create_run_group(name="a", requestId="token-1")
    assert first["id"] == again["id"]
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.create_run_group(name="b", requestId="token-1")


def test_a_version_name_is_taken_once(fake: Clients, workflow: str) -> None:
    options: dict[str, Any] = {"workflowId": workflow, "versionName": "x"}
    fake.omics.create_workflow_version(**options, definitionZip=zipped(main=WDL))
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.create_workflow_version(**options, definitionZip=zipped(main=WDL))


def test_parameters_are_held_against_the_template(fake: Clients, workflow: str) -> None:
    required = fake.active_workflow()
    options: dict[str, Any] = {
        "roleArn": fake.service.role_arn,
        "outputUri": fake.service.default_output_uri,
    }
    refused = fake.omics.exceptions.ValidationException
    with pytest.raises(refused, match="missing required parameters: a"):
        fake.omics.start_run(workflowId=required, parameters={}, **options)
    with pytest.raises(refused, match="more than 50000"):
        fake.omics.start_run(workflowId=workflow, parameters={"how": "x" * 50_000}, **options)


def test_listings_come_in_pages(fake: Clients) -> None:
    made = {fake.omics.create_run_group(name="paged")["id"] for _ in range(5)}
    pages = list(
        fake.omics.get_paginator("list_run_groups").paginate(
            name="paged", PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert {item["id"] for page in pages for item in page["items"]} == made
    with pytest.raises(fake.omics.exceptions.ValidationException):
        fake.omics.list_run_groups(startingToken="mine")


def test_tags_are_added_and_taken_away(fake: Clients, workflow: str) -> None:
    arn = fake.omics.get_workflow(id=workflow)["arn"]
    fake.omics.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    fake.omics.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert fake.omics.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def test_ends_are_told_without_a_request(fake: Clients) -> None:
    """Who waits for one need not ask again and again."""
    began = fake.service.last_end
    workflow = fake.active_workflow(parameterTemplate=TEMPLATE)
    checked = until(lambda: fake.service.last_end, lambda last: last != began)
    fake.until(fake.start(workflow), "COMPLETED")
    until(lambda: fake.service.last_end, lambda last: last != checked)


def test_a_failing_task_says_why(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow, "fail")
    done = fake.until(run, "FAILED")
    assert done["failureReason"] == "RUN_TASK_FAILED"
    [task] = fake.omics.list_run_tasks(id=run, status="FAILED")["items"]
    assert "failureReason" not in task
    detail = fake.omics.get_run_task(id=run, taskId=task["taskId"])
    assert detail["failureReason"] == "RUN_TASK_FAILED"
    assert detail["instanceType"] == "omics.m.4xlarge"


def test_an_engine_that_dies_fails_the_run_with_its_words(fake: Clients, workflow: str) -> None:
    done = fake.until(fake.start(workflow, "die"), "FAILED")
    assert done["failureReason"] == "SERVICE_ERROR"
    assert "status 4" in done["statusMessage"]
    assert "engine broke" in done["statusMessage"]


def test_max_runs_holds_back_and_cancel_makes_room(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group(maxRuns=1)["id"]
    first = fake.start(workflow, "wait", runGroupId=group)
    fake.until(first, "RUNNING")
    second = fake.start(workflow, "ok", runGroupId=group)
    third = fake.start(workflow, "ok", runGroupId=group)
    assert fake.omics.get_run(id=second)["status"] == "PENDING"
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.delete_run_group(id=group)
    fake.omics.cancel_run(id=third)
    assert fake.omics.get_run(id=third)["status"] == "CANCELLED"
    fake.omics.cancel_run(id=first)
    fake.until(first, "CANCELLED")
    fake.until(second, "COMPLETED")
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.cancel_run(id=second)


def test_updates_change_only_what_they_name(fake: Clients) -> None:
    id = fake.active_workflow(name="before", description="kept", parameterTemplate=TEMPLATE)
    fake.omics.update_workflow(id=id, name="after")
    read = fake.omics.get_workflow(id=id)
    assert (read["name"], read["description"]) == ("after", "kept")
