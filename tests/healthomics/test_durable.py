"""What survives a restart, and who may hold a state folder."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

import local_healthomics as local
from local_healthomics.definitions import BadDefinition, unpack

from .conftest import TEMPLATE, Clients

LARGE = bytes(range(256)) * 80_000  # 20 MB: several parts, and beyond what moto reads


def test_everything_survives_a_kill(starter: Callable[[], Clients]) -> None:
    first = starter()
    first.s3.create_bucket(Bucket="mine")
    first.s3.put_object(
        Bucket="mine", Key="a b/ü.txt", Body=b"old", Metadata={"k": "v"}, ContentType="text/plain"
    )
    first.s3.put_object(Bucket="mine", Key="a b/ü.txt", Body=b"new", Metadata={"k": "w"})
    first.s3.put_object(Bucket="mine", Key="gone", Body=b"x")
    first.s3.delete_object(Bucket="mine", Key="gone")
    first.s3.upload_fileobj(
        io.BytesIO(LARGE), "mine", "large", Config=TransferConfig(multipart_chunksize=6_000_000)
    )
    first.s3.copy_object(Bucket="mine", Key="copy", CopySource={"Bucket": "mine", "Key": "large"})
    tag = first.s3.head_object(Bucket="mine", Key="large")["ETag"]
    workflow = first.active_workflow(name="kept", parameterTemplate=TEMPLATE)
    done = first.start(workflow)
    first.until(done, "COMPLETED")
    [task] = first.omics.list_run_tasks(id=done)["items"]
    group = first.omics.create_run_group(maxRuns=1)["id"]
    running = first.start(workflow, "wait", runGroupId=group)
    first.until(running, "RUNNING")
    waiting = first.start(workflow, runGroupId=group)

    os.kill(first.service.pid, signal.SIGKILL)
    first.service._process.wait()  # type: ignore[union-attr]
    second = starter()
    assert second.service.pid != first.service.pid

    read = second.s3.get_object(Bucket="mine", Key="a b/ü.txt")
    assert (read["Body"].read(), read["Metadata"]) == (b"new", {"k": "w"})
    keys = [item["Key"] for item in second.s3.list_objects_v2(Bucket="mine")["Contents"]]
    assert keys == ["a b/ü.txt", "copy", "large"]
    assert second.s3.head_object(Bucket="mine", Key="large")["ETag"] == tag
    assert tag.endswith('-4"')
    for key in ("large", "copy"):
        assert second.s3.get_object(Bucket="mine", Key=key)["Body"].read() == LARGE
    part = second.s3.get_object(Bucket="mine", Key="large", Range="bytes=1000-1999")
    assert part["Body"].read() == LARGE[1000:2000]
    listed = second.s3.list_objects_v2(Bucket="mine")["Contents"]
    assert {item["LastModified"].microsecond for item in listed} == {0}

    assert second.omics.get_workflow(id=workflow)["status"] == "ACTIVE"
    assert second.omics.get_run(id=done)["status"] == "COMPLETED"
    lost = second.omics.get_run(id=running)
    assert (lost["status"], lost["failureReason"]) == ("FAILED", "SERVICE_ERROR")
    assert "in flight" in lost["statusMessage"]
    second.until(waiting, "COMPLETED")
    found = second.logs.get_log_events(
        logGroupName="/aws/omics/WorkflowLog",
        logStreamName=f"run/{done}/task/{task['taskId']}",
        startFromHead=True,
    )
    assert [event["message"] for event in found["events"]] == ["said by one"]


def test_s3_compares_and_keeps_checksums(real: Clients) -> None:
    real.s3.create_bucket(Bucket="sums")
    sha256 = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    given = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": sha256}
    with pytest.raises(ClientError, match="BadDigest"):
        real.s3.put_object(Bucket="sums", Key="small", Body=b"y", **given)
    real.s3.put_object(Bucket="sums", Key="small", Body=b"x", **given)
    crc32 = base64.b64encode(zlib.crc32(LARGE).to_bytes(4, "big")).decode()
    real.s3.upload_fileobj(io.BytesIO(LARGE), "sums", "large", ExtraArgs={"ChecksumCRC32": crc32})
    small, large = (
        real.s3.head_object(Bucket="sums", Key=key, ChecksumMode="ENABLED")
        for key in ("small", "large")
    )
    assert small["ChecksumSHA256"] == sha256
    assert large["ChecksumCRC32"] == crc32
    got = io.BytesIO()
    real.s3.download_fileobj("sums", "large", got)  # by ranges, which have no such checksum
    assert got.getvalue() == LARGE


def test_a_part_of_an_object_comes_without_the_checksum_of_the_whole(
    starter: Callable[[], Clients],
) -> None:
    s3 = starter().s3
    s3.create_bucket(Bucket="mine")
    for key, body in (("large", LARGE), ("small", b"0123456789")):
        s3.put_object(Bucket="mine", Key=key, Body=body, ChecksumAlgorithm="CRC32")
        whole = s3.get_object(Bucket="mine", Key=key, ChecksumMode="ENABLED")
        assert whole["ChecksumCRC32"]
        assert whole["Body"].read() == body
        part = s3.get_object(Bucket="mine", Key=key, Range="bytes=2-5", ChecksumMode="ENABLED")
        assert "ChecksumCRC32" not in part
        assert part["Body"].read() == body[2:6]


def test_a_second_start_finds_the_first_server(starter: Callable[[], Clients]) -> None:
    first, second = starter(), starter()
    assert first.service.pid == second.service.pid
    second.service.stop()  # not its own
    assert local.status(first.service.state) is not None


def test_a_second_server_is_refused(starter: Callable[[], Clients]) -> None:
    state = starter().service.state
    command = [sys.executable, "-m", "local_healthomics", "--state", str(state)]
    root = str(Path(local.__file__).parents[1])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    assert done.returncode == 1
    assert "another local HealthOmics is running" in done.stderr


@pytest.mark.service
def test_a_kept_server_is_stopped_by_its_folder(tmp_path: Path) -> None:
    service = local.start(tmp_path, keep=True)
    assert local.status(tmp_path) == service
    assert local.stop(tmp_path)
    assert local.status(tmp_path) is None
    assert not local.stop(tmp_path)
    service.stop()  # reaps the process


@pytest.mark.service
def test_the_server_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; import local_healthomics as local\n"
        "local.start(Path(sys.argv[1])); os._exit(9)"
    )
    root = str(Path(local.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=False)
    with (tmp_path / "server.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # granted when the server has ended
    assert local.status(tmp_path) is None


def test_an_archive_that_is_none_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with pytest.raises(BadDefinition, match="Invalid zip file"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_what_a_deleted_workflow_leaves_goes_with_the_next_server(
    starter: Callable[[], Clients],
) -> None:
    before = starter()
    kept, gone = (before.active_workflow(parameterTemplate=TEMPLATE) for _ in range(2))
    uuid = before.omics.get_workflow(id=gone)["uuid"]
    left = before.service.state / "definitions" / uuid
    before.omics.delete_workflow(id=gone)
    assert left.is_dir()  # a run in flight may read it
    before.service.stop()
    after = starter()
    assert not left.exists()
    run = after.start(kept)
    assert after.until(run, "COMPLETED", "FAILED")["status"] == "COMPLETED"
