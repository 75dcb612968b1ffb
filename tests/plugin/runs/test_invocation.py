"""What a call of Snakemake started goes on, is cancelled or is left, and is told of each time."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from said import Said

from snakemake_executor_omics.errors import OmicsError, ServiceError
from snakemake_executor_omics.model import JobKey, Step, Task, Wave
from snakemake_executor_omics.runs import invocation
from snakemake_executor_omics.runs.invocation import Invocation
from snakemake_executor_omics.runs.ledger import Ending, Outcome, RunEnd
from snakemake_executor_omics.settings.options import OnInterrupt, Options

OPTIONS = Options(role_arn="r", output_uri="s3://b/o", workflow_name="w")
A, B = JobKey("a", (), ("a.txt",)), JobKey("b", (), ("b.txt",))


def _wave(*keys: JobKey) -> Wave:
    return Wave(
        tuple(
            Task(key=key, layers=((Step(key=key, command="true"),),), container="x/y:1")
            for key in keys
        )
    )


class _Service:
    """Connection, journal and follower in one, which note what is asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = 0
        self.waves: list[tuple[JobKey, ...]] = []
        self.prepared: list[tuple[JobKey, ...]] = []
        self.checked: list[tuple[int, int]] = []  # so many at once, after so many runs
        self.cancelled: list[str] = []
        self.refuses: dict[str, ServiceError] = {}
        self.have_ended: set[str] = set()
        self.ended_plans: list[str] = []
        self.busters: list[tuple[JobKey, str]] = []
        self.closed = False
        self.waited: list[bool] = []
        self.noted: list[dict[str, Any] | None] = []  # of each run
        self.elsewhere: list[str] = []  # runs that have some of the jobs otherwise
        self.journal = SimpleNamespace(
            failures=lambda: {B: "earlier"},
            remember_failures=self.busters.extend,
            ended=self.ended_plans.append,
        )
        self.services = "clients"
        monkeypatch.setattr(invocation, "as_ctrl_c", lambda: None)
        monkeypatch.setattr(invocation, "tasks_in_flight", lambda *_: [frozenset("t")])
        monkeypatch.setattr(invocation, "open_connection", self._open)
        monkeypatch.setattr(invocation, "Follower", lambda *_: self)
        monkeypatch.setattr(invocation, "prepare", self._prepare)
        monkeypatch.setattr(invocation, "begin_checks", self._begin_checks)
        monkeypatch.setattr(invocation, "look_around", self._look_around)
        monkeypatch.setattr(invocation, "tasks_elsewhere", lambda _, run: [(f"of {run.id}",)])
        monkeypatch.setattr(invocation, "submit", self._submit)
        monkeypatch.setattr(invocation, "persistently", self._persistently)

    def _open(self, *_: Any) -> Any:
        self.opened += 1
        return self

    def _prepare(self, connection: Any, options: Any, wave: Wave, *_: Any) -> Any:
        self.prepared.append(tuple(task.key for task in wave.tasks))
        return SimpleNamespace(wave=wave)

    def _begin_checks(self, connection: Any, options: Any, waves: Sequence[Any], *_: Any) -> None:
        self.checked.append((len(waves), len(self.waves)))

    def _look_around(self, connection: Any, options: Any, waves: Any, met: set[str]) -> Any:
        found = [SimpleNamespace(id=id) for id in self.elsewhere if id not in met]
        return SimpleNamespace(unmet=found)

    def _submit(self, connection: Any, options: Any, prepared: Any, *_: Any) -> Any:
        wave: Wave = prepared.wave
        self.noted.append(_[-1])
        self.waves.append(tuple(task.key for task in wave.tasks))
        return SimpleNamespace(
            run=SimpleNamespace(id=str(len(self.waves))),
            wave=wave,
            names={},
        )

    def _persistently(self, *arguments: Any) -> Any:
        self.waited.append(True)
        return arguments[-1]()

    def follow(self, started: Any) -> None:
        pass

    async def unless_stopped(self, work: Awaitable[None]) -> None:
        await work

    def cancel(self, run: str) -> bool:
        if run in self.refuses:
            raise self.refuses[run]
        self.cancelled.append(run)
        return run not in self.have_ended

    def left(self, run: str) -> str:
        return f"run {run} is left"

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> _Service:
    return _Service(monkeypatch)


@pytest.fixture
def begun(tmp_path: Path) -> Callable[..., tuple[Invocation, Said]]:
    def begin(options: Options = OPTIONS) -> tuple[Invocation, Said]:
        said = Said()
        return Invocation(options, tmp_path, said), said

    return begin


def test_without_anything_to_start_nobody_is_asked(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, said = begun()
    assert asyncio.run(runs.look()) == []
    asyncio.run(runs.pause())
    runs.record([A])
    runs.cancel()
    runs.stop_waiting()
    runs.close()
    assert (service.opened, said.lines) == (0, [])


def test_the_first_start_connects_and_knows_what_earlier_calls_left(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    assert runs.services == "clients"
    runs.start(_wave(A))
    runs.start(_wave(B))
    assert service.opened == 1
    assert dict(runs.ledger.cache_busters) == {B: "earlier"}
    assert runs.left == [{"t"}]
    assert runs.ledger.in_flight == ["1", "2"]


def test_only_a_service_that_has_a_run_of_ours_is_waited_for(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    runs.start(_wave(A))
    assert service.waited == []
    runs.start(_wave(B))
    assert service.waited == [True] * 3  # to prepare it, to look around, and to start it


def test_the_definitions_of_several_runs_are_checked_side_by_side(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    runs.start(_wave(A), _wave(B))
    assert service.prepared == service.waves == [(A,), (B,)]
    assert service.checked == [(2, 0)]
    assert runs.ledger.in_flight == ["1", "2"]


def test_the_definition_of_one_run_is_checked_when_it_starts(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    runs.start(_wave(A))
    assert service.checked == []


def test_a_run_from_another_folder_is_among_those_that_were_left_before_anything_starts(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, said = begun()
    service.elsewhere = ["8", "9"]
    assert not runs.start(_wave(A, B))
    assert (service.waves, runs.left) == ([], [{"t"}, [("of 8",)], [("of 9",)]])
    assert "run 8, which was started from another folder, has some of these jobs" in said.lines[0]
    assert runs.start(_wave(A), _wave(B))
    assert service.waves == [(A,), (B,)]
    service.elsewhere.append("10")
    lost = JobKey("c", (), ("c.txt",))
    asyncio.run(runs.start_again(_wave(A, lost), {lost}))  # as it is
    assert service.waves[2:] == [(lost,)]


def test_what_runs_are_expected_to_cost_is_noted_with_the_start_that_they_are_of(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    first, second, later = ({"jobs": number} for number in (1, 2, 3))
    runs.start(_wave(A), _wave(B), expected=[first, second])
    runs.start(_wave(JobKey("c", (), ("c.txt",))), expected=[later])
    runs.start(_wave(JobKey("d", (), ("d.txt",))))
    assert service.noted == [
        first | {"start": 1},
        second | {"start": 1},
        later | {"start": 2},
        None,
    ]


def test_jobs_whose_results_are_nowhere_run_again_alone(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, said = begun()
    asyncio.run(runs.start_again(_wave(A, B), {B}))
    assert service.waves == [(B,)]
    assert "1 jobs were done when their run failed" in said.lines[0]


def test_a_plan_is_over_when_snakemake_has_recorded_its_jobs(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    runs.start(_wave(A, B))
    done = RunEnd(completed=True, endings={key: Ending(Outcome.DONE) for key in (A, B)})
    runs.ledger.advance("1", done)
    runs.remember_failures("1")
    runs.forget_if_over("1")
    runs.record([A])
    assert service.ended_plans == []
    runs.record([B])
    assert service.ended_plans == ["1"]


def test_a_failure_that_the_run_cache_has_is_remembered_for_the_next_call(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    runs.start(_wave(A))
    runs.ledger.advance("1", RunEnd(completed=True, endings={A: Ending(Outcome.FAILED, "exit 3")}))
    runs.remember_failures("1")
    runs.forget_if_over("1")
    assert service.busters == [(A, "1")]
    assert service.ended_plans == ["1"]


def test_a_run_whose_failure_was_told_is_over_with_the_call_whatever_is_unrecorded(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, _ = begun()
    runs.start(_wave(A, B))
    failed = Ending(Outcome.FAILED, "exit 3")
    end = RunEnd(completed=False, endings={A: Ending(Outcome.DONE), B: failed})
    runs.ledger.advance("1", end)
    runs.forget_if_over("1")
    assert service.ended_plans == []
    runs.close()
    assert service.ended_plans == ["1"]


def test_an_interrupted_call_cancels_each_run_and_tells_what_it_could_not(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, said = begun()
    runs.start(_wave(A))
    runs.start(_wave(B))
    service.refuses = {"1": ServiceError("connection lost", transient=True)}
    runs.cancel()
    runs.close()
    assert service.cancelled == ["2"]
    assert service.closed
    assert said.lines[1:] == [
        "omics: cannot cancel run 1: connection lost",
        "omics: cancelling run 2; the service takes some minutes to stop it",
        "omics: run 1 is left",
    ]


def test_a_run_that_ended_before_it_was_cancelled_is_told(
    service: _Service, begun: Callable[..., Any]
) -> None:
    runs, said = begun()
    runs.start(_wave(A))
    service.have_ended = {"1"}
    runs.cancel()
    assert said.lines[-1] == "omics: run 1 has ended already: the same command takes its results"


@pytest.mark.parametrize("by_option", [True, False])
def test_runs_that_are_to_go_on_are_not_cancelled(
    service: _Service, begun: Callable[..., Any], by_option: bool
) -> None:
    how = OnInterrupt.DETACH if by_option else OnInterrupt.CANCEL
    runs, said = begun(replace(OPTIONS, on_interrupt=how))
    runs.start(_wave(A))
    if not by_option:
        runs.detach()
    runs.cancel()
    runs.close()
    assert service.cancelled == []
    assert said.lines == ["omics: run 1 is left"]


def test_a_call_that_is_over_keeps_nothing_of_its_service_and_starts_nothing(
    service: _Service, begun: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Opened(SimpleNamespace):
        """Unlike its base it may be referred to weakly."""

    connections = [Opened(journal=service.journal, left=service.left, close=service.close)]
    kept = weakref.ref(connections[0])
    monkeypatch.setattr(invocation, "open_connection", lambda *_: connections.pop())
    runs, _ = begun()
    assert runs.start(_wave(A))
    runs.close()
    gc.collect()
    assert kept() is None
    with pytest.raises(OmicsError, match="has ended"):
        runs.start(_wave(B))
    runs.close()
