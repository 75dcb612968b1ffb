"""What a report gathers from the service and the journal, and what it says is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from reports import PRICES
from runs_table import RunsTable

from snakemake_executor_omics import cli
from snakemake_executor_omics.aws.logs import LOG_GROUP
from snakemake_executor_omics.aws.records import OWNER_TAG
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.compile import JOBS_FILE, jobs_of
from snakemake_executor_omics.model import FileRef, JobKey, JobState, OutputFile, Step, Task, Wave
from snakemake_executor_omics.report.gather import gather
from snakemake_executor_omics.report.model import Report
from snakemake_executor_omics.runs import console
from snakemake_executor_omics.runs.console import Console
from snakemake_executor_omics.runs.journal import Journal, Start
from snakemake_executor_omics.settings.options import Place

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
PLAN = "abcdef0123456789"
ALIGN = JobKey("align", (("sample", "a"),), ("a.bam",))
CALL = JobKey("call", (("sample", "a"),), ("a.vcf",))


def _task(key: JobKey, *reads: FileRef) -> Task:
    step = Step(
        key=key, command="", outputs=(OutputFile(key.outputs[0]),), logs=(f"{key.rule}.log",)
    )
    return Task(key=key, layers=((step,),), inputs=reads, container="x/y:1")


WAVE = Wave((_task(ALIGN), _task(CALL, FileRef("a.bam", ALIGN))))
ALIGNED, CALLED = jobs_of(WAVE)


def run(id: str = "11", status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "uuid": f"u{id}",
        "name": "cohort",
        "status": status,
        "creationTime": NOW - timedelta(minutes=30),
        "startTime": NOW - timedelta(minutes=25),
        "stopTime": NOW if status in ("COMPLETED", "FAILED") else None,
        "storageType": "DYNAMIC",
        "tags": {OWNER_TAG: PLAN},
        **more,
    }


def row(name: str, id: str, status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {
        "taskId": id,
        "name": name,
        "status": status,
        "cpus": 2,
        "memory": 8,
        "gpus": 0,
        "instanceType": "omics.m.large",
        "creationTime": NOW - timedelta(minutes=24),
        "startTime": NOW - timedelta(minutes=20),
        "stopTime": NOW - timedelta(minutes=10),
        **more,
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that run 11 was started from."""
    state = tmp_path / "cohort/.snakemake/omics"
    (state / "definitions/0123").mkdir(parents=True)
    (state / "definitions/0123" / JOBS_FILE).write_text(json.dumps(jobs_of(WAVE)))
    journal = Journal(state / "journal.sqlite")
    place = Place(None, "us-east-1", None, "cohort")
    journal.remember_start(Start("11", PLAN, place, "definitions/0123", "/w", ("snakemake",), "c"))
    journal.close()
    return tmp_path / "cohort"


Serve = Callable[..., RunsTable]


@pytest.fixture
def serve(services: Services, monkeypatch: pytest.MonkeyPatch) -> Serve:
    monkeypatch.setattr(console, "connect", lambda *_, **__: services)
    services.logs.create_log_group(logGroupName=LOG_GROUP)
    return lambda runs, tasks={}: RunsTable(services, runs, tasks)


def put(services: Services, stream: str, *lines: str) -> None:
    place = {"logGroupName": LOG_GROUP, "logStreamName": stream}
    services.logs.create_log_stream(**place)
    when = int(datetime.now(UTC).timestamp() * 1000)
    services.logs.put_log_events(
        **place, logEvents=[{"timestamp": when, "message": line} for line in lines]
    )


def measured(kind: str, id: str, **metrics: float) -> str:
    return json.dumps({"arn": f"arn:aws:omics:us-east-1:1:{kind}/{id}", "metrics": metrics})


def gathered(project: Path, *ids: str) -> Report:
    told = Console(project, Place(None, "us-east-1"))
    runs = [told.run(id) for id in ids] if ids else told.last_call()
    return gather(told, runs, PRICES, NOW)


def test_tasks_are_jobs_with_what_they_used_and_are_billed(
    project: Path, serve: Serve, services: Services
) -> None:
    serve([run()], {"11": [row(CALLED, "2"), row(ALIGNED, "1")]})
    put(
        services,
        "manifest/run/11/u11",
        measured("run", "11", storageAverageGiB=100, runningSeconds=3600),
        measured("task", "1", cpusMaximum=1.5, memoryMaximumGiB=3, runningSeconds=1800),
    )
    report = gathered(project)
    align, call = sorted(report.tasks, key=lambda task: task.id)
    assert (align.job, align.rule, align.state) == ("align (sample=a)", "align", JobState.DONE)
    assert call.parents == (ALIGNED,)
    assert align.use is not None
    assert (align.use.memory_maximum_gib, align.seconds, call.seconds) == (3, 1800, 600)
    assert align.dollars == pytest.approx(0.1296 / 2)
    assert call.dollars == pytest.approx(0.1296 / 6)
    (told,) = report.runs
    assert told.storage_dollars == pytest.approx(0.000411 * 100)
    assert told.waited == 300
    assert (report.command, report.by_rule, report.gaps) == ("snakemake", True, ())
    assert report.prices is not None
    assert report.prices.assumed == ""


def test_a_task_reads_from_tasks_of_earlier_runs_too(project: Path, serve: Serve) -> None:
    """What a directory holds comes from who made the directory."""
    state = project / ".snakemake/omics"
    later = Wave((_task(JobKey("sum", (), ("sum.txt",)), FileRef("a.bam/1.txt"), FileRef("x")),))
    (name,) = told = jobs_of(later)
    (state / "definitions/4567").mkdir()
    (state / "definitions/4567" / JOBS_FILE).write_text(json.dumps(told))
    journal = Journal(state / "journal.sqlite")
    place = Place(None, "us-east-1", None, "cohort")
    journal.remember_start(Start("12", PLAN, place, "definitions/4567", "/w", ("snakemake",), "c"))
    journal.close()
    serve([run(), run("12")], {"11": [row(ALIGNED, "1"), row(CALLED, "2")], "12": [row(name, "3")]})
    parents = {task.rule: task.parents for task in gathered(project).tasks}
    assert parents == {"align": (), "call": (ALIGNED,), "sum": (ALIGNED,)}


def test_static_storage_is_billed_for_what_is_reserved(project: Path, serve: Serve) -> None:
    serve([run(storageType="STATIC", storageCapacity=1201)], {"11": []})
    (told,) = gathered(project).runs
    assert told.storage_dollars == pytest.approx(0.0001918 * 2400 * 25 / 60)


def test_a_run_without_a_manifest_yet_is_told_without_what_was_used(
    project: Path, serve: Serve
) -> None:
    serve([run()], {"11": [row(ALIGNED, "1")]})
    report = gathered(project)
    assert report.tasks[0].use is None
    assert report.runs[0].storage_dollars is None
    assert "run 11 has no manifest" in report.gaps[0]
    assert "some minutes after" in report.gaps[0]


def test_a_run_that_goes_on_is_told_as_it_stands(project: Path, serve: Serve) -> None:
    going = [row(ALIGNED, "1"), row(CALLED, "2", "RUNNING", stopTime=None)]
    serve([run(status="RUNNING")], {"11": going})
    report = gathered(project)
    assert report.is_partial
    assert "run 11 is RUNNING" in report.gaps[0]
    assert {task.rule: task.state for task in report.tasks} == {
        "align": JobState.DONE,
        "call": JobState.RUNNING,
    }
    assert [task.dollars is None for task in report.tasks] == [False, True]


def test_without_the_right_to_logs_the_rest_is_told(
    project: Path, serve: Serve, services: Services
) -> None:
    serve([run(status="FAILED")], {"11": [row(ALIGNED, "1", "FAILED", failureReason="WHY")]})
    with Stubber(services.logs) as logs:
        for _ in range(2):
            logs.add_client_error("get_log_events", "AccessDeniedException", "no", 400)
        report = gathered(project)
    assert len(report.tasks) == 1
    used, log = report.gaps
    assert used.startswith("what tasks used is not to be had")
    assert "it takes the right logs:GetLogEvents on log group /aws/omics/WorkflowLog" in used
    assert log.startswith("the logs of tasks are not to be had")
    assert (report.failures[0].reason, report.failures[0].lines) == ("WHY", ())


def test_a_failure_has_its_reason_its_last_lines_and_its_log_file(
    project: Path, serve: Serve, services: Services
) -> None:
    failed = row(
        CALLED,
        "2",
        "FAILED",
        failureReason="OUT_OF_MEMORY_ERROR",
        statusMessage="killed",
        logStream="run/11/task/2",
    )
    serve([run(status="FAILED", failureReason="RUN_TASK_FAILED")], {"11": [failed]})
    put(
        services,
        "run/11/task/2",
        *(f"line {number}" for number in range(100)),
        "=== log 0.0 call.log ===",
        "[log 0.0] in the log file",
        "=== end of log 0.0: 1 lines ===",
    )
    (failure,) = gathered(project).failures
    assert failure.task.job == "call (sample=a)"
    assert (failure.reason, failure.message) == ("OUT_OF_MEMORY_ERROR", "killed")
    assert failure.lines[-1] == "line 99"
    assert len(failure.lines) == 30
    assert failure.logs == {"call.log": "in the log file\n"}


def test_a_task_that_anothers_failure_ended_did_not_fail(project: Path, serve: Serve) -> None:
    message = f"A task failed: task: {ALIGNED}, id: 1, failure"
    serve(
        [run(status="FAILED", statusMessage=message)],
        {
            "11": [
                row(ALIGNED, "1", "FAILED", logStream="run/11/task/1"),
                row(CALLED, "2", "FAILED"),
            ]
        },
    )
    report = gathered(project)
    assert [failure.task.rule for failure in report.failures] == ["align"]
    assert {task.rule: task.state for task in report.tasks} == {
        "align": JobState.FAILED,
        "call": JobState.CANCELLED,
    }


def test_a_job_that_failed_in_a_run_that_went_on_is_a_failure(project: Path, serve: Serve) -> None:
    journal = Journal(project / ".snakemake/omics/journal.sqlite")
    journal.remember_failures([(ALIGN, "11"), (CALL, "12")])
    journal.close()
    serve([run()], {"11": [row(ALIGNED, "1"), row(CALLED, "2")]})
    (failure,) = gathered(project).failures
    assert failure.task.job == "align (sample=a)"
    assert failure.message == "the run went on without align (sample=a)"


def test_of_jobs_that_share_a_task_those_that_failed_are_named(project: Path, serve: Serve) -> None:
    state = project / ".snakemake/omics"
    told = {"pack_1": {"jobs": jobs_of(WAVE)}}
    (state / "definitions/0123" / JOBS_FILE).write_text(json.dumps(told))
    journal = Journal(state / "journal.sqlite")
    journal.remember_failures([(CALL, "11")])
    journal.close()
    serve([run()], {"11": [row("pack_1", "1")]})
    report = gathered(project)
    (failure,) = report.failures
    assert failure.message == "the run went on without call (sample=a)"
    assert (report.tasks[0].rule, report.tasks[0].is_of_one) == ("align, call", False)


def test_of_very_many_failures_the_first_are_explained(project: Path, serve: Serve) -> None:
    rows = [
        row(f"t-{number}", str(number), "FAILED", stopTime=NOW + timedelta(seconds=number))
        for number in range(25)
    ]
    serve([run(status="FAILED")], {"11": rows})
    report = gathered(project)
    assert [failure.task.id for failure in report.failures] == [str(n) for n in range(20)]
    assert any("5 more tasks of run 11 failed" in gap for gap in report.gaps)


def test_the_run_cache_saved_what_the_task_was_billed_where_it_ran(
    project: Path, serve: Serve
) -> None:
    cached = {"cacheHit": True, "startTime": None, "stopTime": None, "creationTime": None}
    serve(
        [run(), run("7")],
        {
            "11": [
                row(ALIGNED, "1", **cached, cacheS3Uri="s3://b/cache/uuid/7/70/entry"),
                row(CALLED, "2", **cached, cacheS3Uri="s3://b/cache/uuid/6/60/entry/"),
            ],
            "7": [row(ALIGNED, "70"), row(CALLED, "71")],
        },
    )
    report = gathered(project)
    align, call = sorted(report.tasks, key=lambda task: task.id)
    assert (align.state, align.dollars) == (JobState.CACHED, 0)
    assert align.saved == pytest.approx(0.1296 / 6)
    assert call.saved is None
    assert any("what the cached tasks took in run 6 is not to be had" in gap for gap in report.gaps)


def test_an_id_that_is_another_runs_by_now_saves_nothing(project: Path, serve: Serve) -> None:
    hit = row(ALIGNED, "1", cacheHit=True, cacheS3Uri="s3://b/cache/uuid/7/70/entry")
    serve([run(), run("7")], {"11": [hit], "7": [row("another", "70")]})
    (task,) = gathered(project).tasks
    assert task.saved is None


def test_attempts_before_the_last_are_superseded(project: Path, serve: Serve) -> None:
    early = NOW - timedelta(hours=1)
    serve([run()], {"11": [row(ALIGNED, "2"), row(ALIGNED, "1", "FAILED", creationTime=early)]})
    first, second = gathered(project).tasks
    assert (first.id, first.superseded, second.superseded) == ("1", True, False)
    assert gathered(project).failures == ()


def test_a_job_that_was_tried_again_in_another_run_counts_once(project: Path, serve: Serve) -> None:
    journal = Journal(project / ".snakemake/omics/journal.sqlite")
    place = Place(None, "us-east-1", None, "cohort")
    journal.remember_start(Start("12", PLAN, place, "definitions/0123", "/w", ("snakemake",), "c"))
    journal.close()
    failed = row(ALIGNED, "1", "FAILED", failureReason="OUT_OF_MEMORY_ERROR")
    again = row(ALIGNED, "2", creationTime=NOW)
    serve(
        [run(status="FAILED"), run("12"), run("5", tags={}), run("6", tags={})],
        {"11": [failed], "12": [again], "5": [failed], "6": [again]},
    )
    report = gathered(project)
    assert [(task.id, task.superseded) for task in report.tasks] == [("1", True), ("2", False)]
    assert [failure.task.superseded for failure in report.failures] == [True]
    assert [task.superseded for task in gathered(project, "5", "6").tasks] == [False, False]


def test_a_run_that_snakemake_did_not_start_is_told_by_its_calls(
    tmp_path: Path, serve: Serve
) -> None:
    serve([run("5", tags={})], {"5": [row("align-0-12", "1"), row("align-1-2", "2")]})
    (tmp_path / "other").mkdir()
    report = gathered(tmp_path / "other", "5")
    assert not report.by_rule
    assert {task.rule for task in report.tasks} == {"align"}
    assert {task.job for task in report.tasks} == {"align-0-12", "align-1-2"}


def call(project: Path, *arguments: str) -> int:
    return cli.main(["report", *arguments, "--directory", str(project)])


def test_the_command_writes_what_it_is_asked_for(
    project: Path, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve([run()], {"11": [row(ALIGNED, "1")]})
    assert call(project) == 0
    said = capsys.readouterr()
    assert "run 11 (cohort) COMPLETED" in said.out
    assert "not known: run 11 has no manifest" in said.out
    assert call(project, "11", "--json", str(tmp_path / "r.json"), "--csv", "-") == 0
    said = capsys.readouterr()
    assert said.out.startswith("run,id,name,job,rule,state,")
    assert "wrote " in said.err
    assert "run 11 has no manifest" in said.err
    assert json.loads((tmp_path / "r.json").read_text())["runs"][0]["id"] == "11"


def test_a_run_that_is_not_there_and_a_file_that_cannot_be_are_told(
    project: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve([run()], {"11": []})
    assert call(project, "999") == 2
    said = capsys.readouterr().err
    assert "cannot read run 999" in said
    assert "hint: asked was AWS HealthOmics in us-east-1" in said
    assert call(project, "--json", str(project / "no/such/r.json")) == 2
    assert "No such file" in capsys.readouterr().err
