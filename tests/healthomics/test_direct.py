"""What engines read and make of objects without a request is as by one, or is left to one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_healthomics import service as service_module

from .conftest import TEMPLATE, Clients

ENGINE = """
import datetime, json, os, sys
run_dir = sys.argv[1]
how = json.loads(json.load(open(run_dir + "/request.json"))["parameters"]["how"])
def say(event, **more):
    at = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    print(json.dumps({"event": event, "at": at, **more}), flush=True)
os.chdir(run_dir)
for name, text in how.get("made", {}).items():
    open(name, "w").write(text)
for name, size in how.get("sizes", {}).items():
    open(name, "w").truncate(size)
for name, target in how.get("links", {}).items():
    os.symlink(target, name)
for name in how.get("pipes", []):
    os.mkfifo(name)
if "files" in how:
    files = [(os.path.join(run_dir, name), uri) for name, uri in how["files"]]
    texts = [({"json": text}, uri) for text, uri in how.get("texts", [])]
    say("take", number=1, files=files + texts)
else:
    say("look", number=1, uri=how["look"])
answer = json.loads(sys.stdin.readline())
for name in how.get("made", {}):
    open(name, "w").write("changed")
say("run", status="RUNNING")
say("log", stream="engine", lines=[[1767225600000, json.dumps(answer)]])
say("end", status="COMPLETED", resource_digests={}, outputs={})
"""
MOST = 8 * 1024 * 1024
Answers = list[str | None]
ETAG = "9a0364b9e99bb480dd25e1f0284c8555"  # of "content"


@pytest.fixture(scope="module")
def fake_engine(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("engine") / "asking.py"
    path.write_text(ENGINE)
    return [sys.executable, str(path)]


@pytest.fixture(scope="module")
def asking(fake: Clients) -> str:
    return fake.active_workflow(parameterTemplate=TEMPLATE)


def answer(clients: Clients, workflow: str, **how: Any) -> Any:
    """What the server answers an engine that does and asks this."""
    run = clients.start(workflow, json.dumps(how))
    clients.until(run, "COMPLETED")
    said = json.loads(clients.first_line(f"run/{run}/engine"))
    assert said["answer"] == 1
    return said["found"]


def taken(clients: Clients, workflow: str, *uris: str, **how: Any) -> Answers:
    found: Answers = answer(
        clients, workflow, made={"a": "content"}, files=[("a", uri) for uri in uris], **how
    )
    return found


def told(clients: Clients, bucket: str, key: str) -> dict[str, Any]:
    """All that S3 tells of an object, but when it was made and under which id."""
    where, s3 = {"Bucket": bucket, "Key": key}, clients.s3
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)
    found = {
        "get": s3.get_object(**where, ChecksumMode="ENABLED"),
        "head": s3.head_object(**where, ChecksumMode="ENABLED"),
        "acl": s3.get_object_acl(**where),
        "tags": s3.get_object_tagging(**where),
        "versions": {"of it": versions["Versions"]},
    }
    for answered in found.values():
        answered.pop("ResponseMetadata", None)
        answered.pop("LastModified", None)
        answered.pop("VersionId", None)
    for version in versions["Versions"]:
        for of_the_moment in ("Key", "LastModified", "VersionId"):
            version.pop(of_the_moment)
    found["get"]["Body"] = found["get"]["Body"].read()
    return found


def settings(kind: str, s3: Any, bucket: str) -> None:
    match kind:
        case "versioned":
            on = {"Status": "Enabled"}
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=on)
        case "encrypted":
            rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"}
            s3.put_bucket_encryption(
                Bucket=bucket,
                ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": rule}]
                },
            )
        case "public":
            s3.put_bucket_acl(Bucket=bucket, ACL="public-read")


@pytest.mark.parametrize("kind", ["plain", "versioned", "encrypted", "public"])
def test_an_object_that_is_taken_is_as_one_of_a_request(
    fake: Clients, asking: str, kind: str
) -> None:
    s3, bucket = fake.s3, f"alike-{kind}"
    s3.create_bucket(Bucket=bucket)
    settings(kind, s3, bucket)
    for key in ("by request", "directly"):  # what it was before is gone, or an older version
        s3.put_object(Bucket=bucket, Key=key, Body=b"old", Metadata={"k": "v"}, Tagging="k=v")
    s3.put_object(Bucket=bucket, Key="by request", Body=b"content")
    assert taken(fake, asking, f"s3://{bucket}/directly") == [ETAG]
    assert told(fake, bucket, "directly") == told(fake, bucket, "by request")


def test_a_text_that_is_taken_is_json(fake: Clients, asking: str) -> None:
    key, text = {"Bucket": "omics-local"}, '{"a": "ü"}'
    found = answer(fake, asking, files=[], texts=[(text, "s3://omics-local/text/directly")])
    fake.s3.put_object(
        **key, Key="text/by request", Body=text.encode(), ContentType="application/json"
    )
    assert found == [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()]
    directly = told(fake, "omics-local", "text/directly")
    assert directly == told(fake, "omics-local", "text/by request")
    assert directly["head"]["ContentType"] == "application/json"


def test_who_changes_the_file_does_not_change_the_object(fake: Clients, asking: str) -> None:
    uri = "s3://omics-local/changed//ü/a b"
    assert taken(fake, asking, uri) == [ETAG]  # the engine writes to the file after that
    read = fake.s3.get_object(Bucket="omics-local", Key="changed//ü/a b")
    assert read["Body"].read() == b"content"


def test_what_was_answered_outlives_a_kill(starter: Callable[[], Clients]) -> None:
    first = starter()
    workflow = first.active_workflow(parameterTemplate=TEMPLATE)
    assert taken(first, workflow, "s3://omics-local/a", "s3://omics-local/b") == [ETAG, ETAG]
    before = told(first, "omics-local", "b")
    os.kill(first.service.pid, signal.SIGKILL)
    first.service._process.wait()  # type: ignore[union-attr]
    second = starter()
    assert told(second, "omics-local", "a") == told(second, "omics-local", "b") == before


def close(s3: Any, bucket: str, action: str) -> None:
    """Deny everybody an action."""
    resource = f"arn:aws:s3:::{bucket}/*"
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=text)


def special(kind: str, s3: Any, bucket: str) -> None:
    """A bucket to which a request may be answered otherwise."""
    lock = kind == "lock"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock)
    if kind == "policy":
        close(s3, bucket, "s3:PutObject")


@pytest.mark.parametrize("kind", ["policy", "lock"])
def test_a_bucket_that_says_more_is_asked_by_a_request(
    fake: Clients, asking: str, kind: str
) -> None:
    bucket = f"special-{kind}"
    special(kind, fake.s3, bucket)
    assert taken(fake, asking, f"s3://{bucket}/a") == [None]
    assert "Contents" not in fake.s3.list_objects_v2(Bucket=bucket)


def test_what_is_no_object_or_no_file_of_the_run_is_left(fake: Clients, asking: str) -> None:
    sizes = {"of 8 MiB": MOST, "of more": MOST + 1}
    links = {"inside": "a", "outside": "/etc/passwd", "nowhere": "gone", "up": ".."}
    names = ["a", "of 8 MiB", "inside"]
    left = ["of more", "outside", "nowhere", "up", "pipe", "gone", ".", "../../format"]
    files = [(name, f"s3://omics-local/left/{place}") for place, name in enumerate(names + left)]
    files += [("a", uri) for uri in ("s3://no-such-bucket/a", "s3://omics-local", "s3://", "")]
    files.append(("a", "s3://omics-local/" + "ü" * 512 + "x"))
    files.append(("a", "s3://omics-local/left/\udc80"))  # of a name that is no text
    found = answer(
        fake,
        asking,
        made={"a": "content"},
        sizes=sizes,
        links=links,
        pipes=["pipe"],
        files=files,
    )
    assert [etag is not None for etag in found] == [True] * 3 + [False] * (len(files) - 3)
    listed = fake.s3.list_objects_v2(Bucket="omics-local", Prefix="left/")["Contents"]
    assert [item["Key"] for item in listed] == ["left/0", "left/1", "left/2"]
    kept = fake.service.state / "objects"
    assert not [path for path in kept.glob("*/*") if path.stat().st_size > MOST]


def test_an_object_is_found_by_its_file(fake: Clients, asking: str) -> None:
    uri = fake.uploaded("found/a", b"content")
    path, etag = answer(fake, asking, look=uri)
    assert (Path(path).read_bytes(), etag) == (b"content", ETAG)
    assert answer(fake, asking, look="s3://omics-local/found/b") is False
    assert answer(fake, asking, look="s3://no-such-bucket/found/b") is False
    fake.s3.delete_object(Bucket="omics-local", Key="found/a")
    assert answer(fake, asking, look=uri) is False


def test_what_a_request_may_not_read_is_asked_by_one(fake: Clients, asking: str) -> None:
    where = {"Bucket": "omics-local", "Key": "archived"}
    fake.s3.put_object(**where, Body=b"content", StorageClass="GLACIER")
    assert answer(fake, asking, look="s3://omics-local/archived") is True
    fake.s3.create_bucket(Bucket="closed")
    fake.s3.put_object(Bucket="closed", Key="a", Body=b"content")
    close(fake.s3, "closed", "s3:GetObject")
    assert answer(fake, asking, look="s3://closed/a") is True


# what the owner reads where it lies


def test_the_owner_is_told_where_objects_lie(fake: Clients) -> None:
    uri = fake.uploaded("mine/a", b"content")
    missing = uri.removesuffix("a") + "none"
    found, nothing = fake.service.files([uri, missing])
    assert found is not None
    assert Path(found[0]).read_bytes() == b"content"
    assert (found[1], nothing) == (ETAG, None)
    used = json.loads((fake.service.state / "rights.json").read_text())
    assert ["caller", "s3:GetObject", "arn:aws:s3:::omics-local/mine/*"] in used


def refusal(request: str, body: bytes) -> int:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, body)
    refused.value.close()
    return refused.value.code


@pytest.mark.parametrize("proof", ["", "0" * 40])
def test_nobody_else_is_told(fake: Clients, proof: str) -> None:
    uri = fake.uploaded("mine/a", b"content")
    url, body = f"{fake.service.endpoint_url}/_local/files/{proof}", json.dumps([uri]).encode()
    assert refusal(url, body) == 403
    # Nor does what proves the server's identity to anybody say who asks.
    health = f"{fake.service.endpoint_url}/_local/health/{hashlib.sha256(body).hexdigest()}"
    with urllib.request.urlopen(health) as answer:
        proven = answer.read().decode()
    assert refusal(f"{fake.service.endpoint_url}/_local/files/{proven}", body) == 403


def test_of_a_service_that_tells_of_other_files_nothing_is_read(
    fake: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server may have its port by now."""
    told = json.dumps([["/etc/passwd", ETAG]]).encode()
    monkeypatch.setattr(service_module, "_asked", lambda url, body: told)
    assert fake.service.files(["s3://omics-local/x"]) == [None]


def test_without_an_answer_s3_is_asked(fake: Clients) -> None:
    gone = replace(fake.service, endpoint_url="http://127.0.0.1:9")
    assert gone.files(["s3://omics-local/x", "s3://omics-local/y"]) == [None, None]
