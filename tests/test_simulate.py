"""The simulator that the defaults were chosen with: its bill and its makespan, by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from simulate import Service, SimulatedTask, cohort, simulate

BARE = Service(run_start=0, task_creation=0, task_start=0)


def hours(jobs: int, seconds: float, service: Service, runs: int = 1) -> float:
    order, parents = cohort(jobs, 1, gather=False)
    tasks = dict.fromkeys(order, SimulatedTask(seconds))
    outcome = simulate(order, parents, tasks, service, parallel_runs=runs, max_tasks=jobs)
    return outcome.hours * 3600


def test_25_tasks_of_a_run_work_at_once() -> None:
    assert hours(25, 100, BARE) == 100
    assert hours(26, 100, BARE) == 200


def test_a_run_creates_its_tasks_one_by_one() -> None:
    """The last of 11 tasks is created 10 x 5 s after the first, and starts 180 s later."""
    assert hours(11, 100, Service()) == 300 + 10 * 5 + 180 + 100


def test_runs_side_by_side_have_their_own_pace() -> None:
    """Two runs of 10 tasks each, the second started one second later."""
    assert hours(20, 100, Service(), runs=2) == 1 + 300 + 9 * 5 + 180 + 100


def test_no_more_runs_are_active_than_the_account_may_have() -> None:
    one = Service(run_start=0, task_creation=0, task_start=0, start_run=0, active_runs=1)
    assert hours(4, 100, one, runs=2) == 200


def test_the_instances_of_all_runs_share_the_accounts_vcpus() -> None:
    few = Service(run_start=0, task_creation=0, task_start=0, start_run=0, active_vcpus=4)
    assert hours(4, 100, few, runs=2) == 200


def test_short_jobs_share_the_minute_that_is_billed() -> None:
    """Twelve of 5 s make a task: two tasks, the second created 5 s after the first."""
    order, parents = cohort(24, 1, gather=False)
    outcome = simulate(order, parents, dict.fromkeys(order, SimulatedTask(5)), Service(), pack=None)
    assert (outcome.tasks, outcome.hours * 3600) == (2, 300 + 5 + 180 + 60)
    assert outcome.dollars == pytest.approx(2 * 0.1148 / 60)


def test_what_gathers_across_runs_is_a_wave_of_its_own() -> None:
    order, parents = cohort(4, 2)
    tasks = dict.fromkeys(order, SimulatedTask(100))
    outcome = simulate(order, parents, tasks, BARE, parallel_runs=2, max_tasks=100)
    assert (outcome.runs, outcome.waves) == (3, 2)
    assert outcome.hours * 3600 == pytest.approx(1 + 200 + 100)


@pytest.mark.parametrize("waiting_counts", [False, True])
def test_every_job_is_done_under_both_readings_of_concurrent(waiting_counts: bool) -> None:
    service = Service(waiting_counts=waiting_counts)
    order, parents = cohort(60, 3)
    tasks = dict.fromkeys(order, SimulatedTask(60))
    outcome = simulate(order, parents, tasks, service, max_tasks=1_000)
    longest_chain = 300 + 4 * (180 + 60)
    assert longest_chain < outcome.hours * 3600 < 10 * longest_chain
