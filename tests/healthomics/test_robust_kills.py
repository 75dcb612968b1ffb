"""The server killed at any moment: what it acknowledged is there, what it ran is settled."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from waiting import SECONDS, until

import local_healthomics as local

from .conftest import TEMPLATE, Clients, connect, signing, zipped

pytestmark = pytest.mark.service

SLEEPER = """version 1.0
workflow w { call t }
task t {
    command <<<
        sleep 600 & wait
    >>>
    output { File o = stdout() }
    runtime { container: "x/y:1" cpu: 1 memory: "1 GiB" }
}
"""
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
Starter = Callable[[], Clients]


def kill(clients: Clients) -> None:
    os.kill(clients.service.pid, signal.SIGKILL)
    clients.service.stop()  # waits for it, and closes what led to it


def peer(clients: Clients, name: str) -> Any:
    return boto3.client(name, **signing(clients.service))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Starter]:
    """Start (again) a server with its real engine on one state folder."""
    services: list[local.LocalService] = []

    def begin() -> Clients:
        services.append(local.start(tmp_path / "state"))
        return connect(services[-1])

    yield begin
    for service in services:
        service.stop()


def test_versions_of_objects_and_what_is_said_of_them_outlive_a_kill(starter: Starter) -> None:
    s3 = (first := starter()).s3
    s3.create_bucket(Bucket="bbb")
    s3.put_bucket_versioning(Bucket="bbb", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket="bbb", Tagging={"TagSet": [{"Key": "of", "Value": "bucket"}]})
    s3.put_bucket_policy(Bucket="bbb", Policy='{"Version":"2012-10-17","Statement":[]}')
    made = s3.list_buckets()["Buckets"]
    s3.put_object(
        Bucket="bbb",
        Key="k",
        Body=b"one",
        Metadata={"m": "1"},
        Tagging="t=1",
        ChecksumAlgorithm="SHA256",
        ACL="public-read",
    )
    s3.put_object(Bucket="bbb", Key="k", Body=b"two")
    s3.delete_object(Bucket="bbb", Key="k")
    s3.put_object(Bucket="bbb", Key="other", Body=b"x", ACL="public-read", Tagging="t=2")
    s3.put_object_tagging(
        Bucket="bbb", Key="other", Tagging={"TagSet": [{"Key": "t", "Value": "3"}]}
    )
    before = s3.list_object_versions(Bucket="bbb")
    assert [marker["IsLatest"] for marker in before["DeleteMarkers"]] == [True]
    first_version = before["Versions"][1]["VersionId"]
    grants = s3.get_object_acl(Bucket="bbb", Key="other")["Grants"]

    kill(first)
    s3 = starter().s3

    after = s3.list_object_versions(Bucket="bbb")
    assert after["Versions"] == before["Versions"]
    assert after["DeleteMarkers"] == before["DeleteMarkers"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="bbb", Key="k")
    old = s3.get_object(Bucket="bbb", Key="k", VersionId=first_version, ChecksumMode="ENABLED")
    assert (old["Body"].read(), old["Metadata"]) == (b"one", {"m": "1"})
    assert old["ChecksumSHA256"]
    tags = s3.get_object_tagging(Bucket="bbb", Key="k", VersionId=first_version)
    assert tags["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert s3.get_object_tagging(Bucket="bbb", Key="other")["TagSet"] == [
        {"Key": "t", "Value": "3"}
    ]
    assert s3.get_object_acl(Bucket="bbb", Key="other")["Grants"] == grants
    assert s3.get_bucket_versioning(Bucket="bbb")["Status"] == "Enabled"
    assert s3.get_bucket_tagging(Bucket="bbb")["TagSet"] == [{"Key": "of", "Value": "bucket"}]
    assert s3.get_bucket_policy(Bucket="bbb")["Policy"] == '{"Version":"2012-10-17","Statement":[]}'
    assert s3.list_buckets()["Buckets"] == made
    s3.delete_object(Bucket="bbb", Key="k", VersionId=after["DeleteMarkers"][0]["VersionId"])
    assert s3.get_object(Bucket="bbb", Key="k")["Body"].read() == b"two"


def test_a_delete_marker_outlives_the_versions_it_hid(starter: Starter) -> None:
    s3 = (first := starter()).s3
    s3.create_bucket(Bucket="bbb")
    s3.put_bucket_versioning(Bucket="bbb", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="bbb", Key="k", Body=b"x")["VersionId"]
    s3.delete_object(Bucket="bbb", Key="k")
    s3.delete_object(Bucket="bbb", Key="k", VersionId=version)
    kill(first)
    listed = starter().s3.list_object_versions(Bucket="bbb")
    assert [marker["Key"] for marker in listed["DeleteMarkers"]] == ["k"]
    assert "Versions" not in listed


def test_a_copy_of_what_is_archived_outlives_a_kill(starter: Starter) -> None:
    s3 = (first := starter()).s3
    s3.create_bucket(Bucket="bbb")
    s3.put_object(Bucket="bbb", Key="k", Body=b"x", StorageClass="GLACIER")
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket="bbb", Key="k")
    s3.restore_object(Bucket="bbb", Key="k", RestoreRequest={"Days": 2})
    before = s3.head_object(Bucket="bbb", Key="k")["Restore"]
    assert "expiry-date" in before
    kill(first)
    s3 = starter().s3
    assert s3.head_object(Bucket="bbb", Key="k")["Restore"] == before
    assert s3.get_object(Bucket="bbb", Key="k")["Body"].read() == b"x"


def test_a_multipart_upload_goes_on_after_a_kill(starter: Starter) -> None:
    s3 = (first := starter()).s3
    s3.create_bucket(Bucket="bbb")
    upload = s3.create_multipart_upload(Bucket="bbb", Key="k", Metadata={"m": "1"}, Tagging="t=1")
    given = {"Bucket": "bbb", "Key": "k", "UploadId": upload["UploadId"]}
    content = [b"a" * 5 * 1024 * 1024, b"b"]
    parts = [
        {"PartNumber": 1, "ETag": s3.upload_part(**given, PartNumber=1, Body=b"wrong")["ETag"]}
    ]
    parts[0]["ETag"] = s3.upload_part(**given, PartNumber=1, Body=content[0])["ETag"]
    dropped = s3.create_multipart_upload(Bucket="bbb", Key="dropped")["UploadId"]
    s3.upload_part(Bucket="bbb", Key="dropped", UploadId=dropped, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket="bbb", Key="dropped", UploadId=dropped)

    kill(first)
    s3 = (second := starter()).s3

    assert [item["Key"] for item in s3.list_multipart_uploads(Bucket="bbb")["Uploads"]] == ["k"]
    assert [part["ETag"] for part in s3.list_parts(**given)["Parts"]] == [parts[0]["ETag"]]
    parts.append(
        {"PartNumber": 2, "ETag": s3.upload_part(**given, PartNumber=2, Body=content[1])["ETag"]}
    )
    s3.complete_multipart_upload(**given, MultipartUpload={"Parts": parts})
    kill(second)
    s3 = starter().s3
    found = s3.get_object(Bucket="bbb", Key="k")
    assert found["Body"].read() == b"".join(content)
    assert (found["Metadata"], found["TagCount"]) == ({"m": "1"}, 1)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="bbb")


def test_roles_keys_and_repositories_outlive_a_kill(starter: Starter) -> None:
    first = starter()
    iam, ecr = peer(first, "iam"), peer(first, "ecr")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    assumed = peer(first, "sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    repository = ecr.create_repository(repositoryName="x/y")["repository"]

    kill(first)
    second = starter()

    iam, ecr = peer(second, "iam"), peer(second, "ecr")
    assert iam.get_role(RoleName="r")["Role"]["RoleId"] == role["RoleId"]
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["p"]
    [kept] = iam.list_access_keys(UserName="u")["AccessKeyMetadata"]
    assert kept["AccessKeyId"] == key
    session = boto3.client(
        "sts",
        endpoint_url=second.service.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=assumed["Credentials"]["AccessKeyId"],
        aws_secret_access_key=assumed["Credentials"]["SecretAccessKey"],
        aws_session_token=assumed["Credentials"]["SessionToken"],
    )
    assert session.get_caller_identity()["Arn"] == assumed["AssumedRoleUser"]["Arn"]
    [found] = ecr.describe_repositories()["repositories"]
    assert found["repositoryUri"] == repository["repositoryUri"]
    ecr.create_repository(repositoryName="z/z")  # it works on


def test_log_groups_outlive_a_kill(starter: Starter) -> None:
    logs = (first := starter()).logs
    logs.create_log_group(logGroupName="mine", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="mine", retentionInDays=7)
    logs.create_log_group(logGroupName="gone")
    logs.delete_log_group(logGroupName="gone")
    [before] = logs.describe_log_groups(logGroupNamePrefix="mine")["logGroups"]
    kill(first)
    logs = starter().logs
    [after] = logs.describe_log_groups()["logGroups"]
    assert after == before
    assert after["retentionInDays"] == 7
    assert logs.list_tags_log_group(logGroupName="mine")["tags"] == {"a": "b"}


def test_everything_acknowledged_under_load_outlives_a_kill(starter: Starter) -> None:
    first = starter()
    first.s3.create_bucket(Bucket="bbb")
    acknowledged: list[tuple[str, str]] = []

    def client(number: int) -> None:
        clients = connect(first.service)
        for turn in range(10_000):
            name = f"{number}-{turn}"
            try:
                clients.s3.put_object(Bucket="bbb", Key=name, Body=name.encode())
                acknowledged.append(("object", name))
                made = clients.omics.create_run_group(name=name, tags={"n": name})["id"]
                acknowledged.append(("group", made))
            except (BotoCoreError, ClientError):  # the server is gone
                return

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(client, number) for number in range(8)]
        until(lambda: len(acknowledged) > 200)
        kill(first)
        for one in work:
            one.result()
    second = starter()
    for kind, name in acknowledged:
        if kind == "group":
            assert second.omics.get_run_group(id=name)["tags"]
        else:
            assert second.s3.get_object(Bucket="bbb", Key=name)["Body"].read() == name.encode()


def test_a_stop_under_load_keeps_what_was_acknowledged(starter: Starter) -> None:
    first = starter()
    made: list[str] = []

    def client() -> None:
        omics = connect(first.service).omics
        while True:
            try:
                made.append(omics.create_run_group(name="g")["id"])
            except (BotoCoreError, ClientError):
                return

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(client) for _ in range(8)]
        until(lambda: len(made) > 100)
        first.service.stop()
        for one in work:
            one.result()
    second = starter()
    for id in made:
        assert second.omics.get_run_group(id=id)["id"] == id


def sleeping(clients: Clients) -> tuple[str, list[int]]:
    """A run whose task sleeps, and the processes of that task."""
    seconds = f"600.{secrets.randbelow(10**9):09}"  # no other task of this machine sleeps so long
    definition = zipped(main=SLEEPER.replace("600", seconds))
    run = clients.start_with(clients.active_workflow(definitionZip=definition), {})

    def pids() -> list[int]:
        """The command that sleeps, and the shell that waits for it."""
        for process in psutil.process_iter(["cmdline", "ppid"]):
            if process.info["cmdline"] == ["sleep", seconds]:
                return [process.pid, process.info["ppid"]]
        return []

    return run, until(pids)


def test_a_killed_server_leaves_no_task_and_its_run_is_failed(engines: Starter) -> None:
    first = engines()
    run, pids = sleeping(first)
    assert all(map(alive, pids))
    engine = (
        sqlite3.connect(first.service.state / "omics.sqlite")
        .execute("SELECT json_extract(body, '$.enginePid') FROM item WHERE kind='run'")
        .fetchone()[0]
    )
    os.kill(engine, signal.SIGSTOP)  # so that it cannot end its tasks when the server is gone
    kill(first)
    second = engines()
    found = second.omics.get_run(id=run)
    assert (found["status"], found["failureReason"]) == ("FAILED", "SERVICE_ERROR")
    assert found["statusMessage"]
    [task] = second.omics.list_run_tasks(id=run)["items"]
    assert task["status"] == "FAILED"
    until(lambda: not any(map(alive, [*pids, engine])))


def test_an_engine_that_outlives_its_server_ends_its_tasks(engines: Starter) -> None:
    first = engines()
    _, pids = sleeping(first)
    kill(first)
    until(lambda: not any(map(alive, pids)))


FINISHES = (
    SLEEPER.replace("call t\n", "")
    .replace(
        "workflow w { call t }",
        "workflow w { call done call t { input: after = done.o } }\n"
        'task done { command <<< echo ran > o.txt >>> output { File o = "o.txt" }'
        ' runtime { container: "x/y:1" } }',
    )
    .replace("task t {", "task t { input { File after }")
)


def test_what_a_killed_servers_run_had_finished_is_in_the_run_cache(engines: Starter) -> None:
    first = engines()
    cache = first.omics.create_run_cache(cacheS3Location="s3://omics-local/cache")["id"]
    workflow = first.active_workflow(definitionZip=zipped(main=FINISHES))
    run = first.start_with(workflow, {}, cacheId=cache)
    until(lambda: first.omics.list_run_tasks(id=run, status="RUNNING")["items"])
    kill(first)

    second = engines()
    assert second.omics.get_run(id=run)["status"] == "FAILED"
    again = second.start_with(workflow, {}, cacheId=cache)
    until(lambda: second.omics.list_run_tasks(id=again, status="RUNNING")["items"])
    tasks = {task["name"]: task for task in second.omics.list_run_tasks(id=again)["items"]}
    assert tasks["done"]["cacheHit"]
    assert f"/{run}/" in tasks["done"]["cacheS3Uri"]
    second.omics.cancel_run(id=again)
    second.until(again, "CANCELLED")


def test_a_killed_engine_fails_its_run_and_leaves_no_task(engines: Starter) -> None:
    clients = engines()
    run, pids = sleeping(clients)
    engine = (
        sqlite3.connect(clients.service.state / "omics.sqlite")
        .execute("SELECT json_extract(body, '$.enginePid') FROM item WHERE kind='run'")
        .fetchone()[0]
    )
    os.kill(engine, signal.SIGKILL)
    found = clients.until(run, "FAILED")
    assert found["failureReason"] == "SERVICE_ERROR"
    until(lambda: not any(map(alive, pids)))


def test_a_server_killed_while_a_run_starts_fails_it(
    tmp_path: Path, fake_engine: list[str]
) -> None:
    script = tmp_path / "silent.py"
    script.write_text("import time; time.sleep(600)")
    first = connect(local.start(tmp_path / "state", engine=[sys.executable, str(script)]))
    workflow = first.active_workflow(parameterTemplate=TEMPLATE)
    run = first.start(workflow)
    first.until(run, "STARTING")
    kill(first)
    second = connect(local.start(tmp_path / "state", engine=fake_engine))
    assert second.omics.get_run(id=run)["status"] == "FAILED"
    second.until(second.start(workflow), "COMPLETED")
    second.service.stop()


def test_a_workflow_that_a_kill_left_in_creation_is_made(starter: Starter) -> None:
    first = starter()
    made = first.omics.create_workflow(definitionZip=zipped(main=SLEEPER))["id"]
    kill(first)
    second = starter()
    second.omics.get_waiter("workflow_active").wait(
        id=made, WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
    )


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "snakemake_executor_omics.cli",
        "local",
        "up",
        "--state",
        str(tmp_path),
    ]
    root = str(Path(local.__file__).parents[1])
    starts = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
        )
        for _ in range(4)
    ]
    said = {start.communicate(timeout=SECONDS)[0] for start in starts}
    assert len(said) == 1
    assert [start.returncode for start in starts] == [0] * 4
    assert local.stop(tmp_path)


def test_what_a_dead_server_left_in_its_folder_stands_in_nobodys_way(starter: Starter) -> None:
    first = starter()
    state = first.service.state
    kill(first)
    assert (state / "server.lock").exists()
    (state / "server.json").write_text(
        json.dumps({"pid": os.getpid(), "url": "http://127.0.0.1:9", "state": str(state)})
    )
    assert starter().service.pid not in (os.getpid(), first.service.pid)


def test_a_server_whose_folder_is_taken_away_ends(tmp_path: Path) -> None:
    service = local.start(tmp_path / "state")
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    assert service._process is not None
    assert service._process.wait(SECONDS) == 0
    service.stop()


def test_a_full_disk_is_an_error_and_no_loss(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk's."""
    state = tmp_path / "state"
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from local_healthomics.__main__ import main\n"
        "sys.exit(main(['--state', sys.argv[1], '--lifeline']))"
    )
    root = str(Path(local.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    service = local.LocalService(endpoint_url=ready["url"], state=state, pid=ready["pid"])
    clients = connect(service.for_account(service.account))
    clients.s3.create_bucket(Bucket="bbb")
    clients.s3.put_object(Bucket="bbb", Key="small", Body=b"x")
    with pytest.raises(ClientError):
        clients.s3.upload_fileobj(io.BytesIO(b"a" * 4_000_000), "bbb", "large")
    made: list[str] = []

    def fill() -> None:
        tags = {f"k{n}": "v" * 250 for n in range(50)}
        for _ in range(10_000):
            made.append(clients.omics.create_run_group(name="g", tags=tags)["id"])

    with pytest.raises(ClientError, match="InternalServerException"):
        fill()
    assert clients.s3.get_object(Bucket="bbb", Key="small")["Body"].read() == b"x"
    process.kill()
    process.communicate()
    again = connect(local.start(state))
    assert again.s3.get_object(Bucket="bbb", Key="small")["Body"].read() == b"x"
    assert [item["Key"] for item in again.s3.list_objects_v2(Bucket="bbb")["Contents"]] == ["small"]
    assert {again.omics.get_run_group(id=id)["name"] for id in made} == {"g"}
    again.service.stop()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        local.start(tmp_path / "state")
