"""Raw inputs to S3, against moto: what is read, what is sent, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.errors import ServiceError, StagingError
from snakemake_executor_omics.files import digests
from snakemake_executor_omics.files import upload as staging
from snakemake_executor_omics.files.upload import Staged, send, stage

BUCKET = "s3://results"
LARGE = 40 << 20  # three parts
LONG_AGO = 1_600_000_000


class Project:
    """A folder of inputs, the requests that S3 got, and the lines that were said."""

    def __init__(self, services: Services, folder: Path) -> None:
        services.s3.create_bucket(Bucket="results")
        self.services, self.folder, self.state = services, folder / "in", folder / "state"
        self.folder.mkdir()
        self.requests: list[str] = []
        self.said: list[str] = []
        services.s3.meta.events.register("before-call.s3", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        self.requests.append(model.name)

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path

    def stage(self, *names: str) -> dict[str, Staged]:
        return stage(names, self.folder, BUCKET, self.state, self.said.append)

    def send(self, staged: dict[str, Staged]) -> None:
        self.requests.clear()
        send(self.services, staged, self.state, self.said.append)

    def sent(self) -> int:
        return self.requests.count("PutObject") + self.requests.count("UploadPart")

    def objects(self) -> list[str]:
        found = self.services.s3.list_objects_v2(Bucket="results").get("Contents", [])
        return [item["Key"] for item in found]

    def content(self, item: Staged) -> bytes:
        key = item.uri.removeprefix(f"{BUCKET}/")
        data: bytes = self.services.s3.get_object(Bucket="results", Key=key)["Body"].read()
        return data


@pytest.fixture
def project(services: Services, tmp_path: Path) -> Project:
    return Project(services, tmp_path)


def test_each_content_is_sent_once_and_copied_to_its_other_names(project: Project) -> None:
    for name in ("a/x.fq", "b/x.fq", "y.fq", "z.fq"):
        project.write(name, b"other" if name == "z.fq" else b"same")
    staged = project.stage("a/x.fq", "b/x.fq", "y.fq", "z.fq")
    project.send(staged)
    assert project.sent() == 2
    assert project.requests.count("CopyObject") == 1
    assert len(project.objects()) == 3
    assert project.content(staged["y.fq"]) == b"same"
    project.send(project.stage("a/x.fq", "b/x.fq", "y.fq", "z.fq"))
    assert set(project.requests) == {"HeadObject"}


def test_a_file_is_read_once_unless_it_may_have_changed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noted(path: Path, on_bytes: Any) -> digests.Digest:
        read.append(path.name)
        return digests.digest_of(path, on_bytes)

    monkeypatch.setattr(staging, "digest_of", noted)
    old = project.write("old", b"1")
    project.write("young", b"1")
    os.utime(project.folder / "young")  # a change in the same granule of time would go unseen
    project.stage("old", "young")
    project.stage("old", "young")
    assert sorted(read) == ["old", "young", "young"]
    old.write_bytes(b"2")
    os.utime(old, (LONG_AGO, LONG_AGO + 1))
    first = project.stage("old")["old"]
    assert first.upload.digest == digests.Digest.of_bytes(b"2")


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_file_that_changes_while_it_is_sent_becomes_no_object(
    project: Project, size: int
) -> None:
    path = project.write("reads.fq", b"a" * size)
    project.write("other.fq", b"b")
    staged = project.stage("reads.fq", "other.fq")

    def change(**_: Any) -> None:
        path.write_bytes(b"c" * size)

    for operation in ("PutObject", "UploadPart"):
        project.services.s3.meta.events.register(f"before-call.s3.{operation}", change)
    with pytest.raises(StagingError, match=r"reads\.fq changed while being sent") as caught:
        project.send(staged)
    assert "no run was started" in str(caught.value)
    assert all(key.endswith("other.fq") for key in project.objects())


def test_a_change_that_only_the_content_tells_is_refused_by_s3_and_read_again(
    project: Project,
) -> None:
    path = project.write("reads.fq", b"a")
    project.stage("reads.fq")
    with path.open("r+b") as file:  # same size, same inode
        file.write(b"b")
    os.utime(path, (LONG_AGO, LONG_AGO))
    staged = project.stage("reads.fq")
    events = project.services.s3.meta.events
    # moto compares no checksums: S3's answer is made here from what it would compare.
    events.register("before-call.s3.PutObject", _refuse_other_content, "refuse")
    with pytest.raises(StagingError, match=r"reads\.fq.*not what it was"):
        project.send(staged)
    events.unregister("before-call.s3.PutObject", _refuse_other_content, "refuse")
    again = project.stage("reads.fq")
    project.send(again)
    assert project.content(again["reads.fq"]) == b"b"


def _refuse_other_content(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
    data = params["body"].read()
    params["body"].seek(0)
    if digests.Digest.of_bytes(data).s3_sha256 == params["headers"]["x-amz-checksum-sha256"]:
        return None

    class Response:
        status_code = 400

    error = {"Code": "BadDigest", "Message": "The SHA256 you specified did not match"}
    return Response, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}


def test_an_interrupted_upload_goes_on_where_it_stopped(project: Project) -> None:
    for name in ("a", "b", "c"):
        project.write(name, name.encode())
    project.write("large", os.urandom(LARGE))
    staged = project.stage("a", "b", "c", "large")
    events = project.services.s3.meta.events

    def break_down(**_: Any) -> None:  # the part is there, its answer is lost
        raise EndpointConnectionError(endpoint_url="https://s3")

    events.register("after-call.s3.UploadPart", break_down, "break")
    with pytest.raises(ServiceError, match="Could not connect"):
        project.send(staged)
    events.unregister("after-call.s3.UploadPart", break_down, "break")
    there = len(project.objects())
    (upload,) = project.services.s3.list_multipart_uploads(Bucket="results")["Uploads"]
    parts = project.services.s3.list_parts(
        Bucket="results", Key=upload["Key"], UploadId=upload["UploadId"]
    )["Parts"]
    assert parts
    project.send(project.stage("a", "b", "c", "large"))
    assert project.requests.count("UploadPart") == 3 - len(parts)
    assert project.requests.count("PutObject") == 3 - there
    assert project.requests.count("CreateMultipartUpload") == 0
    assert project.content(staged["large"]) == (project.folder / "large").read_bytes()


def test_a_directory_travels_as_an_archive_that_is_made_when_it_is_needed(
    project: Project,
) -> None:
    for number in range(3000):
        project.write(f"many/{number % 7}/{number}", b"x" * (number % 3))
    first = project.stage("many")
    assert first["many"].uri.endswith("/many.tar")
    project.send(first)
    assert project.sent() == 1
    assert not (project.state / "archives").exists()
    second = project.stage("many")
    project.send(second)
    assert project.sent() == 0
    assert not (project.state / "archives").exists()
    project.services.s3.delete_object(Bucket="results", Key=project.objects()[0])
    project.send(second)
    assert project.sent() == 1
    project.write("many/0/0", b"new")
    assert project.stage("many")["many"].uri != first["many"].uri


def test_links_are_followed_and_empty_files_are_files(project: Project) -> None:
    project.write("target.txt", b"through the link")
    (project.folder / "link.txt").symlink_to("target.txt")
    project.write("empty", b"")
    staged = project.stage("link.txt", "empty")
    project.send(staged)
    assert project.content(staged["link.txt"]) == b"through the link"
    assert project.content(staged["empty"]) == b""


def test_what_cannot_be_read_is_told_by_name(project: Project) -> None:
    (project.folder / "dangling").symlink_to("nowhere.txt")
    with pytest.raises(StagingError, match=r"dangling: the link leads to nowhere\.txt"):
        project.stage("dangling")
    with pytest.raises(StagingError, match="gone: No such file"):
        project.stage("gone")
    os.mkfifo(project.folder / "pipe")
    with pytest.raises(StagingError, match="neither a file nor a directory"):
        project.stage("pipe")
    path = project.write("secret", b"x")
    path.chmod(0)
    if os.geteuid() != 0:  # root reads everything
        with pytest.raises(StagingError, match="secret: Permission denied"):
            project.stage("secret")
    path.chmod(0o644)
    staged = project.stage("secret")
    path.unlink()
    with pytest.raises(StagingError, match="secret"):
        project.send(staged)
    assert project.objects() == []


def test_an_s3_error_names_the_file(project: Project) -> None:
    project.write("a", b"a")
    staged = project.stage("a")
    project.services.s3.delete_bucket(Bucket="results")
    with pytest.raises(ServiceError, match=r"send .*/a to s3://results/inputs/"):
        project.send(staged)
