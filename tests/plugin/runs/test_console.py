"""What a person sees of a project's runs from another shell, from the service and the journal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from runs_table import RunsTable

from snakemake_executor_omics import cli
from snakemake_executor_omics.aws.logs import LOG_GROUP
from snakemake_executor_omics.aws.records import JOBS_TAG, OWNER_TAG
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.compile import JOBS_FILE, compile_wave, jobs_of
from snakemake_executor_omics.errors import NotFound
from snakemake_executor_omics.model import JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.runs import console
from snakemake_executor_omics.runs.journal import Journal, Start
from snakemake_executor_omics.settings.options import Place

NOW = datetime.now(UTC)
PLAN = "abcdef0123456789"


def task(sample: str) -> Task:
    key = JobKey("align", (("sample", sample),), (f"out/{sample}.bam",))
    outputs = (OutputFile(f"out/{sample}.bam"),)
    step = Step(key=key, command="true", outputs=outputs, logs=(f"logs/{sample}.log",))
    return Task(key=key, layers=((step,),), container="debian:12")


WAVE = Wave((task("a"), task("b")))
NAMES = list(jobs_of(WAVE))


def run(id: str, status: str = "RUNNING", minutes: int = 5, plan: str = PLAN) -> dict[str, Any]:
    return {
        "id": id,
        "name": "cohort",
        "status": status,
        "creationTime": NOW - timedelta(minutes=minutes),
        "tags": {OWNER_TAG: plan, JOBS_TAG: "2"} if plan else {},
        "runOutputUri": f"s3://b/runs/{id}",
    }


def row(name: str, status: str, id: str = "1") -> dict[str, Any]:
    return {"taskId": id, "name": name, "status": status, "creationTime": NOW, "startTime": NOW}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that run 11 was started from."""
    state = tmp_path / "cohort/.snakemake/omics"
    definition = state / "definitions/0123"
    definition.mkdir(parents=True)
    (definition / JOBS_FILE).write_text(json.dumps(jobs_of(WAVE)))
    journal = Journal(state / "journal.sqlite")
    command = ("snakemake", "--executor", "omics", "--config", "a=b c")
    place = Place(None, "us-east-1", None, "cohort")
    journal.remember_start(Start("11", PLAN, place, "definitions/0123", "/w x", command))
    journal.close()
    return tmp_path / "cohort"


Serve = Callable[..., RunsTable]


@pytest.fixture
def serve(services: Services, monkeypatch: pytest.MonkeyPatch) -> Serve:
    monkeypatch.setattr(console, "connect", lambda *_, **__: services)
    monkeypatch.setattr(console, "_FOLLOW_SECONDS", 0)
    return lambda runs, tasks={}: RunsTable(services, runs, tasks)


def call(project: Path, *arguments: str) -> int:
    return cli.main([*arguments, "--directory", str(project)])


def test_runs_lists_those_of_others_too(
    project: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = {id: [row(NAMES[0], "COMPLETED"), row(NAMES[1], "RUNNING", "2")] for id in ("11", "7")}
    serve([run("7", minutes=9, plan="f" * 64), run("11"), run("5", plan="")], tasks)
    assert call(project, "runs") == 0
    head, ours, theirs = capsys.readouterr().out.splitlines()
    assert head.split() == ["RUN", "STATUS", "AGE", "JOBS", "DONE", "PLAN", "NAME", "STARTED"]
    assert re.fullmatch(r"11 +RUNNING +\d:\d\d:\d\d +1 of 2 +abcdef01 +cohort +here", ours)
    assert re.fullmatch(r"7 +RUNNING +\d:\d\d:\d\d +1 of 2 +ffffffff +cohort +elsewhere", theirs)


def test_a_run_that_has_our_runs_id_is_not_it(project: Path, serve: Serve) -> None:
    """Ids are used again."""
    serve([run("11", plan="other")])
    assert console.Console(project, Place()).run("11").start is None


def test_status_tells_jobs_as_a_person_calls_them(
    project: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {**run("11", "FAILED"), "failureReason": "RUN_TASK_FAILED", "statusMessage": "ended"}
    serve([failed], {"11": [row(NAMES[0], "COMPLETED"), row(NAMES[1], "FAILED", "2")]})
    assert call(project, "status") == 0
    out = capsys.readouterr().out
    assert "run 11 (cohort) FAILED: 1 of 2 jobs done" in out
    assert "FAILED  align (sample=b)" in out
    assert "sample=a" not in out
    assert "RUN_TASK_FAILED: ended" in out
    assert call(project, "status", "11", "--all") == 0
    assert "align (sample=a)" in capsys.readouterr().out


def test_attach_prints_the_command_that_a_shell_can_read(
    project: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve([run("11"), run("7", plan="f")], {"11": [], "7": []})
    assert call(project, "attach") == 0
    out = capsys.readouterr().out
    assert "cd '/w x'\nsnakemake --executor omics --config 'a=b c'\n" in out
    assert "started elsewhere: the same snakemake command" in out


def test_cancel_cancels_what_is_ours_and_only_when_it_is_clear_which(
    project: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve([run("11"), run("7", minutes=9, plan="f"), run("5", plan="")])
    assert call(project, "cancel") == 2
    assert "2 runs are active: 11, 7" in capsys.readouterr().err
    assert call(project, "cancel", "5") == 2
    assert "was not started by this plugin" in capsys.readouterr().err
    assert service.cancelled == []
    assert call(project, "cancel", "7") == 0
    assert service.cancelled == ["7"]


@pytest.mark.parametrize(
    "target", ["out/b.bam", "./out/b.bam", "logs/b.log", "align (sample=b)", NAMES[1]]
)
def test_a_log_is_that_of_a_job_by_any_of_its_names(
    project: Path, serve: Serve, services: Services, target: str, capsys: Any
) -> None:
    stream = {"logGroupName": LOG_GROUP, "logStreamName": "run/11/task/2"}
    services.logs.create_log_group(logGroupName=LOG_GROUP)
    services.logs.create_log_stream(**stream)
    when = int(NOW.timestamp() * 1000)
    services.logs.put_log_events(**stream, logEvents=[{"timestamp": when, "message": "hello"}])
    serve([run("11")], {"11": [row(NAMES[0], "RUNNING"), row(NAMES[1], "COMPLETED", "2")]})
    assert call(project, "logs", target, "--follow") == 0
    assert capsys.readouterr().out == "hello\n"


def test_a_log_that_several_jobs_could_have_is_asked_about(
    project: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve([run("11")], {"11": [row(NAMES[0], "RUNNING"), row(NAMES[1], "RUNNING", "2")]})
    assert call(project, "logs", "align") == 2
    assert "name one of align (sample=a), align (sample=b)" in capsys.readouterr().err
    assert call(project, "logs", "nothing") == 2
    assert "no run of cohort has a job or file nothing" in capsys.readouterr().err


def test_a_local_service_that_lived_with_its_snakemake_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(project, "runs", "--omics-endpoint", "local") == 2
    assert "lives only as long as that Snakemake" in capsys.readouterr().err


@pytest.mark.parametrize("name", [NAMES[0], f"{NAMES[0]}0123"], ids=["now", "older version"])
def test_what_was_not_started_here_is_found_by_the_rule(
    tmp_path: Path, serve: Serve, name: str
) -> None:
    serve([run("7", plan="f")], {"7": [row(name, "RUNNING")]})
    (tmp_path / "cohort").mkdir()
    found, only = console.Console(tmp_path / "cohort", Place()).find_task("align", None)
    assert (found.run.id, only.name) == ("7", name)


def test_what_was_not_started_here_is_found_by_a_file_of_its_definition(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve([run("7", plan="f")], {"7": [row(name, "RUNNING", name) for name in NAMES]})
    definitions = {"7": compile_wave(WAVE).zip}
    monkeypatch.setattr(console, "read_definition", lambda _, run_id: definitions[run_id])
    (tmp_path / "cohort").mkdir()
    project = console.Console(tmp_path / "cohort", Place())
    for target in ("out/b.bam", "logs/b.log", "align (sample=b)"):
        known, only = project.find_task(target, None)
        assert (only.name, known.title(only.name)) == (NAMES[1], "align (sample=b)")


def test_the_last_call_has_all_its_runs_in_their_order(project: Path, serve: Serve) -> None:
    journal = Journal(project / ".snakemake/omics/journal.sqlite")
    place = Place(None, "us-east-1", None, "cohort")
    for id in ("12", "13", "14"):
        journal.remember_start(Start(id, PLAN, place, "definitions/0123", "/w", (), "call"))
    journal.close()
    serve([run("11"), run("12"), run("13", plan="other"), run("14")])
    found = console.Console(project, Place()).last_call()
    assert [known.run.id for known in found] == ["12", "14"]  # 13 is another run by now
    assert found[0].tasks.keys() == set(NAMES)


def test_without_a_call_of_its_own_a_start_is_one(project: Path, serve: Serve) -> None:
    """The journal of an older version."""
    serve([run("11"), run("12")])
    assert [known.run.id for known in console.Console(project, Place()).last_call()] == ["11"]


def test_a_folder_without_a_journal_has_the_projects_newest_run(
    tmp_path: Path, serve: Serve
) -> None:
    serve([run("7", minutes=9, plan="f"), run("8", plan="f")])
    (tmp_path / "cohort").mkdir()
    (known,) = console.Console(tmp_path / "cohort", Place()).last_call()
    assert known.run.id == "8"


def test_runs_of_the_last_call_that_are_gone_are_named(project: Path, serve: Serve) -> None:
    serve([run("11", plan="other")])
    with pytest.raises(NotFound, match="no more of the last call's runs: 11"):
        console.Console(project, Place()).last_call()


def test_jobs_that_share_a_task_are_counted_and_each_has_its_own_log(
    project: Path, serve: Serve, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = jobs_of(Wave(WAVE.tasks, (tuple(task.key for task in WAVE.tasks),)))
    (name,) = packed
    folder = project / ".snakemake/omics/definitions/0123"
    (folder / JOBS_FILE).write_text(json.dumps(packed))
    serve([run("11")], {"11": [row(name, "COMPLETED")]})
    assert call(project, "status") == 0
    assert "2 of 2 jobs done" in capsys.readouterr().out
    stream = "run/11/task/1"
    services.logs.create_log_group(logGroupName=LOG_GROUP)
    services.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
    lines = [
        *("=== job 1 ===", "of a", "=== end of job 1: exit code 0 ==="),
        *("=== job 2 ===", "of b", "=== end of job 2: exit code 0 ==="),
    ]
    now = int(datetime.now(UTC).timestamp() * 1000)
    services.logs.put_log_events(
        logGroupName=LOG_GROUP,
        logStreamName=stream,
        logEvents=[{"timestamp": now + at, "message": line} for at, line in enumerate(lines)],
    )
    for target, want in (("out/b.bam", "of b"), ("align (sample=a)", "of a"), (name, lines)):
        assert call(project, "logs", target) == 0
        assert capsys.readouterr().out.splitlines() == ([want] if isinstance(want, str) else want)
