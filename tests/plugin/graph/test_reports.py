"""Each failure is told once, whether Snakemake waits for the job or has not asked for it yet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_omics.graph import internals, reports
from snakemake_executor_omics.model import JobKey


class _Unit:
    """A job, or a group of them, with what is told of it."""

    def __init__(self, name: str, *jobs: _Unit, retries: int = 0) -> None:
        self.name, self.jobs, self.retries = name, jobs, retries
        self.errors: list[tuple[str, str | None]] = []

    def is_group(self) -> bool:
        return bool(self.jobs)

    def log_error(self, text: str, external_jobid: str | None = None) -> None:
        self.errors.append((text, external_jobid))


def _key(unit: _Unit) -> JobKey:
    return JobKey(unit.name, (), ())


class _Snakemake:
    """What a graph of these units needs to run, and what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *units: _Unit, keep_going: bool = False):
        self.failed_before_start: list[_Unit] = []
        self.given_up: list[JobKey] = []
        self.said: list[str] = []
        group = {job: unit for unit in units for job in unit.jobs}
        self.workflow = SimpleNamespace(
            execution_settings=SimpleNamespace(keep_going=keep_going),
            dag=SimpleNamespace(get_job_group=group.get),
        )
        needed = [job for unit in units for job in unit.jobs or (unit,)]
        monkeypatch.setattr(internals, "needed_jobs", lambda workflow: needed)
        monkeypatch.setattr(internals, "goes_on", lambda workflow: True)
        monkeypatch.setattr(internals, "is_tried_again", lambda unit: unit.retries > 0)
        monkeypatch.setattr(
            internals, "fail_before_start", lambda _, unit: self.failed_before_start.append(unit)
        )
        monkeypatch.setattr(reports, "job_key", _key)
        monkeypatch.setattr(reports, "members", lambda unit: unit.jobs or (unit,))

    def fail(self, failures: dict[str, str], *waits_for: _Unit) -> tuple[list[Any], bool]:
        log: Any = SimpleNamespace(error=self.said.append)
        infos = {_key(u): SimpleNamespace(job=u, external_jobid="run/task") for u in waits_for}
        return reports.tell_failures(
            self.workflow,
            {JobKey(name, (), ()): (why,) for name, why in failures.items()},
            infos,
            self.given_up.extend,
            log,
        )


def test_a_job_that_snakemake_waits_for_is_told_with_its_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = _Unit("a")
    snakemake = _Snakemake(monkeypatch, job)
    assert snakemake.fail({"a": "exit 3"}, job) == ([job], False)
    assert job.errors == [("exit 3", "run/task")]
    assert set(snakemake.given_up) == {_key(job)}
    assert not snakemake.failed_before_start


def test_a_job_that_was_not_asked_for_fails_before_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, other = _Unit("a"), _Unit("b")
    snakemake = _Snakemake(monkeypatch, job, other)
    assert snakemake.fail({"a": "exit 3", "b": "exit 4"}, other) == ([other], False)
    assert job.errors == [("exit 3", None)]
    assert snakemake.failed_before_start == [job]


def test_a_group_of_which_several_tasks_failed_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = _Unit("g", _Unit("a"), _Unit("b"))
    snakemake = _Snakemake(monkeypatch, group)
    snakemake.fail({"a": "exit 3", "b": "exit 4"})
    assert snakemake.failed_before_start == [group]
    assert snakemake.said == ["omics: exit 3"]
    assert {key.rule for key in snakemake.given_up} == {"g", "a", "b"}


def test_a_job_that_the_graph_has_no_more_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    snakemake = _Snakemake(monkeypatch, _Unit("a"))
    assert snakemake.fail({"gone": "exit 3"}) == ([], True)
    assert not snakemake.given_up


@pytest.mark.parametrize(
    ("retries", "keep_going", "goes_on"), [(0, False, False), (0, True, True), (1, False, True)]
)
def test_snakemake_goes_on_after_a_failure_that_it_tries_again_or_lives_with(
    monkeypatch: pytest.MonkeyPatch, retries: int, keep_going: bool, goes_on: bool
) -> None:
    job = _Unit("a", retries=retries)
    snakemake = _Snakemake(monkeypatch, job, keep_going=keep_going)
    assert snakemake.fail({"a": "exit 3"}, job) == ([job], goes_on)
    assert bool(snakemake.given_up) == (retries == 0)
