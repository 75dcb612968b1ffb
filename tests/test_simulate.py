"""The simulator that the defaults were chosen with: its bill and its makespan, by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from simulate import Outcome, Service, SimulatedTask, behind, cohort, simulate

from snakemake_executor_omics.cost.bill import storage_dollars
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.cost.quotas import Quotas

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


# --- bills worked out by hand, from documented prices and the assumptions of `Service` -----------
# us-east-1, dollars an hour: omics.c.large 0.1148, omics.r.2xlarge 0.6804, omics.g4dn.xlarge 0.7101
# (estimated); run storage a GB and hour: STATIC 0.0001918 (1,200 GiB at least), DYNAMIC 0.000411.

A_MINUTE = 0.1148 / 60


def of(
    graph: tuple[list[int], dict[int, list[int]]],
    tasks: dict[int, SimulatedTask] | SimulatedTask,
    **how: Any,
) -> Outcome:
    order, parents = graph
    each = dict.fromkeys(order, tasks) if isinstance(tasks, SimulatedTask) else tasks
    return simulate(order, parents, each, how.pop("service", Service()), **how)


def test_a_chain_of_200_pays_a_start_for_each_link() -> None:
    """A link of 10 minutes: 180 s until its instance, then 600. One run, which 300 s start."""
    found = of(cohort(1, 200, gather=False), SimulatedTask(600))
    assert (found.runs, found.waves, found.tasks) == (1, 1, 200)
    assert found.hours * 3600 == pytest.approx(300 + 200 * (180 + 600))
    assert found.dollars == pytest.approx(200 * 10 * A_MINUTE)  # 3.83
    assert found.run_hours * 3600 == pytest.approx(200 * (180 + 600))


def test_a_chain_of_200_short_jobs_is_packed_up_to_160_seconds() -> None:
    """20 s each: packs of 8, so 25 tasks of 160 s, 4,000 s in all instead of 200 minutes."""
    chain = cohort(1, 200, gather=False)
    alone, packed = (of(chain, SimulatedTask(20), pack=most) for most in (1, None))
    assert alone.hours * 3600 == pytest.approx(300 + 200 * (180 + 20))
    assert alone.dollars == pytest.approx(200 * A_MINUTE)
    assert packed.tasks == 25
    assert packed.hours * 3600 == pytest.approx(300 + 25 * (180 + 160))
    assert packed.dollars == pytest.approx(4_000 / 60 * A_MINUTE)


def test_a_gather_of_5_000_waits_for_the_last_that_the_last_run_creates() -> None:
    """Ten runs of 500: the tenth is RUNNING at 309 s and creates its last task 499 x 5 s later."""
    found = of(cohort(5_000, 1), SimulatedTask(30))
    assert (found.runs, found.waves, found.tasks) == (11, 2, 5_001)
    first = 309 + 499 * 5 + 180 + 30
    assert found.hours * 3600 == pytest.approx(first + 300 + 180 + 30)
    assert found.dollars == pytest.approx(5_001 * A_MINUTE)  # a minute at least: 9.57
    assert found.run_hours * 3600 == pytest.approx(10 * (499 * 5 + 180 + 30) + 180 + 30)


def test_a_gather_in_an_account_with_more_runs_is_sooner_and_costs_the_same() -> None:
    """50 runs of 100, started a second apart: 349 s, then 99 x 5 s of tasks."""
    quotas = Quotas(active_runs=50, told="2026-11-28")
    found = of(cohort(5_000, 1), SimulatedTask(30), quotas=quotas, service=Service(active_runs=50))
    assert found.runs == 51
    assert found.hours * 3600 == pytest.approx(349 + 99 * 5 + 180 + 30 + 300 + 180 + 30)
    assert found.dollars == pytest.approx(5_001 * A_MINUTE)


def test_a_diamond_goes_on_when_its_slowest_side_is_done() -> None:
    """One job, two beside each other of 10 minutes and 2 hours, one that reads both."""
    parents = {0: [], 1: [0], 2: [0], 3: [1, 2]}
    tasks = {
        0: SimulatedTask(60),
        1: SimulatedTask(600),
        2: SimulatedTask(7_200, cpus=8, memory_gib=60),  # omics.r.2xlarge
        3: SimulatedTask(60),
    }
    found = of((list(parents), parents), tasks)
    # The second side is created 5 s after the first.
    assert found.hours * 3600 == pytest.approx(300 + 240 + 5 + 180 + 7_200 + 180 + 60)
    assert found.dollars == pytest.approx(12 * A_MINUTE + 2 * 0.6804)
    assert found.run_hours * 3600 == pytest.approx(240 + 5 + 180 + 7_200 + 240)


def test_a_straggler_keeps_the_storage_of_its_run_and_all_that_gathers_waiting() -> None:
    """24 samples of 5 minutes and one, the last that is created, of 4 hours."""
    order, parents = cohort(25, 1)
    tasks = dict.fromkeys(order, SimulatedTask(300)) | {24: SimulatedTask(4 * 3600)}
    found = of((order, parents), tasks)
    running = 24 * 5 + 180 + 4 * 3600 + 180 + 300
    assert found.run_hours * 3600 == pytest.approx(running)
    assert found.dollars == pytest.approx((25 * 5 + 240) * A_MINUTE)
    static = storage_dollars(prices_of("us-east-1"), running, 1_200, static=True)
    assert static == pytest.approx(1_200 * 0.0001918 * running / 3600)  # 0.97
    assert static > found.dollars


def test_no_more_gpus_are_at_work_than_the_account_may_have() -> None:
    """30 hours of omics.g4dn.xlarge, 12 GPUs at once: three rounds."""
    tasks = SimulatedTask(3_600, cpus=4, memory_gib=16, gpus=1)
    bare = Service(run_start=0, task_creation=0, task_start=0, tasks_per_run=100)
    found = of(cohort(30, 1, gather=False), tasks, service=bare)
    assert found.hours == pytest.approx(3)
    assert found.dollars == pytest.approx(30 * 0.7101)


def test_storage_by_what_is_there_or_by_what_is_reserved() -> None:
    """A cohort behind an index in one run: 500 GB of files, for as long as it is RUNNING."""
    found = of(behind(2, cohort(20, 3)), SimulatedTask(600), parallel_runs=1)
    # Two jobs, then twenty that are created within 95 s, two more steps of each, and the gather.
    assert found.run_hours * 3600 == pytest.approx(2 * 780 + 95 + 3 * 780 + 780)
    hours, prices = found.run_hours, prices_of("us-east-1")
    assert storage_dollars(prices, 3600 * hours, 500) == pytest.approx(500 * 0.000411 * hours)
    assert storage_dollars(prices, 3600 * hours, 1_200, static=True) == pytest.approx(
        1_200 * 0.0001918 * hours
    )


def test_a_pack_of_different_instances_pays_the_larger_one_for_one_minute() -> None:
    """20 s of omics.c.large before 30 s of omics.r.2xlarge: 50 s, a minute of the larger one."""
    chain = cohort(1, 2, gather=False)
    tasks = {0: SimulatedTask(20), 1: SimulatedTask(30, cpus=8, memory_gib=60)}
    alone, packed = (of(chain, tasks, pack=most) for most in (1, None))
    assert alone.dollars == pytest.approx((0.1148 + 0.6804) / 60)
    assert (packed.tasks, packed.dollars) == (1, pytest.approx(0.6804 / 60))
    longer = {0: SimulatedTask(40), 1: SimulatedTask(30, cpus=8, memory_gib=60)}
    assert of(chain, longer, pack=None).tasks == 2  # 70 s of the larger one would cost more
