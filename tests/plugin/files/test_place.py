"""Results come to where Snakemake looks, none older than what it was made from; against moto."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.transfer import Download, list_prefix
from snakemake_executor_omics.files import place
from snakemake_executor_omics.files.archive import TIMESTAMP, archive_directory
from snakemake_executor_omics.files.incoming import archive_beside, executables_list
from snakemake_executor_omics.files.place import deliver
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, OutputKind, Step, Task, Wave

_SINCE = datetime.now(UTC) - timedelta(hours=1)


def _task(
    name: str, *inputs: FileRef, kind: OutputKind = OutputKind.FILE, s3: bool = False
) -> Task:
    step = Step(
        key=JobKey(name, (), (name,)),
        command="true",
        outputs=(OutputFile(name, kind),),
        logs=(f"{name}.log",),
    )
    targets = {name: f"s3://data/{name}"} if s3 else {}
    return Task(
        key=step.key, layers=((step,),), inputs=inputs, s3_targets=targets, container="debian:12"
    )


@dataclass
class _Run:
    services: Services
    folder: Path
    said: list[str] = field(default_factory=list)
    results: list[Download] = field(default_factory=list)

    def left(self, path: str, body: bytes) -> None:
        """A result of the run, for `path` of the project."""
        number = len(self.results)
        self.services.s3.put_object(Bucket="runs", Key=f"7/out/{number}", Body=body)
        (listed,) = list_prefix(self.services, f"s3://runs/7/out/{number}")
        self.results.append(Download(listed.uri, Path(path), listed))

    def deliver(self, *tasks: Task, done: tuple[Task, ...] | None = None) -> None:
        keys = [task.key for task in (tasks if done is None else done)]
        say = self.said.append
        deliver(self.services, Wave(tasks), keys, self.results, self.folder, _SINCE, say, say)

    def objects(self) -> list[str]:
        return [item.uri for item in list_prefix(self.services, "s3://data/")]


@pytest.fixture
def run(services: Services, tmp_path: Path) -> _Run:
    for bucket in ("runs", "data"):
        services.s3.create_bucket(Bucket=bucket)
    (tmp_path / "project").mkdir()
    return _Run(services, tmp_path / "project")


def test_no_result_is_older_than_what_it_was_made_from(run: _Run) -> None:
    first = _task("a")
    second = _task("b", FileRef("a", first.key))
    for name in ("b", "a"):  # whatever the order in which they come
        run.left(name, name.encode())
    run.deliver(first, second)
    times = [(run.folder / name).stat().st_mtime_ns for name in "ab"]
    assert times == sorted(times)
    assert (run.folder / "b").read_bytes() == b"b"


def test_of_a_job_that_is_not_done_only_the_log_comes(run: _Run) -> None:
    task = _task("a")
    run.left("a.log", b"why")
    run.deliver(task, done=())
    assert (run.folder / "a.log").read_bytes() == b"why"
    assert not (run.folder / "a").exists()


def test_a_directory_is_unpacked_and_its_archive_is_gone(run: _Run, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("1")
    archive_directory(tmp_path / "d.tar", tmp_path / "d")
    run.left(archive_beside("d"), (tmp_path / "d.tar").read_bytes())
    run.deliver(_task("d", kind=OutputKind.DIRECTORY))
    assert sorted(path.name for path in (run.folder / "d").iterdir()) == [TIMESTAMP, "x"]
    assert not (run.folder / archive_beside("d")).exists()


def test_results_may_lie_in_a_directory_that_is_a_result(run: _Run, tmp_path: Path) -> None:
    for name in ("d/list", "d/sub/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("d", "d/sub"):
        archive_directory(tmp_path / "archive", tmp_path / name)
        run.left(archive_beside(name), (tmp_path / "archive").read_bytes())
    run.left("d/list", b"d/list")
    run.left("d/later.log", b"of a job that reads the directory")
    inner, outer = _task("d/sub", kind=OutputKind.DIRECTORY), _task("d", kind=OutputKind.DIRECTORY)
    run.deliver(inner, outer, _task("d/list"), _task("d/later"), done=(inner, outer))
    assert {path.name for path in (run.folder / "d").rglob("*") if path.is_file()} == {
        *("list", "later.log", "x", TIMESTAMP)
    }
    assert not any("omics-kept" in line for line in run.said)


def test_what_a_user_put_into_a_directory_meanwhile_is_kept(run: _Run, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    archive_directory(tmp_path / "archive", tmp_path / "d")
    run.left(archive_beside("d"), (tmp_path / "archive").read_bytes())
    run.left("d/brought.log", b"")
    (run.folder / "d").mkdir()
    (run.folder / "d/notes").write_text("mine")
    run.deliver(_task("d", kind=OutputKind.DIRECTORY), _task("d/brought"))
    assert [path.name for path in (run.folder / "d.omics-kept").iterdir()] == ["notes"]
    assert (run.folder / "d/brought.log").exists()


def test_programs_among_the_results_can_be_run(run: _Run) -> None:
    task = _task("tool")
    run.left("tool", b"#!/bin/sh\n")
    run.left(executables_list(task.key), b"tool\nother\n")
    run.deliver(task)
    assert os.access(run.folder / "tool", os.X_OK)
    assert not (run.folder / executables_list(task.key)).exists()


def test_what_belongs_in_s3_is_copied_there_and_nothing_comes_here(
    run: _Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "clock", lambda services, uri: 1_000_000_000)
    run.left("a", b"1")
    run.left("b", b"2")
    run.deliver(_task("a", s3=True), _task("b"))
    assert run.objects() == ["s3://data/a"]
    assert not (run.folder / "a").exists()
    assert "omics: 1 results copied inside S3" in run.said
    # What comes here is dated by the clock of what does not.
    assert (run.folder / "b").stat().st_mtime == 1_000_000_000


def test_a_directory_that_belongs_in_s3_is_unpacked_there(run: _Run, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("1")
    archive_directory(tmp_path / "d.tar", tmp_path / "d")
    run.left(archive_beside("d"), (tmp_path / "d.tar").read_bytes())
    run.deliver(_task("d", kind=OutputKind.DIRECTORY, s3=True))
    assert run.objects() == [f"s3://data/d/{TIMESTAMP}", "s3://data/d/x"]
    assert not (run.folder / "d").exists()


def test_what_a_user_wrote_meanwhile_is_kept(run: _Run) -> None:
    (run.folder / "a").write_text("theirs")
    run.left("a", b"ours")
    run.deliver(_task("a"))
    assert (run.folder / "a").read_text() == "ours"
    assert (run.folder / "a.omics-kept").read_text() == "theirs"
    assert any("a.omics-kept" in line for line in run.said)


def _chain(kind: OutputKind = OutputKind.FILE, *, s3: bool = False) -> tuple[Task, Task]:
    """A job whose only reader is in the same run, and that one."""
    made = _task("a", kind=kind, s3=s3)
    last = _task("b", FileRef("a", made.key, kind is OutputKind.DIRECTORY))
    output = OutputFile("a", kind, readers=(last.key,))
    return replace(made, layers=((replace(made.steps[0], outputs=(output,)),),)), last


def test_nothing_stands_where_a_result_stayed_in_the_run(run: _Run) -> None:
    run.left("b", b"b")
    run.deliver(*_chain())
    assert sorted(path.name for path in run.folder.iterdir() if path.name[0] != ".") == ["b"]


@pytest.mark.parametrize("kind", [OutputKind.FILE, OutputKind.DIRECTORY])
def test_what_an_earlier_run_left_of_such_a_result_is_gone(run: _Run, kind: OutputKind) -> None:
    old = run.folder / "a" if kind is OutputKind.FILE else run.folder / "a/x"
    old.parent.mkdir(exist_ok=True)
    old.write_text("of an earlier run")
    os.utime(old, (1, 1))
    run.left("b", b"b")
    run.deliver(*_chain(kind))
    assert not (run.folder / "a").exists()
    assert not run.said[1:]


def test_what_a_user_put_there_meanwhile_is_kept_beside(run: _Run) -> None:
    (run.folder / "a").write_text("mine")
    run.left("b", b"b")
    run.deliver(*_chain())
    assert not (run.folder / "a").exists()
    assert (run.folder / "a.omics-kept").read_text() == "mine"


def test_of_a_job_that_is_not_done_nothing_is_removed(run: _Run) -> None:
    (run.folder / "a").write_text("mine")
    run.deliver(*_chain(), done=())
    assert (run.folder / "a").read_text() == "mine"


@pytest.mark.parametrize("key", ["a", "a/x"])
def test_nothing_of_an_earlier_run_is_left_in_s3_either(
    run: _Run, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "clock", lambda services, uri: 1_000_000_000)
    for name in (key, "other"):
        run.services.s3.put_object(Bucket="data", Key=name, Body=b"old")
    run.left("b", b"b")
    kind = OutputKind.FILE if key == "a" else OutputKind.DIRECTORY
    run.deliver(*_chain(kind, s3=True))
    assert run.objects() == ["s3://data/other"]


def test_such_a_result_that_a_job_still_needs_comes_as_any_other(run: _Run) -> None:
    run.left("a", b"a")
    chain = _chain()
    run.deliver(*chain, done=chain[:1])
    assert (run.folder / "a").read_bytes() == b"a"
