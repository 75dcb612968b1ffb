"""A result is taken from where its run left it, as long as it is the same here and there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.transfer import Download, list_prefix
from snakemake_executor_omics.files.archive import archive_directory
from snakemake_executor_omics.files.exported import Exported, exports_of, still_there
from snakemake_executor_omics.files.incoming import archive_beside
from snakemake_executor_omics.files.place import deliver
from snakemake_executor_omics.files.upload import input_state
from snakemake_executor_omics.model import JobKey, OutputFile, OutputKind, Step, Task, Wave
from snakemake_executor_omics.runs.journal import Journal

KEY = JobKey("make", (), ("out.txt", "dir"))
OUTPUTS = (OutputFile("out.txt"), OutputFile("dir", OutputKind.DIRECTORY))
TASK = Task(
    key=KEY,
    layers=((Step(key=KEY, command="", outputs=OUTPUTS, logs=("out.log",)),),),
    container="x",
)
WAVE = Wave((TASK,))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def results(services: Services, project: Path) -> list[Download]:
    """What a run exported, and what of it was delivered."""
    made = project.parent / "made"
    made.mkdir()
    (made / "x").write_text("x")
    archive_directory(project.parent / "dir.tar", made)
    services.s3.create_bucket(Bucket="bucket")
    for name, data in {
        "out.txt": b"result",
        "dir.tar": (project.parent / "dir.tar").read_bytes(),
        "out.log": b"said",
    }.items():
        services.s3.put_object(Bucket="bucket", Key=f"p/runs/1/{name}", Body=data)
    places = {"out.txt": "out.txt", "dir.tar": archive_beside("dir"), "out.log": "out.log"}
    results = [
        Download(item.uri, Path(places[item.uri.rpartition("/")[2]]), item)
        for item in list_prefix(services, "s3://bucket/p/runs/1/")
    ]
    deliver(services, WAVE, {KEY}, results, project, None, print, print)
    return results


@pytest.fixture
def exports(project: Path, results: list[Download]) -> list[Exported]:
    return exports_of(WAVE, {KEY}, results, project)


def test_a_result_is_read_from_where_its_run_left_it(
    services: Services, project: Path, exports: list[Exported]
) -> None:
    found = still_there(services, exports, project, "s3://bucket/p")
    assert {path: item.uri for path, item in found.items()} == {
        "out.txt": "s3://bucket/p/runs/1/out.txt",
        "dir": "s3://bucket/p/runs/1/dir.tar",
    }
    assert still_there(services, exports, project, "s3://bucket/other") == {}


def test_many_results_are_found_by_one_listing(services: Services, tmp_path: Path) -> None:
    services.s3.create_bucket(Bucket="bucket")
    exports = []
    for number in range(52):
        name = f"{number}"
        (tmp_path / name).write_text(name)
        uri = f"s3://bucket/p/runs/1/{name}"
        made = services.s3.put_object(Bucket="bucket", Key=f"p/runs/1/{name}", Body=name.encode())
        state = input_state(tmp_path / name).text
        exports.append(Exported(name, state, uri, made["ETag"].strip('"')))
    services.s3.put_object(Bucket="bucket", Key="p/runs/1/0", Body=b"?")
    services.s3.delete_object(Bucket="bucket", Key="p/runs/1/1")
    asked: list[str] = []
    services.s3.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    found = still_there(services, exports, tmp_path, "s3://bucket/p")
    assert sorted(found, key=int) == [f"{number}" for number in range(2, 52)]
    assert asked == ["ListObjectsV2"]


def _write(path: Path, text: str) -> None:
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda folder: _write(folder / "out.txt", "edited"), {"dir"}),
        (lambda folder: (folder / "out.txt").unlink(), {"dir"}),
        (lambda folder: _write(folder / "dir/x", "y"), {"out.txt"}),
        (lambda folder: (folder / "dir/more").write_text(""), {"out.txt"}),
    ],
)
def test_what_was_changed_here_is_sent(
    services: Services,
    project: Path,
    exports: list[Exported],
    change: Callable[[Path], object],
    left: set[str],
) -> None:
    change(project)
    assert still_there(services, exports, project, "s3://bucket/p").keys() == left


def test_what_was_changed_or_removed_there_is_sent(
    services: Services, project: Path, exports: list[Exported]
) -> None:
    services.s3.put_object(Bucket="bucket", Key="p/runs/1/out.txt", Body=b"of another run")
    services.s3.delete_object(Bucket="bucket", Key="p/runs/1/dir.tar")
    services.s3.put_object(Bucket="bucket", Key="p/runs/1/dir.tar/below", Body=b"")
    assert still_there(services, exports, project, "s3://bucket/p") == {}


def test_a_file_system_of_whole_seconds_is_not_trusted(
    project: Path, results: list[Download]
) -> None:
    os.utime(project / "out.txt", (1_700_000_000, 1_700_000_000))
    assert [item.path for item in exports_of(WAVE, {KEY}, results, project)] == ["dir"]


def test_the_journal_keeps_what_is_asked_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    first = [Exported(f"{n}", "state", f"s3://bucket/{n}", "etag") for n in range(1000)]
    journal.remember_exports(first)
    newer = Exported("7", "state", "s3://bucket/newer", "etag")
    journal.remember_exports([newer])
    journal.close()
    journal = Journal(tmp_path / "journal.sqlite")
    assert journal.exports({"7", "8", "none"}) == [first[8], newer]
    journal.close()
