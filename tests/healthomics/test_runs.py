"""What StartRun takes, what the runs' operations answer, and how runs end."""

from __future__ import annotations

import io
import json
import os
import signal
import urllib.request
import zipfile
from typing import Any

import pytest

from .conftest import TEMPLATE, WDL, Clients, refused, zipped


def test_a_run_has_the_documented_defaults(fake: Clients, workflow: str) -> None:
    started = fake.omics.start_run(
        workflowId=workflow, roleArn=fake.service.role_arn, outputUri="s3://omics-local/out/"
    )
    id = started["id"]
    assert started["status"] == "PENDING"
    assert started["networkingMode"] == "RESTRICTED"
    assert started["runOutputUri"] == f"s3://omics-local/out/{id}"
    assert "logLocation" not in started
    read = fake.until(id, "COMPLETED")
    assert {
        name: read[name]
        for name in (
            "workflowType",
            "storageType",
            "storageCapacity",
            "logLevel",
            "retentionMode",
            "networkingMode",
            "outputUriPrefixMode",
            "parameters",
            "uuid",
        )
    } == {
        "workflowType": "PRIVATE",
        "storageType": "STATIC",
        "storageCapacity": 1200,
        "logLevel": "ALL",
        "retentionMode": "RETAIN",
        "networkingMode": "RESTRICTED",
        "outputUriPrefixMode": "SERVICE_DEFINED",
        "parameters": {},
        "uuid": started["uuid"],
    }
    assert read["arn"].endswith(f":run/{id}")
    assert read["logLocation"]["engineLogStream"].endswith(f":log-stream:run/{id}/engine")
    for unsaid in (
        "scratchStorageMode",
        "sessionPolicy",
        "engineSettings",
        "configuration",
        "vpcConfig",
        "runId",
        "batchId",
        "priority",
        "runGroupId",
    ):
        assert unsaid not in read
    assert read["creationTime"] <= read["startTime"] <= read["stopTime"]


def test_what_a_run_was_given_is_read_again(fake: Clients, workflow: str) -> None:
    given: dict[str, Any] = {
        "name": "n",
        "priority": 7,
        "logLevel": "ERROR",
        "retentionMode": "REMOVE",
        "scratchStorageMode": "LOCAL",
        "outputUriPrefixMode": "NONE_WITH_OVERWRITE",
        "sessionPolicy": '{"Version": "2012-10-17", "Statement": []}',
        "tags": {"k": "v"},
        "storageType": "DYNAMIC",
        "requesterPaysEnabled": True,
    }
    run = fake.start(workflow, engineSettings={"profile": "x"}, **given)
    read = fake.omics.get_run(id=run)
    assert {name: read[name] for name in given} == given
    assert read["runOutputUri"] == fake.service.default_output_uri
    assert "engineSettings" not in read  # of Nextflow only
    assert "storageCapacity" not in read  # before the end, which tells the most that was used
    fake.until(run, "COMPLETED")


@pytest.mark.parametrize(
    ("asked", "given"),
    [(0, 1200), (1000, 1200), (1200, 1200), (1201, 2400), (5000, 7200), (42_000, 43_200)],
)
def test_static_storage_is_rounded_up(fake: Clients, workflow: str, asked: int, given: int) -> None:
    run = fake.start(workflow, storageType="STATIC", storageCapacity=asked)
    assert fake.omics.get_run(id=run)["storageCapacity"] == given


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sessionPolicy": "no json"}, "sessionPolicy is no JSON"),
        ({"sessionPolicy": "[]"}, "no IAM policy"),
        ({"outputUri": "file:///tmp"}, "no S3 URI"),
        ({"outputUri": "s3://absent-bucket/x"}, "does not exist"),
        ({"workflowId": None}, "exactly one of workflowId and runId"),
        ({"cacheBehavior": "CACHE_ALWAYS"}, "cacheBehavior needs a cacheId"),
        ({"parameters": []}, "parameters must be a JSON object"),
        ({"parametersUri": "s3://omics-local/p.json"}, "exclude each other"),
        ({"tags": {str(i): "" for i in range(51)}}, "at 'tags' failed to satisfy"),
        ({"priority": 100_001}, "at 'priority' failed to satisfy"),
        ({"roleArn": "role"}, "at 'roleArn' failed to satisfy"),
    ],
)
def test_a_bad_request_starts_nothing(
    fake: Clients, workflow: str, change: dict[str, Any], said: str
) -> None:
    before = fake.omics.list_runs()["items"]
    request: dict[str, Any] = {
        "workflowId": workflow,
        "roleArn": fake.service.role_arn,
        "outputUri": fake.service.default_output_uri,
        "parameters": {},
        **change,
    }
    with pytest.raises(fake.omics.exceptions.ValidationException, match=said):
        fake.omics.start_run(**{k: v for k, v in request.items() if v is not None})
    assert [r["id"] for r in fake.omics.list_runs()["items"]] == [r["id"] for r in before]


@pytest.mark.parametrize(
    "change",
    [
        {"workflowId": "9"},
        {"workflowVersionName": "none"},
        {"runGroupId": "9"},
        {"cacheId": "9"},
        {"workflowId": None, "runId": "9"},
        {"workflowType": "READY2RUN"},
    ],
)
def test_what_a_run_names_must_exist(fake: Clients, workflow: str, change: dict[str, Any]) -> None:
    request: dict[str, Any] = {
        "workflowId": workflow,
        "roleArn": fake.service.role_arn,
        "outputUri": fake.service.default_output_uri,
        **change,
    }
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.omics.start_run(**{k: v for k, v in request.items() if v is not None})


def test_a_duplicate_takes_what_it_is_not_told(fake: Clients, workflow: str) -> None:
    policy = '{"Statement": []}'
    first = fake.start(workflow, name="one", priority=3, sessionPolicy=policy, tags={"k": "v"})
    again = fake.omics.start_run(
        runId=first, roleArn=fake.service.role_arn, outputUri="s3://omics-local/again", priority=4
    )
    read = fake.omics.get_run(id=again["id"])
    assert (read["runId"], read["workflowId"], read["name"]) == (first, workflow, "one")
    assert (read["priority"], read["sessionPolicy"]) == (4, policy)
    assert read["parameters"] == {"how": "ok"}
    assert read["outputUri"] == "s3://omics-local/again"
    assert read["tags"] == {}
    assert read["uuid"] != fake.omics.get_run(id=first)["uuid"]


def test_parameters_may_be_in_a_file(fake: Clients, workflow: str) -> None:
    fake.s3.put_object(Bucket="omics-local", Key="p/good.json", Body=b'{"how": "fail"}')
    fake.s3.put_object(Bucket="omics-local", Key="p/bad.json", Body=b"[1]")

    def ended(key: str) -> dict[str, Any]:
        started = fake.omics.start_run(
            workflowId=workflow,
            roleArn=fake.service.role_arn,
            outputUri=fake.service.default_output_uri,
            parametersUri=f"s3://omics-local/p/{key}",
        )
        return fake.until(started["id"], "FAILED")

    good = ended("good.json")
    assert good["failureReason"] == "RUN_TASK_FAILED"  # as its parameters told the engine
    assert good["parametersUri"] == "s3://omics-local/p/good.json"
    assert "parameters" not in good
    for key, said in (("bad.json", "must be a JSON object"), ("none.json", "cannot read")):
        bad = ended(key)
        assert bad["failureReason"] == "INVALID_RUN_PARAMETERS"
        assert said in bad["statusMessage"]


def test_a_role_that_is_none_fails_the_run(fake: Clients, workflow: str) -> None:
    started = fake.omics.start_run(
        workflowId=workflow,
        roleArn="arn:aws:s3:::bucket",
        outputUri=fake.service.default_output_uri,
    )
    done = fake.until(started["id"], "FAILED")
    assert done["failureReason"] == "ASSUME_ROLE_FAILED"


def test_a_role_that_does_not_trust_the_service_fails_the_run(fake: Clients, workflow: str) -> None:
    """User guide, "Run failure reasons"."""
    iam = fake.service.client("iam")
    for service, state in (("ec2", "FAILED"), ("omics", "COMPLETED")):
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        role = iam.create_role(
            RoleName=f"of-{service}", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
        )["Role"]["Arn"]
        started = fake.omics.start_run(
            workflowId=workflow, roleArn=role, outputUri=fake.service.default_output_uri
        )
        done = fake.until(started["id"], "FAILED", "COMPLETED")
        assert done["status"] == state
        if state == "FAILED":
            assert done["failureReason"] == "ASSUME_ROLE_FAILED"
            assert "in the trust relationship for the role" in done["statusMessage"]


def test_buckets_have_to_be_in_the_region_of_the_service(fake: Clients, workflow: str) -> None:
    elsewhere = {"LocationConstraint": "eu-west-1"}
    fake.s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration=elsewhere)
    fake.s3.put_object(Bucket="elsewhere", Key="d.zip", Body=zipped(main=WDL))
    asked: list[tuple[Any, dict[str, Any]]] = [
        (
            fake.omics.start_run,
            {
                "workflowId": workflow,
                "roleArn": fake.service.role_arn,
                "outputUri": "s3://elsewhere/runs",
            },
        ),
        (fake.omics.create_run_cache, {"cacheS3Location": "s3://elsewhere/cache"}),
        (fake.omics.create_workflow, {"definitionUri": "s3://elsewhere/d.zip"}),
    ]
    for call, params in asked:
        code, said = refused(call, **params)
        assert code == "ValidationException"
        assert said.endswith("S3 bucket not located in us-east-1")


def test_the_definition_of_a_run_can_be_read(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow)
    link = fake.omics.get_run(id=run, export=["DEFINITION"])["definition"]
    with urllib.request.urlopen(link) as answer:
        assert zipfile.ZipFile(io.BytesIO(answer.read())).namelist() == ["main.wdl"]
    assert "definition" not in fake.omics.get_run(id=run)


def test_runs_are_listed_by_name_group_and_state(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group()["id"]
    run = fake.start(workflow, name="only", runGroupId=group)
    fake.until(run, "COMPLETED")
    others = fake.start(workflow, "fail", name="other", runGroupId=group)
    fake.until(others, "FAILED")

    def listed(**filters: str) -> list[str]:
        return [item["id"] for item in fake.omics.list_runs(**filters)["items"]]

    assert listed(name="only") == [run]
    assert listed(runGroupId=group) == [others, run]
    assert listed(runGroupId=group, status="COMPLETED") == [run]
    assert listed(name="only", status="FAILED") == []
    assert listed(status="DELETED") == []
    [item] = fake.omics.list_runs(name="only")["items"]
    assert (item["workflowId"], item["storageType"]) == (workflow, "STATIC")


def test_a_run_is_deleted_once_it_has_ended(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow, "wait")
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.delete_run(id=run)
    fake.until(run, "RUNNING")
    fake.omics.cancel_run(id=run)
    fake.until(run, "CANCELLED")
    fake.omics.delete_run(id=run)
    for ask in (
        fake.omics.get_run,
        fake.omics.list_run_tasks,
        fake.omics.delete_run,
        fake.omics.cancel_run,
    ):
        with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
            ask(id=run)


def test_a_cancelled_run_and_its_tasks_say_so(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow, "wait")
    fake.until(run, "RUNNING")
    fake.omics.cancel_run(id=run)
    done = fake.until(run, "CANCELLED")
    assert "failureReason" not in done
    assert done["stopTime"] >= done["startTime"]
    assert {t["status"] for t in fake.omics.list_run_tasks(id=run)["items"]} <= {"CANCELLED"}


def test_tasks_are_listed_by_state_and_read_by_id(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow)
    fake.until(run, "COMPLETED")
    [task] = fake.omics.list_run_tasks(id=run, status="COMPLETED")["items"]
    assert fake.omics.list_run_tasks(id=run, status="FAILED")["items"] == []
    read = fake.omics.get_run_task(id=run, taskId=task["taskId"])
    assert (read["cpus"], read["memory"], read["gpus"], read["cacheHit"]) == (15, 33, 0, False)
    assert read["creationTime"] <= read["startTime"] <= read["stopTime"]
    assert read["logStream"].endswith(f":log-stream:run/{run}/task/{task['taskId']}")
    other = fake.start(workflow)
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.omics.get_run_task(id=other, taskId=task["taskId"])


def test_a_killed_engine_fails_its_run_and_frees_what_it_held(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow, "hold")
    fake.until(run, "RUNNING")
    stream = f"run/{run}/engine"
    pid = int(json.loads(fake.first_line(stream))["pid"])
    os.kill(pid, signal.SIGKILL)
    done = fake.until(run, "FAILED")
    assert done["failureReason"] == "SERVICE_ERROR"
    [task] = fake.omics.list_run_tasks(id=run)["items"]
    assert task["status"] == "FAILED"
    fake.until(fake.start(workflow, "all"), "COMPLETED")


def test_the_same_request_id_starts_one_run(fake: Clients, workflow: str) -> None:
    runs = {fake.start(workflow, requestId="one-run") for _ in range(2)}
    assert len(runs) == 1
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.start(workflow, requestId="one-run", name="other")


def test_a_workflow_that_is_not_active_runs_nothing(fake: Clients) -> None:
    made = fake.omics.create_workflow(definitionZip=b"no zip", parameterTemplate=TEMPLATE)
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException, match="not ACTIVE"):
        fake.start(made["id"])
