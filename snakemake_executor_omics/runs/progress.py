"""What a poll tells: how far a run is, and what has changed since the one before. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from ..aws.records import RunTask
from ..cost.bill import task_dollars
from ..cost.prices import Prices
from ..limits import MAX_PAGE
from ..model import JobKey, JobState

_NAMED = 3  # jobs of a rule that are named one by one


def summary(states: Mapping[JobKey, JobState]) -> str:
    """One line for people: `12 of 40 done (3 cached), 4 running, 2 queued`."""
    counts = Counter(states.values())
    done = counts[JobState.DONE] + counts[JobState.CACHED]
    cached = f" ({counts[JobState.CACHED]} cached)" if counts[JobState.CACHED] else ""
    rest = [
        f"{counts[state]} {state}"
        for state in (
            JobState.ENDED,
            JobState.RUNNING,
            JobState.QUEUED,
            JobState.FAILED,
            JobState.CANCELLED,
        )
        if counts[state]
    ]
    return ", ".join([f"{done} of {len(states)} done{cached}", *rest])


def changes(before: Mapping[JobKey, JobState], now: Mapping[JobKey, JobState]) -> str:
    """What became of which jobs, by state and rule: `done: 40 of align; running: sort (s=A)`.

    Many jobs of a rule are counted: a cohort would print a line for each job and state otherwise.
    """
    found: dict[JobState, dict[str, list[JobKey]]] = {}
    for key, state in now.items():
        if state is not before.get(key) and state is not JobState.WAITING:
            found.setdefault(state, {}).setdefault(key.rule, []).append(key)
    return "; ".join(
        f"{state}: " + ", ".join(map(_named, found[state].values()))
        for state in JobState
        if state in found
    )


def _named(keys: list[JobKey]) -> str:
    if len(keys) <= _NAMED:
        return ", ".join(map(str, keys))
    return f"{len(keys)} of {keys[0].rule}"


def is_listed(tasks: int, polls: int) -> bool:
    """Whether a poll lists the tasks of a run in flight, the last time `polls` polls ago.

    A listing has a request for each 100 tasks. It is made as many polls apart, so that a poll costs
    one in the mean however many tasks there are; the end of the run is always listed.
    """
    return polls >= -(-tasks // MAX_PAGE)


def dollars_so_far(tasks: Iterable[RunTask], prices: Prices, now: datetime) -> float:
    """What the instances of tasks cost until `now`; one that has no price is left out."""
    costs = (
        task_dollars(prices, task.instance, ((task.stopped or now) - task.started).total_seconds())
        for task in tasks
        if task.started is not None and task.instance is not None and not task.cache_hit
    )
    return sum(cost for cost in costs if cost is not None)
