"""What a poll tells, and how often tasks are listed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.aws.records import RunTask, TaskStatus
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.model import JobKey, JobState
from snakemake_executor_omics.runs.progress import (
    changes,
    dollars_so_far,
    is_listed,
    summary,
)


def jobs(rule: str, count: int, state: JobState) -> dict[JobKey, JobState]:
    return {JobKey(rule, (("s", str(n)),), (f"{rule}{n}",)): state for n in range(count)}


def test_the_summary_counts_what_is_done_cached_and_under_way() -> None:
    states = jobs("a", 2, JobState.DONE) | jobs("b", 1, JobState.CACHED)
    states |= jobs("c", 1, JobState.RUNNING) | jobs("d", 4, JobState.WAITING)
    assert summary(states) == "3 of 8 done (1 cached), 1 running"


def test_changes_are_told_by_state_and_rule_and_many_are_counted() -> None:
    before = jobs("align", 40, JobState.RUNNING) | jobs("sort", 40, JobState.WAITING)
    now = jobs("align", 40, JobState.DONE) | jobs("sort", 40, JobState.WAITING)
    now |= jobs("sort", 2, JobState.RUNNING)
    assert changes(before, now) == "running: sort (s=0), sort (s=1); done: 40 of align"


def test_nothing_new_is_nothing_said() -> None:
    states = jobs("align", 3, JobState.RUNNING)
    assert changes(states, states) == ""
    assert changes({}, jobs("align", 3, JobState.WAITING)) == ""


@given(polls=st.integers(1, 300), tasks=st.integers(0, 20_000))
def test_listings_cost_about_a_request_a_poll(polls: int, tasks: int) -> None:
    requests, since = 0, 1
    for _ in range(polls):
        if is_listed(tasks, since):
            requests, since = requests + max(1, -(-tasks // 100)), 1
        else:
            since += 1
    assert requests <= polls
    assert tasks > 100 or requests == polls


def test_what_tasks_cost_so_far_counts_those_that_work() -> None:
    prices, now = prices_of("us-east-1"), datetime(2026, 11, 29, 12, tzinfo=UTC)
    hour = prices.of_instance("omics.c.large")
    assert hour is not None

    def task(id: str, **more: Any) -> RunTask:
        return RunTask(id=id, name="t", status=TaskStatus.RUNNING, instance="omics.c.large", **more)

    tasks = [
        task("since an hour", started=now - timedelta(hours=1)),
        task(
            "five seconds", started=now - timedelta(hours=2), stopped=now - timedelta(minutes=119)
        ),
        task("from the cache", started=now - timedelta(hours=1), cache_hit=True),
        task("waits"),
    ]
    assert dollars_so_far(tasks, prices, now) == pytest.approx(hour * 61 / 60)
