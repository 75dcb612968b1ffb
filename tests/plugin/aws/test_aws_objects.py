"""Objects that stay in S3: looked at, copied, unpacked; against moto."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from snakemake_executor_omics.aws import unpacking
from snakemake_executor_omics.aws.checksums import Digest
from snakemake_executor_omics.aws.objects import Object, clock, copy_objects, look_at
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.transfer import list_prefix, split_uri, write_bytes
from snakemake_executor_omics.aws.unpacking import unpack_inside
from snakemake_executor_omics.errors import AccessDenied, NotFound, StagingError


@pytest.fixture(autouse=True)
def bucket(request: pytest.FixtureRequest) -> None:
    if "services" in request.fixturenames:
        request.getfixturevalue("services").s3.create_bucket(Bucket="data")


def _put(services: Services, key: str, body: bytes) -> str:
    services.s3.put_object(Bucket="data", Key=key, Body=body)
    return f"s3://data/{key}"


def _get(services: Services, key: str) -> bytes:
    body: bytes = services.s3.get_object(Bucket="data", Key=key)["Body"].read()
    return body


def _keys(services: Services) -> list[str]:
    return [item.uri.removeprefix("s3://data/") for item in list_prefix(services, "s3://data/")]


def _archive(files: dict[str, bytes], *links: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.LNKTYPE, target
            archive.addfile(entry)
    return out.getvalue()


def test_an_object_is_found_with_what_tells_its_content(services: Services) -> None:
    uri = _put(services, "a/x", b"1")
    etag = services.s3.head_object(Bucket="data", Key="a/x")["ETag"].strip('"')
    assert look_at(services, [uri, uri]) == {uri: (Object(uri, etag),)}


def test_a_folder_is_the_objects_below_it(services: Services) -> None:
    for key in ("d/a", "d/deep/b", "d/empty/", "dd/c"):
        _put(services, key, b"")
    (found,) = look_at(services, ["s3://data/d"]).values()
    assert isinstance(found, tuple)
    assert [item.uri for item in found] == ["s3://data/d/a", "s3://data/d/deep/b"]


def test_what_is_not_there_is_nothing(services: Services) -> None:
    uris = ["s3://data/none", "s3://no-such-bucket/x"]
    assert look_at(services, uris) == dict.fromkeys(uris, ())


def test_a_denied_right_is_an_answer(services: Services) -> None:
    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    services.s3.meta.events.register("before-call.s3.HeadObject", deny)
    (found,) = look_at(services, ["s3://data/x"]).values()
    assert isinstance(found, AccessDenied)


def test_objects_are_copied_whole_and_in_parts(services: Services) -> None:
    mib = 1024**2
    small, large = b"1", bytes(range(256)) * 4096 * 11
    copies = {
        "s3://data/to/small": _put(services, "small", small),
        "s3://data/to/large": _put(services, "large", large),
    }
    copy_objects(services, copies, limit=8 * mib, part=5 * mib)
    assert _get(services, "to/small") == small
    assert _get(services, "to/large") == large


def test_a_copy_of_nothing_is_told(services: Services) -> None:
    with pytest.raises(NotFound, match="cannot copy s3://data/none to s3://data/to"):
        copy_objects(services, {"s3://data/to": "s3://data/none"})


def test_the_clock_is_the_date_of_an_answer(services: Services) -> None:
    services.s3.meta.events.register(
        "after-call.s3.HeadBucket",
        lambda parsed, **_: parsed["ResponseMetadata"]["HTTPHeaders"].update(
            date="Thu, 01 Jan 2026 00:00:07 GMT"
        ),
    )
    assert clock(services, "s3://data/anything") == 1767225607


def test_an_archive_is_unpacked_to_objects(services: Services) -> None:
    old = _put(services, "out/old", b"of an earlier run")
    archive = _put(
        services, "r.tar", _archive({"a": b"1", "deep/b": b"", "c": b"22"}, ("link", "a"))
    )
    unpack_inside(services, archive, "s3://data/out", ".stamp")
    assert _keys(services) == ["out/.stamp", "out/a", "out/c", "out/deep/b", "out/link", "r.tar"]
    assert _get(services, "out/c") == b"22"
    assert _get(services, "out/link") == b"1"
    assert look_at(services, [old])[old] == ()


def test_a_large_archive_is_unpacked_by_ranges(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_COPY", 6 * 1024**2)
    content = bytes(range(256)) * 1024 * 60
    archive = _put(services, "r.tar", _archive({"first": b"1", "large": content, "last": b""}))
    fetched: list[int] = []
    services.s3.meta.events.register(
        "after-call.s3.GetObject",
        lambda parsed, **_: fetched.append(parsed["ContentLength"]),
    )
    unpack_inside(services, archive, "s3://data/out", ".stamp")
    assert sum(fetched) < len(content) / 2  # its content stays in S3
    assert _get(services, "out/large") == content
    assert _get(services, "out/first") == b"1"
    assert services.s3.list_multipart_uploads(Bucket="data").get("Uploads", []) == []


@pytest.mark.parametrize(
    "content",
    [_archive({"../x": b"1"}), _archive({}, ("l", "gone")), b"no"],
)
def test_an_archive_that_leads_out_is_refused(services: Services, content: bytes) -> None:
    archive = _put(services, "r.tar", content)
    with pytest.raises(StagingError, match=r"s3://data/r\.tar"):
        unpack_inside(services, archive, "s3://data/out", ".stamp")
    assert _keys(services) == ["r.tar"]


def test_checksums_are_written_as_s3_writes_them(services: Services) -> None:
    digest = Digest.of_bytes(b"content")
    write_bytes(services, "s3://data/x", b"content")
    head = services.s3.head_object(Bucket="data", Key="x", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == digest.s3_sha256
    other = services.s3.put_object(
        Bucket="data", Key="y", Body=b"content", ChecksumAlgorithm="CRC32"
    )
    assert other["ChecksumCRC32"] == digest.s3_crc32


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("s3://b/k/l", ("b", "k/l")), ("s3://b/", ("b", "")), ("s3://b", ("b", ""))],
)
def test_a_uri_has_a_bucket_and_a_key(uri: str, parts: tuple[str, str]) -> None:
    assert split_uri(uri) == parts
