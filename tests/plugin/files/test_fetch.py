"""Results from S3, against moto: few requests, and nothing of a user's is lost."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.transfer import Download, list_prefix
from snakemake_executor_omics.errors import ServiceError, StagingError
from snakemake_executor_omics.files import download
from snakemake_executor_omics.files.archive import archive_directory, archive_name, unpack_directory
from snakemake_executor_omics.files.download import fetch, keep_newer

HOUR = timedelta(hours=1)


class Run:
    """A run's output in S3, the folder that it lands in, and what was asked and said."""

    def __init__(self, services: Services, folder: Path, **files: bytes) -> None:
        services.s3.create_bucket(Bucket="results")
        for name, data in files.items():
            services.s3.put_object(Bucket="results", Key=f"run/{name}", Body=data)
        self.services, self.folder = services, folder
        self.incoming = folder.with_name("incoming")
        self.created = datetime.now(UTC) - HOUR
        self.requests: list[str] = []
        self.warned: list[str] = []
        services.s3.meta.events.register("before-call.s3", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        self.requests.append(model.name)

    def land(self) -> None:
        self.requests.clear()
        found = list_prefix(self.services, "s3://results/run/")
        downloads = [Download(it.uri, self.folder / it.uri.rsplit("/")[-1], it) for it in found]
        fetch(
            self.services,
            downloads,
            self.incoming,
            self.created,
            lambda line: None,
            self.warned.append,
        )

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_what_is_here_is_not_fetched_again(services: Services, folder: Path) -> None:
    run = Run(services, folder, small=b"1", large=b"2" * (17 << 20), empty=b"")
    run.land()
    assert "HeadObject" not in run.requests
    assert run.files() == {"small": b"1", "large": b"2" * (17 << 20), "empty": b""}
    (folder / "small").unlink()  # the head died before it had all
    run.land()
    assert run.requests == ["ListObjectsV2", "GetObject"]
    assert run.files()["small"] == b"1"


def test_what_has_the_content_already_is_not_fetched(services: Services, folder: Path) -> None:
    run = Run(services, folder, same=b"run", other=b"run", linked=b"run")
    (folder / "same").write_bytes(b"run")  # of an earlier run, dated since
    (folder / "other").write_bytes(b"won")
    (folder.parent / "elsewhere").write_bytes(b"run")
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    run.land()
    assert run.requests == ["ListObjectsV2", "GetObject", "GetObject"]
    assert run.files()["other"] == b"run"
    assert not (folder / "linked").is_symlink()  # it would be dated, and is a user's


def test_a_body_that_breaks_off_is_read_again(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(services, folder, out=b"run")
    read = StreamingBody.read
    breaks = iter([True, True])

    def broken(body: Any, **size: Any) -> bytes:
        if next(breaks, False):
            raise IncompleteReadError(actual_bytes=1, expected_bytes=3)
        data: bytes = read(body, **size)
        return data

    monkeypatch.setattr(StreamingBody, "read", broken)
    run.land()
    assert run.files() == {"out": b"run"}
    assert run.requests.count("GetObject") == 3


def test_a_file_that_a_user_changed_meanwhile_is_kept(services: Services, folder: Path) -> None:
    run = Run(services, folder, changed=b"run", same=b"run", old=b"run")
    for name, data in {"changed": b"mine", "same": b"run", "old": b"older"}.items():
        (folder / name).write_bytes(data)
    before = (run.created - HOUR).timestamp()
    os.utime(folder / "old", (before, before))
    run.land()
    assert run.files() == {
        "changed": b"run",
        "changed.omics-kept": b"mine",
        "same": b"run",
        "old": b"run",
    }
    assert len(run.warned) == 1
    assert "changed.omics-kept" in run.warned[0]
    os.utime(folder / "changed")  # landed and dated, but the head died before it was told
    run.land()
    (folder / "changed").write_bytes(b"mine again")
    run.land()
    assert run.files()["changed.omics-kept2"] == b"mine again"
    assert len(run.warned) == 2


@pytest.mark.parametrize("changed", [False, True])
def test_a_directory_that_a_user_changed_meanwhile_is_kept(tmp_path: Path, changed: bool) -> None:
    made, place = tmp_path / "made", tmp_path / "place"
    for folder in (made, place):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub/x").write_text("x")
    archive_directory(tmp_path / "x.tar", made)
    if changed:
        (place / "notes.txt").write_text("mine")
    warned: list[str] = []
    since = datetime.now(UTC) - HOUR
    unpack_directory(
        tmp_path / "x.tar", place, lambda fresh: keep_newer(place, fresh, since, warned.append)
    )
    assert [path.name for path in place.iterdir()] == ["sub"]
    assert (tmp_path / "place.omics-kept").exists() == bool(warned) == changed


@pytest.mark.parametrize("name", ["n" * 215, "n" * 247 + ".txt", "n" * 255, "ü" * 127, "名" * 85])
def test_a_long_name_is_a_name(services: Services, folder: Path, name: str) -> None:
    run = Run(services, folder, **{name: b"run"})
    (folder / name).write_bytes(b"mine")
    run.land()
    assert (folder / name).read_bytes() == b"run"
    (kept,) = (path for path in folder.iterdir() if path.name != name)
    assert kept.read_bytes() == b"mine"
    assert kept.name.endswith(".omics-kept")
    made = folder.parent / "made"
    made.mkdir()
    (made / "x").write_text("x")
    assert len(archive_name(name).encode()) <= 255
    archive_directory(folder.parent / "x.tar", made)
    unpack_directory(folder.parent / "x.tar", folder.parent / "into" / name)
    assert (folder.parent / "into" / name / "x").read_text() == "x"


@pytest.mark.parametrize("wrong", [{"etag": "0" * 32}, {"size": 4}])
def test_what_is_not_what_s3_lists_is_no_result(
    services: Services, folder: Path, wrong: dict[str, Any]
) -> None:
    run = Run(services, folder, out=b"run")
    (folder / "out").write_bytes(b"older")
    (listed,) = list_prefix(services, "s3://results/run/")
    item = Download(listed.uri, folder / "out", replace(listed, **wrong))
    with pytest.raises((StagingError, ServiceError), match=r"fetch|not what S3 lists"):
        fetch(services, [item], run.incoming, None, print, print)
    assert (folder / "out").read_bytes() == b"older"
    assert not any(run.incoming.iterdir())


def test_an_etag_under_kms_tells_nothing(services: Services, folder: Path) -> None:
    run = Run(services, folder)
    services.s3.put_object(
        Bucket="results", Key="run/out", Body=b"run", ServerSideEncryption="aws:kms"
    )
    (listed,) = list_prefix(services, "s3://results/run/")
    item = Download(listed.uri, folder / "out", replace(listed, etag="0" * 32))

    def ask_for_any(params: Any, **_: Any) -> None:
        params["headers"].pop("If-Match", None)

    services.s3.meta.events.register("before-call.s3.GetObject", ask_for_any)
    fetch(services, [item], run.incoming, None, print, print)
    assert run.files() == {"out": b"run"}


def test_a_head_that_dies_leaves_whole_files_only(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(services, folder, **{f"f{number}": b"new" * number for number in range(9)})
    for number in range(9):
        (folder / f"f{number}").write_bytes(b"old")
        os.utime(folder / f"f{number}", (0, 0))
    moved: list[Path] = []

    def die(place: Path, *_: Any) -> None:
        moved.append(place)
        if len(moved) == 4:
            raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(download, "keep_newer", die)
        with pytest.raises(SystemExit):
            run.land()
    for name, data in run.files().items():
        assert data in (b"old", b"new" * int(name[1]))
    # s3transfer's own unfinished file, as after a kill.
    (left, *_) = (path for path in run.incoming.iterdir())
    left.with_name(f"{left.name}.a1B2c3D4").write_bytes(b"ne")
    run.land()
    assert run.files() == {f"f{number}": b"new" * number for number in range(9)}
    assert run.requests.count("GetObject") <= 5
    assert not any(run.incoming.iterdir())


@pytest.mark.parametrize("size", [3_000, 3_000_000])
def test_a_full_disk_leaves_what_was_there(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    run = Run(services, folder, out=b"x" * size)
    (folder / "out").write_bytes(b"older")
    os.utime(folder / "out", (0, 0))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        return open("/dev/full" if mode == "wb" else path, mode, *more, **named)

    monkeypatch.setattr("pathlib.Path.open", opened)
    monkeypatch.setattr("s3transfer.download.IOWriteTask._main", full)
    monkeypatch.setattr("s3transfer.download.ImmediatelyWriteIOGetObjectTask._handle_io", full)
    with pytest.raises(StagingError, match="No space left on device\nhint: make room"):
        run.land()
    assert run.files() == {"out": b"older"}
    assert not any(run.incoming.iterdir())
