"""Files to and from S3, against moto."""

from dataclasses import replace
from pathlib import Path

import pytest

from snakemake_executor_omics.aws import transfer
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.transfer import Download, Upload
from snakemake_executor_omics.errors import NotFound, StagingError
from snakemake_executor_omics.files.digests import digest_of

BUCKET = "s3://results"


def _upload(path: Path, key: str) -> Upload:
    return Upload(path, f"{BUCKET}/{key}", digest_of(path))


@pytest.fixture(autouse=True)
def bucket(services: Services) -> None:
    services.s3.create_bucket(Bucket="results")


def test_round_trip(services: Services, tmp_path: Path) -> None:
    files = {"a.txt": b"a", "deep/er/ü b.txt": b"bb", "empty": b"", "big": b"x" * (17 << 20)}
    for name, data in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    sent: list[int] = []
    uploads = [_upload(tmp_path / "in" / name, f"p/{name}") for name in files]
    transfer.upload_many(services, uploads, sent.append)
    assert sum(sent) == sum(map(len, files.values()))
    downloads = [Download(f"{BUCKET}/p/{name}", tmp_path / "out" / name) for name in files]
    assert list(transfer.download_each(services, downloads)) == downloads
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == len(files)


def test_same_content_is_not_sent_again(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    large = tmp_path / "large"
    large.write_bytes(b"x" * (17 << 20))
    items = [_upload(path, "x"), _upload(large, "large")]
    assert transfer.missing(services, items) == items
    transfer.upload_many(services, items)
    assert transfer.missing(services, items) == []
    path.write_bytes(b"two")
    changed = _upload(path, "x")
    assert transfer.missing(services, [changed]) == [changed]


def _requests(services: Services) -> list[str]:
    found: list[str] = []
    services.s3.meta.events.register("before-call.s3", lambda model, **_: found.append(model.name))
    return found


@pytest.mark.parametrize("others", [0, 1_100])  # below the same prefix: a listing costs too much
def test_many_files_are_found_by_one_listing(
    services: Services, tmp_path: Path, others: int
) -> None:
    items = []
    for number in range(52):
        (tmp_path / f"{number}").write_text(f"{number}")
        items.append(_upload(tmp_path / f"{number}", f"in/{number}/x"))
    transfer.upload_many(services, items[2:])
    services.s3.put_object(Bucket="results", Key="in/2/x", Body=b"?")  # of the same size
    for number in range(others):
        services.s3.put_object(Bucket="results", Key=f"in/y{number}", Body=b"")
    asked = _requests(services)
    assert transfer.missing(services, items) == items[:3]
    # Only what has another ETag is looked at.
    assert asked.count("HeadObject") == (52 if others else 1)


def test_missing_object_leaves_no_file(services: Services, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="fetch s3://results/none"):
        list(transfer.download_each(services, [Download(f"{BUCKET}/none", tmp_path / "sub/none")]))
    assert list((tmp_path / "sub").iterdir()) == []


@pytest.mark.parametrize(
    ("file", "etag", "requests"),
    [
        ("object", None, []),
        ("object", "0" * 32, ["GetObject"]),  # it was replaced before the files were told
        ("gone", None, ["GetObject"]),  # and after that
        (None, None, ["GetObject"]),
    ],
)
@pytest.mark.parametrize("size", [3, (2 << 20) + 1])
def test_what_lies_on_this_machine_is_copied(
    services: Services, tmp_path: Path, file: str | None, etag: str | None, requests: list[str],
    size: int,
) -> None:  # fmt: skip
    data = b"x" * size
    (tmp_path / "object").write_bytes(data)
    transfer.write_bytes(services, f"{BUCKET}/x", data)
    [listed] = transfer.list_prefix(services, f"{BUCKET}/x")
    found = file and (str(tmp_path / file), etag or listed.etag)
    near = replace(services, files=lambda uris: [found or None for _ in uris])
    asked, came = _requests(services), list[int]()
    [item] = transfer.download_each(
        near, [Download(listed.uri, tmp_path / "out/x", listed)], came.append
    )
    assert (tmp_path / "out/x").read_bytes() == data
    assert item.is_here
    assert (asked, sum(came)) == (requests, size)
    (tmp_path / "out/x").write_bytes(b"mine")
    assert (tmp_path / "object").read_bytes() == data


def test_what_is_copied_is_compared_with_what_is_listed(services: Services, tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(b"bad")
    transfer.write_bytes(services, f"{BUCKET}/x", b"old")
    [listed] = transfer.list_prefix(services, f"{BUCKET}/x")
    near = replace(services, files=lambda uris: [(str(tmp_path / "object"), listed.etag)])
    with pytest.raises(StagingError, match="is not what S3 lists"):
        list(transfer.download_each(near, [Download(listed.uri, tmp_path / "x", listed)]))
    assert not (tmp_path / "x").exists()


def test_nothing_more_is_fetched_for_a_process_that_ends(
    services: Services, tmp_path: Path
) -> None:
    transfer.write_bytes(services, f"{BUCKET}/x", b"x")
    services.s3.meta.events.register("before-call.s3.GetObject", lambda **_: services.ending.set())
    wanted = [Download(f"{BUCKET}/x", tmp_path / f"{number}") for number in range(50)]
    here = []
    with pytest.raises(StagingError, match="as Snakemake ends"):
        here.extend(transfer.download_each(services, wanted))
    assert len(here) <= 1  # the one that was waited for when the end came


def test_small_objects(services: Services) -> None:
    transfer.write_bytes(services, f"{BUCKET}/d/o.json", b'{"a": 1}')
    assert transfer.read_json(services, f"{BUCKET}/d/o.json") == {"a": 1}
    assert [item.uri for item in transfer.list_prefix(services, f"{BUCKET}/d/")] == [
        f"{BUCKET}/d/o.json"
    ]
    with pytest.raises(NotFound):
        transfer.read_bytes(services, f"{BUCKET}/d/other")
    transfer.write_bytes(services, f"{BUCKET}/bad", b"{")
    with pytest.raises(StagingError, match="not JSON"):
        transfer.read_json(services, f"{BUCKET}/bad")


def test_bucket_must_exist_in_the_region(services: Services) -> None:
    transfer.check_bucket(services, f"{BUCKET}/x", "us-east-1")
    with pytest.raises(StagingError, match="no bucket nowhere"):
        transfer.check_bucket(services, "s3://nowhere/x", "us-east-1")
    services.s3.create_bucket(
        Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with pytest.raises(StagingError, match="eu-west-1"):
        transfer.check_bucket(services, "s3://elsewhere", "us-east-1")


@pytest.mark.parametrize("uri", ["bucket/key", "s3:/x", "s3://", "http://x/y"])
def test_not_a_uri(uri: str) -> None:
    with pytest.raises(StagingError, match="not an S3 URI"):
        transfer.split_uri(uri)
