"""What clients send to S3 is what is kept, whatever it is called and however much comes at once."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import local_healthomics as local
from local_healthomics.other_services import bodies, checksums
from local_healthomics.removing import remove

from .conftest import Clients

BUCKET = "omics-local"


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
@pytest.mark.parametrize("body", [b"a=b&c=d", b"", b"--x\r\n\r\n--x--", b"<a/>"])
def test_content_is_no_form_whatever_its_type(fake: Clients, kind: str, body: bytes) -> None:
    fake.s3.put_object(Bucket=BUCKET, Key="form", Body=body, ContentType=kind)
    found = fake.s3.get_object(Bucket=BUCKET, Key="form")
    assert (found["Body"].read(), found["ContentType"]) == (body, kind)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_checksum_is_kept(fake: Clients, algorithm: str) -> None:
    sent = fake.s3.put_object(
        Bucket=BUCKET, Key="summed", Body=b"x" * 100_000, ChecksumAlgorithm=algorithm
    )
    found = fake.s3.get_object(Bucket=BUCKET, Key="summed", ChecksumMode="ENABLED")
    name = f"Checksum{algorithm}"
    assert sent[name] == found[name]
    assert found["Body"].read() == b"x" * 100_000
    assert "ContentEncoding" not in found  # how it was sent is nobody's business


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"ContentMD5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
        ({"ChecksumCRC32": "AAAAAA=="}, "BadDigest"),
        ({"ChecksumSHA1": base64.b64encode(bytes(20)).decode()}, "BadDigest"),
        ({"ChecksumSHA256": base64.b64encode(bytes(32)).decode()}, "BadDigest"),
    ],
)
def test_content_that_is_not_what_is_said_of_it_is_refused(
    fake: Clients, said: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as error:
        fake.s3.put_object(Bucket=BUCKET, Key="refused", Body=b"content", **said)
    assert error.value.response["Error"]["Code"] == code
    assert "Contents" not in fake.s3.list_objects_v2(Bucket=BUCKET, Prefix="refused")


def of_bits(data: bytes, polynomial: int, size: int) -> bytes:
    """A CRC as its definition has it, bit by bit."""
    value = ones = (1 << 8 * size) - 1
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
    return (value ^ ones).to_bytes(size, "big")


CRCS = {"CRC32C": (0x82F63B78, 4), "CRC64NVME": (0x9A6C9329AC4BC9B5, 8)}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    """awscrt's functions, as it has them: they go on from the value of what came before."""
    seen: list[bytes] = []

    def function(name: str) -> Any:
        def go_on(data: bytes, previous: int = 0) -> int:
            seen.append(data)
            return int.from_bytes(of_bits(b"".join(seen), *CRCS[name]), "big")

        return go_on

    made = SimpleNamespace(crc32c=function("CRC32C"), crc64nvme=function("CRC64NVME"))
    monkeypatch.setitem(sys.modules, "awscrt", SimpleNamespace(checksums=made))
    monkeypatch.setitem(sys.modules, "awscrt.checksums", made)
    return made


def received(path: Path, algorithm: str, said: str) -> dict[str, Any]:
    environ = {
        "wsgi.input": io.BytesIO(b"123456789"),
        "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM": algorithm,
        f"HTTP_X_AMZ_CHECKSUM_{algorithm}": said,
    }
    bodies.receive(environ, path / "file")
    return environ


KNOWN = {
    "CRC32C": "4waSgw==",
    "CRC64NVME": "rosUhgp5mIg=",
}  # of 123456789: the published check values


@pytest.mark.parametrize("algorithm", CRCS)
def test_a_checksum_that_awscrt_makes_is_looked_at(
    tmp_path: Path, stand_in: Any, algorithm: str
) -> None:
    made = checksums.text(checksums.new(algorithm))  # type: ignore[arg-type]
    assert set(base64.b64decode(made)) == {0}
    environ = received(tmp_path, algorithm, KNOWN[algorithm])
    assert environ[f"HTTP_X_AMZ_CHECKSUM_{algorithm}"] == KNOWN[algorithm]


@pytest.mark.parametrize("algorithm", CRCS)
def test_a_checksum_that_is_wrong_is_refused(tmp_path: Path, stand_in: Any, algorithm: str) -> None:
    with pytest.raises(bodies.Unacceptable) as error:
        received(tmp_path, algorithm, made_of(algorithm, b"other"))
    assert error.value.code == "BadDigest"
    assert algorithm in str(error.value)


def made_of(algorithm: str, data: bytes) -> str:
    return base64.b64encode(of_bits(data, *CRCS[algorithm])).decode()


@pytest.mark.parametrize("algorithm", CRCS)
def test_nothing_is_said_of_a_checksum_that_nothing_here_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    monkeypatch.setitem(sys.modules, "awscrt", None)
    environ = received(tmp_path, algorithm, KNOWN[algorithm])
    assert not [name for name in environ if "CHECKSUM" in name]


def test_what_is_refused_leaves_no_file(fake: Clients) -> None:
    def files() -> int:
        return sum(path.is_file() for path in (fake.service.state / "objects").glob("*/*"))

    before = files()
    for _ in range(3):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            fake.s3.put_object(Bucket="no-such-bucket", Key="a", Body=b"content")
        with pytest.raises(ClientError, match="BadDigest"):
            fake.s3.put_object(Bucket=BUCKET, Key="a", Body=b"b", ChecksumCRC32="AAAAAA==")
    fake.s3.put_object(Bucket=BUCKET, Key="one", Body=b"content")
    assert files() == before + 1


def test_a_disk_that_takes_no_more_is_told_and_costs_nothing(fake: Clients) -> None:
    s3 = fake.service.client("s3", config=Config(retries={"max_attempts": 0}))
    s3.put_object(Bucket=BUCKET, Key="disk/kept", Body=b"kept")
    unlimited = resource.prlimit(fake.service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(fake.service.pid, resource.RLIMIT_FSIZE, (1_000_000, unlimited[1]))
    try:  # for a server, as if the disk were full
        with pytest.raises(ClientError, match=r"cannot use its state: .*too large"):
            s3.put_object(Bucket=BUCKET, Key="disk/large", Body=bytes(2_000_000))
    finally:
        resource.prlimit(fake.service.pid, resource.RLIMIT_FSIZE, unlimited)
    s3.put_object(Bucket=BUCKET, Key="disk/next", Body=b"next")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="disk/")["Contents"]
    assert [item["Key"] for item in listed] == ["disk/kept", "disk/next"]
    log = (fake.service.state / "server.log").read_text().splitlines()
    assert [line for line in log if "disk/large" in line] == [
        "s3: PUT /omics-local/disk/large: [Errno 27] File too large"
    ]


def test_an_object_whose_file_is_gone_is_told(fake: Clients) -> None:
    s3 = fake.service.client("s3", config=Config(retries={"max_attempts": 0}))
    files = fake.service.state / "objects"
    before = set(files.glob("*/*"))
    s3.put_object(Bucket=BUCKET, Key="damaged", Body=b"content")
    (made,) = set(files.glob("*/*")) - before
    made.unlink()
    with pytest.raises(ClientError, match=f"cannot use its state: .*{made.name}"):
        s3.get_object(Bucket=BUCKET, Key="damaged")
    s3.put_object(Bucket=BUCKET, Key="damaged", Body=b"new")
    assert s3.get_object(Bucket=BUCKET, Key="damaged")["Body"].read() == b"new"


def test_many_multipart_uploads_at_once_are_all_kept(fake: Clients) -> None:
    """Each is put together while the files of others are thrown away."""
    s3 = fake.service.client("s3")

    def upload(number: int) -> bytes:
        where = {"Bucket": BUCKET, "Key": f"many/{number}"}
        id = s3.create_multipart_upload(**where)["UploadId"]
        body = str(number).encode()
        part = s3.upload_part(**where, UploadId=id, PartNumber=1, Body=body)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(**where, UploadId=id, MultipartUpload=parts)
        return body

    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(upload, range(400)))
        keys = [f"many/{number}" for number in range(400)]
        found = pool.map(lambda key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(), keys)
        assert list(found) == sent


def peak(service: local.LocalService) -> int:
    """The most memory, in MB, that the server has had."""
    text = Path(f"/proc/{service.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) // 1024


@pytest.mark.slow
def test_large_objects_never_are_in_memory(fake: Clients, tmp_path: Path) -> None:
    """Four of 1 GB at once, in parts and whole, up and down, copied, and by range."""
    block = os.urandom(1 << 20)
    source = tmp_path / "source"
    with source.open("wb") as out:
        for _ in range(1024):
            out.write(block)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    s3 = fake.service.client("s3")

    def upload(number: int) -> None:
        if number % 2:
            s3.upload_file(str(source), BUCKET, f"large/{number}")
        else:
            with source.open("rb") as body:
                s3.put_object(Bucket=BUCKET, Key=f"large/{number}", Body=body)

    def download(number: int) -> str:
        target = tmp_path / str(number)
        s3.download_file(BUCKET, f"large/{number}", str(target))
        try:
            with target.open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest()
        finally:
            target.unlink()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upload, range(4)))
    assert peak(fake.service) <= 250
    copied: Any = {"Bucket": BUCKET, "Key": "large/0"}
    s3.copy(copied, BUCKET, "large/4")
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(download, [0, 1, 4])) == {digest}
    assert peak(fake.service) <= 250


# The one place where files are removed.


def test_only_what_is_inside_is_removed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "kept").write_text("")
    (inside / "folder").mkdir()
    (inside / "folder" / "file").write_text("")
    (inside / "link").symlink_to(outside)
    (inside / "up").symlink_to(tmp_path)
    for wrong in (
        inside,
        outside / "kept",
        inside / ".." / "outside" / "kept",
        inside / "link" / "kept",
        inside / "up" / "inside",
        Path("/dev/null"),
        tmp_path,
    ):
        with pytest.raises(ValueError, match="is not in"):
            remove(wrong, within=inside)
    for gone in ("folder", "link", "no-such"):
        remove(inside / gone, within=inside)
    remove(inside / "up", within=inside)
    assert list(inside.iterdir()) == []
    assert (outside / "kept").exists()


def test_what_is_no_file_is_not_removed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no file"):
        remove(tmp_path / "pipe", within=tmp_path)
    assert (tmp_path / "pipe").exists()
