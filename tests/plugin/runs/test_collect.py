"""What is asked of the service for a run, and what an ended one leaves here."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botocore.stub import Stubber
from said import Said

from snakemake_executor_omics.aws.records import Run, RunStatus, RunTask, TaskStatus
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.compile import WORKFLOW, task_name
from snakemake_executor_omics.model import (
    FileRef,
    JobKey,
    JobState,
    OutputFile,
    Step,
    Task,
    Wave,
)
from snakemake_executor_omics.runs.collect import collect
from snakemake_executor_omics.runs.courtesy import Courtesy
from snakemake_executor_omics.runs.followed import FollowedRun, look
from snakemake_executor_omics.runs.journal import Journal
from snakemake_executor_omics.runs.ledger import Outcome

UUID = "0a1b2c3d-0000-4000-8000-000000000001"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _task(name: str, *inputs: FileRef) -> Task:
    key = JobKey(name, (), (f"{name}.txt",))
    step = Step(key=key, command="", outputs=(OutputFile(f"{name}.txt"),))
    return Task(key=key, layers=((step,),), inputs=inputs, container="x")


A = _task("a")
B = _task("b", FileRef("a.txt", A.key))
NAMES = {task.key: task_name(task.key) for task in (A, B)}


def _followed(status: RunStatus) -> FollowedRun:
    run = Run(id="77", status=status, cache_id="5", created=NOW, failure_reason="RUN_TASK_FAILED")
    return FollowedRun(run, Wave((A, B)), NAMES)


def test_a_run_is_followed_without_the_right_to_list_its_tasks(
    services: Services, omics: Stubber
) -> None:
    omics.add_response("get_run", {"id": "77", "status": "RUNNING"}, {"id": "77"})
    omics.add_client_error("list_run_tasks", "AccessDeniedException", http_status_code=403)
    said = Said()
    seen = look(services, _followed(RunStatus.PENDING), Courtesy(said))
    assert seen.run.status is RunStatus.RUNNING
    assert set(seen.states.values()) == {JobState.WAITING}
    assert "omics:ListRunTasks" in said.lines[0]


def test_many_tasks_are_not_listed_at_each_poll_but_always_at_the_end(
    services: Services, omics: Stubber
) -> None:
    names = [f"t{number}" for number in range(101)]
    tasks = {name: RunTask(id=name, name=name, status=TaskStatus.RUNNING) for name in names}
    listed = replace(_followed(RunStatus.RUNNING), tasks=tasks)
    for status in ("RUNNING", "COMPLETED"):
        omics.add_response("get_run", {"id": "77", "status": status}, {"id": "77"})
    omics.add_response("list_run_tasks", {"items": []}, {"id": "77", "maxResults": 100})
    seen = look(services, listed, Courtesy(Said()))
    assert (seen.tasks, seen.polls) == (tasks, 2)
    assert look(services, listed, Courtesy(Said())).tasks == {}
    omics.assert_no_pending_responses()


def test_a_failed_run_leaves_what_it_finished_and_its_failure_without_the_right_to_ask_why(
    services: Services, omics: Stubber, tmp_path: Path
) -> None:
    services.s3.create_bucket(Bucket="results")
    key = f"cache/{UUID}/77/t1/entry/out/files/0/a.txt"
    services.s3.put_object(Bucket="results", Key=key, Body=b"made")
    omics.add_response(
        "get_run_cache",
        {
            "id": "5",
            "arn": "arn:aws:omics:us-east-1:123456789012:runCache/5",
            "cacheS3Uri": "s3://results/cache",
        },
        {"id": "5"},
    )
    omics.add_client_error("get_run_task", "AccessDeniedException", http_status_code=403)
    rows = {
        task_name(task.key): RunTask(
            id=id, name=id, status=status, started=NOW, stopped=NOW + timedelta(seconds=5)
        )
        for task, id, status in ((A, "t1", TaskStatus.COMPLETED), (B, "t2", TaskStatus.FAILED))
    }
    followed = _followed(RunStatus.FAILED)
    ended = FollowedRun(
        followed.run,
        followed.wave,
        followed.names,
        rows,
        {A.key: JobState.DONE, B.key: JobState.FAILED},
    )
    journal, said = Journal(tmp_path / "journal.sqlite"), Said()
    end = collect(services, ended, tmp_path, Courtesy(said), journal, said)
    assert journal.durations() == {A.key: 5.0}
    journal.close()
    assert (tmp_path / "a.txt").read_text() == "made"
    assert not end.completed
    assert end.endings[A.key].outcome is Outcome.DONE
    assert end.endings[B.key].outcome is Outcome.FAILED
    assert end.endings[B.key].detail.startswith("RUN_TASK_FAILED")
    assert any("omics:GetRunTask" in line for line in said.lines)


def test_a_pack_tells_the_times_of_its_jobs_and_which_it_did_not_come_to(
    services: Services, tmp_path: Path
) -> None:
    other = _task("c")
    wave = Wave((A, other), ((A.key, other.key),))
    names = dict.fromkeys((A.key, other.key), "pack")
    services.s3.create_bucket(Bucket="results")
    a, c = map(task_name, names)
    told = {f"{WORKFLOW}.{a}_code": 0, f"{WORKFLOW}.{a}_seconds": 7, f"{WORKFLOW}.{c}_code": -2}
    services.s3.put_object(
        Bucket="results", Key="77/logs/outputs.json", Body=json.dumps(told).encode()
    )
    services.s3.put_object(Bucket="results", Key=f"77/out/{a}_files/0/a.txt", Body=b"made")
    run = Run(id="77", status=RunStatus.COMPLETED, created=NOW, output_uri="s3://results/77")
    row = RunTask(
        id="t1",
        name="pack",
        status=TaskStatus.COMPLETED,
        started=NOW,
        stopped=NOW + timedelta(seconds=700),
    )
    states = dict.fromkeys(names, JobState.DONE)
    ended = FollowedRun(run, wave, names, {"pack": row}, states)
    journal, said = Journal(tmp_path / "journal.sqlite"), Said()
    end = collect(services, ended, tmp_path, Courtesy(said), journal, said)
    assert journal.durations() == {A.key: 7.0}
    journal.close()
    assert (tmp_path / "a.txt").read_text() == "made"
    assert [end.endings[key].outcome for key in names] == [Outcome.DONE, Outcome.POSTPONED]
