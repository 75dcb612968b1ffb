"""Where a run left its files, under every reading of the service's documents."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.stub import Stubber
from said import Said

from snakemake_executor_omics.aws.records import Run, RunStatus, RunTask, TaskStatus
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.compile import WORKFLOW, task_name
from snakemake_executor_omics.errors import StagingError
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.runs.courtesy import Courtesy
from snakemake_executor_omics.runs.results import exported, kept

UUID = "0a1b2c3d-0000-4000-8000-000000000001"
RUN = Run(
    id="77", status=RunStatus.COMPLETED, output_uri="s3://results/runs/77", cache_id="5",
    created=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


def _task(name: str, *, needs: Task | None = None, may_fail: bool = False) -> Task:
    key = JobKey(name, (), (f"{name}.txt",))
    step = Step(key=key, command="", outputs=(OutputFile(f"{name}.txt"),), logs=(f"{name}.log",))
    inputs = (FileRef(f"{needs.key.rule}.txt", needs.key),) if needs else ()
    return Task(key=key, layers=((step,),), inputs=inputs, container="x", may_fail=may_fail)


A = _task("a")
B = _task("b")
C = _task("c", needs=B)
DONE = RunTask(id="t1", name=task_name(A.key), status=TaskStatus.COMPLETED)


@pytest.fixture
def s3(services: Services) -> Services:
    services.s3.create_bucket(Bucket="results")
    return services


def _put(services: Services, *keys: str, body: bytes = b"x") -> None:
    for key in keys:
        services.s3.put_object(Bucket="results", Key=key, Body=body)


def _summary(services: Services, **outputs: object) -> None:
    named = {f"{WORKFLOW}.{name}": value for name, value in outputs.items()}
    _put(services, "runs/77/logs/outputs.json", body=json.dumps(named).encode())


def _paths(found: object) -> list[str]:
    assert found is not None
    return [f"{item.uri} -> {item.path}" for item in found]  # type: ignore[attr-defined]


def test_the_summary_of_a_completed_run_tells_its_files_and_logs(s3: Services) -> None:
    name = task_name(A.key)
    _put(s3, "runs/77/out/x/0/a.txt", "runs/77/out/y/0/a.log")
    _summary(
        s3,
        **{
            f"{name}_files": ["s3://results/runs/77/out/x/0/a.txt"],
            f"{name}_logs": ["s3://results/runs/77/out/y/0/a.log"],
        },
    )
    export = exported(s3, RUN, Wave((A,)))
    assert _paths(export.downloads[A.key]) == [
        "s3://results/runs/77/out/x/0/a.txt -> a.txt",
        "s3://results/runs/77/out/y/0/a.log -> a.log",
    ]


@pytest.mark.parametrize("summary", [None, b"<html>", b"[]", b'{"other": 1}'])
def test_without_a_summary_the_layout_tells_the_files(s3: Services, summary: bytes | None) -> None:
    if summary is not None:
        _put(s3, "runs/77/logs/outputs.json", body=summary)
    name = task_name(A.key)
    _put(s3, f"runs/77/out/{name}_files/0/a.txt", f"runs/77/out/{name}_logs/0/a.log")
    assert len(exported(s3, RUN, Wave((A,))).downloads[A.key]) == 2


def test_a_file_that_the_summary_tells_and_is_not_there_is_lost(s3: Services) -> None:
    _summary(s3, **{f"{task_name(A.key)}_files": ["s3://results/runs/77/out/x/0/a.txt"]})
    assert A.key not in exported(s3, RUN, Wave((A,))).downloads


def test_a_caught_failure_has_a_code_and_its_logs_and_what_it_left_out_has_none(
    s3: Services,
) -> None:
    broken = _task("a", may_fail=True)
    below = _task("b", needs=broken)
    _put(s3, "runs/77/out/y/0/a.log")
    name = task_name(broken.key)
    _summary(
        s3,
        **{
            f"{name}_files": None,
            f"{name}_code": 3,
            f"{name}_logs": ["s3://results/runs/77/out/y/0/a.log"],
            f"{task_name(below.key)}_files": None,
        },
    )
    export = exported(s3, RUN, Wave((broken, below)))
    assert export.codes == {broken.key: 3, below.key: None}
    assert [item.path for item in export.downloads[broken.key]] == [Path("a.log")]


def test_of_a_pack_each_job_has_its_own_end(s3: Services) -> None:
    wave = Wave((A, B, C), ((A.key, B.key, C.key),))
    _put(s3, f"runs/77/out/{task_name(A.key)}_files/0/a.txt")
    codes = zip((A, B, C), (0, 3, -1), strict=True)
    _summary(s3, **{f"{task_name(task.key)}_code": code for task, code in codes})
    export = exported(s3, RUN, wave)
    assert [item.path for item in export.downloads[A.key]] == [Path("a.txt")]
    assert export.codes == {B.key: 3, C.key: None}  # the last was left out
    assert not export.postponed


def test_of_a_pack_each_job_has_its_own_time_and_some_are_left_to_another_task(
    s3: Services,
) -> None:
    wave = Wave((A, B, C), ((A.key, B.key, C.key),))
    _put(s3, f"runs/77/out/{task_name(A.key)}_files/0/a.txt")
    a, b, c = (task_name(task.key) for task in wave.tasks)
    codes = {f"{a}_code": 0, f"{b}_code": -2, f"{c}_code": -1}
    _summary(s3, **codes, **{f"{a}_seconds": 7, f"{b}_seconds": 0, f"{c}_seconds": 0})
    export = exported(s3, RUN, wave)
    assert (export.codes, export.postponed) == ({B.key: None, C.key: None}, {B.key})
    assert export.seconds[A.key] == 7


def test_a_run_that_does_not_say_where_it_wrote_is_an_error(s3: Services) -> None:
    with pytest.raises(StagingError, match="no output URI"):
        exported(s3, Run(id="77", status=RunStatus.COMPLETED), Wave((A,)))


# --- temporary files that only jobs of the run read ------------------------------------------


def _chain(*, may_fail: bool) -> Wave:
    """Three jobs, the files of the first two being temporary."""
    first, second, third = (_task(name, may_fail=may_fail) for name in ("a", "b", "c"))
    tasks = [first]
    for before, task in ((first, second), (second, third)):
        output = OutputFile(before.steps[0].outputs[0].path, readers=(task.key,))
        step = replace(before.steps[0], outputs=(output,))
        tasks[-1] = replace(tasks[-1], layers=((step,),))
        tasks.append(replace(task, inputs=(FileRef(output.path, before.key),)))
    return Wave(tuple(tasks))


def _names(wave: Wave) -> list[str]:
    return [task_name(task.key) for task in wave.tasks]


def test_a_temporary_file_stays_in_a_run_whose_jobs_are_all_done(s3: Services) -> None:
    wave = _chain(may_fail=False)
    assert wave.internal == {"a.txt", "b.txt"}
    a, b, c = _names(wave)
    _put(s3, "runs/77/out/x/0/c.txt")
    _summary(
        s3,
        **{
            f"{a}_files": [],
            f"{b}_files": [],
            f"{c}_files": ["s3://results/runs/77/out/x/0/c.txt"],
        },
    )
    export = exported(s3, RUN, wave)
    assert [list(map(str, (d.path for d in found))) for found in export.downloads.values()] == [
        [], [], ["c.txt"],
    ]  # fmt: skip
    assert not export.codes


def test_a_temporary_file_comes_if_the_job_that_reads_it_failed(s3: Services) -> None:
    wave = _chain(may_fail=True)
    a, b, c = _names(wave)
    _put(s3, "runs/77/out/x/0/b.txt")
    _summary(
        s3,
        **{
            f"{a}_files": [], f"{a}_temporary": None, f"{a}_code": 0,
            f"{b}_files": [], f"{b}_temporary": ["s3://results/runs/77/out/x/0/b.txt"],
            f"{b}_code": 0, f"{c}_files": None, f"{c}_code": 3,
        },
    )  # fmt: skip
    export = exported(s3, RUN, wave)
    first, second, third = wave.tasks
    assert export.downloads[first.key] == []
    assert _paths(export.downloads[second.key]) == ["s3://results/runs/77/out/x/0/b.txt -> b.txt"]
    assert export.codes == {third.key: 3}


def test_a_job_whose_file_is_still_needed_and_nowhere_is_lost(s3: Services) -> None:
    wave = _chain(may_fail=True)
    a, b, c = _names(wave)
    _summary(
        s3,
        **{f"{name}_files": [] for name in (a, b)},
        **{f"{c}_files": None, f"{c}_code": 3},
    )
    export = exported(s3, RUN, wave)
    # Nor is the one that it was made from: both are to run again.
    assert list(export.downloads) == [wave.tasks[2].key]
    assert export.codes == {wave.tasks[2].key: 3}


@pytest.mark.parametrize("failed", [False, True])
def test_without_a_summary_a_job_is_done_whose_files_others_were_made_from(
    s3: Services, failed: bool
) -> None:
    wave = _chain(may_fail=True)
    _, b, c = _names(wave)
    _put(s3, f"runs/77/out/{b}_temporary/0/b.txt" if failed else f"runs/77/out/{c}_files/0/c.txt")
    export = exported(s3, RUN, wave)
    assert set(export.codes) == ({wave.tasks[2].key} if failed else set())
    assert [len(export.downloads[task.key]) for task in wave.tasks[:2]] == [0, int(failed)]


# --- the run cache -------------------------------------------------------------------------


def _cache(omics: Stubber, location: str) -> None:
    answer = {"id": "5", "arn": "arn", "status": "ACTIVE", "cacheS3Uri": location}
    answer["arn"] = "arn:aws:omics:us-east-1:123456789012:runCache/5"
    omics.add_response("get_run_cache", answer, {"id": "5"})


@pytest.mark.parametrize(
    ("location", "folder"),
    [
        ("s3://results/cache", f"cache/{UUID}/77/t1/entry"),
        (f"s3://results/cache/{UUID}/", f"cache/{UUID}/77/t1/entry"),
        ("s3://results/cache", "cache/77/t1/entry"),
        # `out` in the key's prefix
        ("s3://results/out/cache/", f"out/cache/{UUID}/77/t1/entry"),
    ],
)
def test_a_finished_job_of_a_failed_run_is_found_below_the_caches_location(
    s3: Services, omics: Stubber, location: str, folder: str
) -> None:
    _cache(omics, location)
    _put(s3, f"{folder}/out/files/0/a.txt", f"{folder}/out/logs/0/a.log", f"{folder}/entry.json")
    _put(s3, f"cache/{UUID}/78/t1/entry/out/files/0/a.txt")  # of another run
    said = Said()
    found = kept(s3, RUN, Wave((A,)), {A.key: DONE}, Courtesy(said))
    assert _paths(found.downloads[A.key]) == [
        f"s3://results/{folder}/out/files/0/a.txt -> a.txt",
        f"s3://results/{folder}/out/logs/0/a.log -> a.log",
    ]
    assert said.lines == []


def test_the_entry_that_a_task_names_is_taken_without_looking_for_it(
    s3: Services, omics: Stubber
) -> None:
    _put(s3, "out/elsewhere/entry/out/files/0/a.txt")
    hit = RunTask(
        id="t1", name=DONE.name, status=TaskStatus.COMPLETED, cache_hit=True,
        cache_s3_uri="s3://results/out/elsewhere/entry",
    )  # fmt: skip
    assert A.key in kept(s3, RUN, Wave((A,)), {A.key: hit}, Courtesy(Said())).downloads


def test_a_job_without_all_its_files_is_in_no_entry(s3: Services, omics: Stubber) -> None:
    _cache(omics, "s3://results/cache")
    _put(s3, "cache/77/t1/entry/out/logs/0/a.log")
    assert kept(s3, RUN, Wave((A,)), {A.key: DONE}, Courtesy(Said())).downloads == {}


def test_what_finished_jobs_of_a_pack_made_is_in_its_entry_by_their_numbers(
    s3: Services, omics: Stubber
) -> None:
    """One that failed there has not lost its results: it has none."""
    wave = Wave((A, B), ((A.key, B.key),))
    _cache(omics, "s3://results/cache")
    _put(s3, "cache/77/t1/entry/out/files_2/0/b.txt", "cache/77/t1/entry/out/logs_2/0/b.log")
    found = kept(s3, RUN, wave, {A.key: DONE, B.key: DONE}, Courtesy(Said()), goes_on=False)
    assert [str(item.path) for item in found.downloads[B.key]] == ["b.txt", "b.log"]
    assert found.codes == {A.key: None}


def test_a_run_without_a_cache_has_kept_nothing_and_nobody_is_asked(
    s3: Services, omics: Stubber
) -> None:
    run = Run(id="77", status=RunStatus.FAILED)
    assert kept(s3, run, Wave((A,)), {A.key: DONE}, Courtesy(Said())).downloads == {}


def test_the_right_that_is_missing_is_said_once_and_the_work_goes_on(
    s3: Services, omics: Stubber
) -> None:
    said = Said()
    courtesy = Courtesy(said)
    for _ in range(2):
        omics.add_client_error("get_run_cache", "AccessDeniedException", http_status_code=403)
        assert kept(s3, RUN, Wave((A,)), {A.key: DONE}, courtesy).downloads == {}
    (line,) = said.lines
    assert "omics:GetRunCache" in line


def _rows(wave: Wave) -> dict[JobKey, RunTask]:
    return {
        task.key: RunTask(id=f"t{number}", name=task.key.rule, status=TaskStatus.COMPLETED)
        for number, task in enumerate(wave.tasks, 1)
    }


@pytest.mark.parametrize(("goes_on", "wanted"), [(True, ["b.txt"]), (False, [])])
def test_of_a_failed_run_a_temporary_file_comes_that_snakemake_goes_on_with(
    s3: Services, omics: Stubber, goes_on: bool, wanted: list[str]
) -> None:
    wave = _chain(may_fail=False)
    _cache(omics, "s3://results/cache")
    for number, name in enumerate("abc", 1):
        _put(s3, f"cache/77/t{number}/entry/out/files/0/{name}.txt")
    *done, last = wave.tasks
    rows = {key: row for key, row in _rows(wave).items() if key != last.key}
    found = kept(s3, RUN, wave, rows, Courtesy(Said()), goes_on=goes_on).downloads
    assert list(found) == [task.key for task in done]
    assert [str(item.path) for items in found.values() for item in items] == wanted


def test_a_lost_result_makes_lost_what_it_is_made_from_and_what_nobody_needs_is_done(
    s3: Services, omics: Stubber
) -> None:
    wave = _chain(may_fail=False)
    _cache(omics, "s3://results/cache")
    _put(s3, "cache/77/t1/entry/out/files/0/a.txt")  # of the others there is nothing
    rows = _rows(wave)
    found = kept(s3, RUN, wave, rows, Courtesy(Said()), goes_on=False).downloads
    first, second, last = wave.tasks
    assert _paths(found[first.key]) == ["s3://results/cache/77/t1/entry/out/files/0/a.txt -> a.txt"]
    assert second.key not in found
    assert last.key not in found
    del rows[last.key]
    nothing = kept(
        s3, Run(id="77", status=RunStatus.FAILED), wave, rows, Courtesy(Said()), goes_on=False
    )
    assert nothing.downloads == {first.key: [], second.key: []}
