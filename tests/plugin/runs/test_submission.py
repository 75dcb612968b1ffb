"""A plan has one run, whatever was lost in between; a run that died is no answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from said import Said
from waiting import until

import local_healthomics as local
from snakemake_executor_omics.aws.records import GRAPH_TAG, OWNER_TAG, Run, RunStatus
from snakemake_executor_omics.aws.runs import cancel_run, get_run
from snakemake_executor_omics.aws.session import connect
from snakemake_executor_omics.compile import task_name
from snakemake_executor_omics.errors import NotFound, OmicsError, QuotaExceeded
from snakemake_executor_omics.graph.durations import Duration, Source
from snakemake_executor_omics.graph.packing import pack
from snakemake_executor_omics.graph.waves import runs_of
from snakemake_executor_omics.model import JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.runs import submission, surroundings
from snakemake_executor_omics.runs.connection import Connection
from snakemake_executor_omics.runs.journal import Journal
from snakemake_executor_omics.runs.prepare import prepare
from snakemake_executor_omics.runs.submission import submit
from snakemake_executor_omics.runs.surroundings import Surroundings, look_around, tasks_elsewhere
from snakemake_executor_omics.settings.options import LOCAL_ROLE_ARN, Options

pytestmark = pytest.mark.service

KEY = JobKey("a", (), ("a.txt",))
WAVE = Wave(
    (
        Task(
            key=KEY,
            layers=((Step(key=KEY, command="true", outputs=(OutputFile("a.txt"),)),),),
            container="x/y:1",
        ),
    )
)
ENGINE = """
import datetime, json, sys
def say(event, **more):
    at = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    print(json.dumps({"event": event, "at": at, **more}), flush=True)
say("run", status="RUNNING")
for line in sys.stdin:
    break
say("end", status="CANCELLED")
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    engine = tmp_path_factory.mktemp("engine") / "engine.py"
    engine.write_text(ENGINE)
    running = local.start(tmp_path_factory.mktemp("state"), engine=[sys.executable, str(engine)])
    yield running
    running.stop()


@pytest.fixture
def call(
    service: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """Submit the same wave, each time with a head of its own."""
    services = connect(service.region, None, service.endpoint_url, service.environment)
    bucket = service.default_output_uri.removeprefix("s3://").partition("/")[0]
    options = Options(
        role_arn=LOCAL_ROLE_ARN,
        output_uri=f"s3://{bucket}/{request.node.name.replace('_', '-')}",
        workflow_name=request.node.name,
        endpoint_url=service.endpoint_url,
        region=service.region,
        poll_seconds=0.1,
    )
    journals: list[Journal] = []

    def submitted(
        state: str = "state", wave: Wave = WAVE, met: Collection[str] = (), **changes: Any
    ) -> tuple[str, list[str], Connection]:
        said = Said()
        journals.append(Journal(tmp_path / state / "journal.sqlite"))
        connection = Connection(services, journals[-1], lambda: services)
        changed = replace(options, **changes)
        prepared = prepare(connection, changed, wave, tmp_path, tmp_path / state, said)
        around = look_around(connection, changed, [prepared], met)
        started = submit(connection, changed, prepared, tmp_path / state, said, around)
        return started.run.id, said.lines, connection

    yield submitted
    for journal in journals:
        journal.close()


def _stop(connection: Connection, run: str) -> None:
    """As a run dies with its service."""
    cancel_run(connection.services, run)
    until(lambda: get_run(connection.services, run).status.is_final)


def _forget_the_answer(connection: Connection, run: str) -> None:
    """As if the head had died right after `StartRun`."""
    connection.journal._execute("UPDATE run SET run_id = NULL WHERE run_id = ?", run)


def test_the_next_head_attaches_by_journal_by_tag_and_by_token(call: Callable[..., Any]) -> None:
    first, _, connection = call()
    assert call()[0] == first
    _forget_the_answer(connection, first)
    assert call()[0] == first
    run, said, _ = call("elsewhere")  # another checkout
    assert run == first
    assert any(f"attached to run {first}" in line for line in said)


def test_jobs_in_flight_from_another_folder_are_not_done_again_in_other_packs(
    call: Callable[..., Any],
) -> None:
    tasks = []
    for name in "ab":
        key = JobKey(name, (), (f"{name}.txt",))
        step = Step(key=key, command="true", outputs=(OutputFile(f"{name}.txt"),))
        tasks.append(Task(key=key, layers=((step,),), container="x/y:1"))
    alone = Wave(tuple(tasks))
    together = replace(alone, packs=(tuple(task.key for task in tasks),))
    first, _, connection = call(wave=alone)
    with pytest.raises(OmicsError, match="started from another folder in these minutes"):
        call("elsewhere", wave=together)
    with pytest.raises(OmicsError, match=f"run {first} does the same jobs: it was started from"):
        call("elsewhere", wave=together, met={first})
    run = get_run(connection.services, first)
    assert tasks_elsewhere(connection, run) == [(task_name(task.key),) for task in tasks]
    assert call("elsewhere", wave=alone)[0] == first


def test_runs_in_flight_from_another_folder_are_met_whatever_they_are_cut_by(
    call: Callable[..., Any], service: Any, tmp_path: Path
) -> None:
    """There two runs, one of them with a pack; here all would be one run."""
    keys = [JobKey(name, (), (f"{name}.txt",)) for name in "abcd"]
    steps = [Step(key=key, command="true", outputs=(OutputFile(key.outputs[0]),)) for key in keys]
    wave = Wave(tuple(Task(key=step.key, layers=((step,),), container="x/y:1") for step in steps))
    short = {key: Duration(5, Source.BENCHMARK) for key in keys[:2]}
    there = [pack(wave.only(keys[:2]), short), wave.only(keys[2:])]
    assert there[0].packs
    _, _, connection = call("unused", wave=wave.only(keys[:1]), output_uri="s3://omics-local/none")
    options = Options(
        role_arn=LOCAL_ROLE_ARN,
        output_uri="s3://omics-local/two-folders",
        workflow_name="two-folders",
        endpoint_url=service.endpoint_url,
        poll_seconds=0.1,
        pack=1,
    )

    def begin(state: str, *waves: Wave) -> tuple[Surroundings, Callable[[], list[str]]]:
        said = Said()
        journal = Journal(tmp_path / state / "journal.sqlite")
        here = Connection(connection.services, journal, lambda: connection.services)
        prepared = [prepare(here, options, one, tmp_path, tmp_path / state, said) for one in waves]
        around = look_around(here, options, prepared)

        def start() -> list[str]:
            folder = tmp_path / state
            return [submit(here, options, one, folder, said, around).run.id for one in prepared]

        return around, start

    _, start = begin("first", *there)
    runs = start()
    around, _ = begin("second", wave)
    assert {run.id for run in around.unmet} == set(runs)
    names = {task_name(key): key for key in keys}
    left = [
        [[names[name] for name in task] for task in tasks_elsewhere(connection, run)]
        for run in around.unmet
    ]
    _, waves = runs_of(wave, options, {}, left)
    around, start = begin("second", *waves)
    assert around.unmet == []
    assert set(start()) == set(runs)


def test_a_run_elsewhere_that_does_not_tell_its_jobs_is_not_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surroundings, "read_definition", lambda *_: None)
    with pytest.raises(OmicsError, match="its definition does not tell which"):
        tasks_elsewhere(cast(Any, SimpleNamespace(services=None)), _at("7", 1))


def test_of_two_runs_that_have_a_graph_otherwise_the_first_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = replace(_at("1", 1), tags={OWNER_TAG: "other cut", GRAPH_TAG: "graph"})
    answers = Answers(monkeypatch, tmp_path, other, _at("2", 2))
    with pytest.raises(OmicsError, match="run 1 does some of the same jobs"):
        answers.first_of_plan("2")
    assert answers.cancelled == ["2"]
    answers.runs = [replace(other, created=datetime(2026, 1, 2, tzinfo=UTC)), _at("2", 2)]
    assert answers.first_of_plan("2") == "2"  # the other one gives way
    answers.journal.close()


def test_jobs_that_a_run_in_flight_has_with_others_are_not_started_again(
    call: Callable[..., Any],
) -> None:
    other = JobKey("b", (), ("b.txt",))
    step = Step(key=other, command="true", outputs=(OutputFile("b.txt"),))
    both = Wave((*WAVE.tasks, Task(key=other, layers=((step,),), container="x/y:1")))
    first, _, _ = call(wave=both)
    run, said, _ = call()  # the user wants no `b` any more
    assert run == first
    assert f"omics: run {first} of an earlier call has these jobs: its results are taken" in said


@pytest.mark.parametrize("request_id", [None, "mine"])
def test_a_run_that_died_unseen_is_started_anew(
    call: Callable[..., Any], request_id: str | None
) -> None:
    first, _, connection = call(request_id=request_id)
    _stop(connection, first)
    _forget_the_answer(connection, first)
    second, _, connection = call(request_id=request_id)
    assert second != first
    assert not get_run(connection.services, second).status.is_final
    _stop(connection, second)
    third, _, _ = call(request_id=request_id)  # its answer was seen
    assert third not in (first, second)


class Answers:
    """A service that has these runs, and how they stand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *runs: Run) -> None:
        self.runs, self.said, self.cancelled = list(runs), Said(), list[str]()
        self.journal = Journal(tmp_path / "journal.sqlite")
        monkeypatch.setattr(surroundings, "find_runs", self._find)
        monkeypatch.setattr(submission, "get_run", self._get)
        self.connection = Connection(cast(Any, None), self.journal, lambda: cast(Any, None))
        monkeypatch.setattr(self.connection, "cancel", self._cancel)

    def _find(
        self, services: Any, tags: Mapping[str, set[str]], *, name: str, others: set[str]
    ) -> list[Run]:
        return [run for run in self.runs if run.id not in others]

    def _get(self, services: Any, id: str) -> Run:
        for run in self.runs:
            if run.id == id:
                return run
        raise NotFound(id)

    def _cancel(self, run: str) -> bool:
        self.cancelled.append(run)
        return True

    def first_of_plan(self, run: str) -> str:
        entry = self.journal.open("plan")
        self.journal.started(entry, run)
        mine = Run(id=run, status=RunStatus.PENDING)
        options = cast(Any, Options(role_arn="", output_uri="", workflow_name="w"))
        around = Surroundings(frozenset({"plan"}), "graph")
        found = submission._first_of_plan(self.connection, entry, mine, around, options, self.said)
        assert self.journal.open("plan").run_id == found.id
        return found.id


def _at(id: str, second: int, status: RunStatus = RunStatus.PENDING) -> Run:
    created = datetime(2026, 1, 1, second=second, tzinfo=UTC)
    return Run(id=id, status=status, created=created, tags={OWNER_TAG: "plan"})


@pytest.mark.parametrize(
    ("there", "first", "cancelled"),
    [
        ([_at("2", 1)], "2", []),
        ([_at("2", 1), _at("1", 2)], "2", []),  # the other one gives way
        ([_at("2", 2), _at("3", 1)], "3", ["2"]),
        ([_at("2", 1), _at("1", 1)], "1", ["2"]),  # both heads decide the same
        ([_at("2", 2), _at("1", 1, RunStatus.STOPPING)], "2", []),  # that may have been cancelled
        ([_at("3", 1)], "2", []),  # its own is not seen yet
    ],
)
def test_of_two_runs_for_a_plan_the_first_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    there: list[Run],
    first: str,
    cancelled: list[str],
) -> None:
    answers = Answers(monkeypatch, tmp_path, *there)
    assert answers.first_of_plan("2") == first
    assert answers.cancelled == cancelled
    answers.journal.close()


@pytest.mark.parametrize(
    ("status", "reason", "is_answer"),
    [
        (RunStatus.RUNNING, None, True),
        (RunStatus.COMPLETED, None, True),
        (RunStatus.FAILED, "WORKFLOW_RUN_FAILED", True),
        (RunStatus.FAILED, None, True),
        (RunStatus.FAILED, "SERVICE_ERROR", False),  # its service's death among them
        (RunStatus.CANCELLED, None, False),
    ],
)
def test_a_run_that_failed_unseen_tells_its_failure(
    status: RunStatus, reason: str | None, is_answer: bool
) -> None:
    run = Run(id="1", status=status, failure_reason=reason)
    assert submission._is_answer(run) is is_answer


def test_an_id_that_now_belongs_to_another_run_is_not_trusted(call: Callable[..., Any]) -> None:
    first, _, connection = call()
    other, _, _ = call("other", output_uri="s3://omics-local/other")
    assert other != first
    connection.journal._execute("UPDATE run SET run_id = ? WHERE run_id = ?", other, first)
    assert call()[0] == first


def test_a_used_up_quota_is_said_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "_QUOTA_PAUSE_SECONDS", 0.0)
    said, answers = Said(), iter([True, True, False])

    def start() -> str:
        if next(answers):
            raise QuotaExceeded("too many runs", hint="--omics-retention REMOVE")
        return "started"

    assert submission._within_quotas(start, said) == "started"
    (line,) = said.lines
    assert "too many runs; waiting: --omics-retention REMOVE; Ctrl-C ends the wait" in line
