"""Results from S3, against moto: few requests, and nothing of a user's is lost."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.transfer import Download, list_prefix
from snakemake_executor_omics.files.archive import archive_directory, unpack_directory
from snakemake_executor_omics.files.download import fetch, keep_newer

HOUR = timedelta(hours=1)


class Run:
    """A run's output in S3, the folder that it lands in, and what was asked and said."""

    def __init__(self, services: Services, folder: Path, **files: bytes) -> None:
        services.s3.create_bucket(Bucket="results")
        for name, data in files.items():
            services.s3.put_object(Bucket="results", Key=f"run/{name}", Body=data)
        self.services, self.folder = services, folder
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
        fetch(self.services, downloads, self.created, lambda line: None, self.warned.append)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


def test_what_is_here_is_not_fetched_again(services: Services, tmp_path: Path) -> None:
    run = Run(services, tmp_path, small=b"1", large=b"2" * (17 << 20), empty=b"")
    run.land()
    assert "HeadObject" not in run.requests
    assert run.files() == {"small": b"1", "large": b"2" * (17 << 20), "empty": b""}
    (tmp_path / "small").unlink()  # the head died before it had all
    run.land()
    assert run.requests == ["ListObjectsV2", "GetObject"]
    assert run.files()["small"] == b"1"


def test_a_file_that_a_user_changed_meanwhile_is_kept(services: Services, tmp_path: Path) -> None:
    run = Run(services, tmp_path, changed=b"run", same=b"run", old=b"run")
    for name, data in {"changed": b"mine", "same": b"run", "old": b"older"}.items():
        (tmp_path / name).write_bytes(data)
    before = (run.created - HOUR).timestamp()
    os.utime(tmp_path / "old", (before, before))
    run.land()
    assert run.files() == {
        "changed": b"run",
        "changed.omics-kept": b"mine",
        "same": b"run",
        "old": b"run",
    }
    assert len(run.warned) == 1
    assert "changed.omics-kept" in run.warned[0]
    os.utime(tmp_path / "changed")  # landed and dated, but the head died before it was told
    run.land()
    (tmp_path / "changed").write_bytes(b"mine again")
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
