"""Reports of runs that never were, of any size: the same for the same size."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from snakemake_executor_omics.aws.manifest import StorageUse, TaskUse
from snakemake_executor_omics.aws.records import RunStatus
from snakemake_executor_omics.cost.bill import task_dollars
from snakemake_executor_omics.cost.instances import smallest
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.model import JobState
from snakemake_executor_omics.report.model import (
    PriceSource,
    Report,
    ReportedFailure,
    ReportedRun,
    ReportedTask,
)

BEGAN = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
PRICES = prices_of("us-east-1")

# Of each rule: name, vCPUs and GiB asked for, those used, seconds, the rules that it reads from.
RULES = (
    ("trim", 2, 4, 0.9, 0.4, 25, ()),
    ("align", 16, 64, 6.2, 11.0, 900, ("trim", "index")),
    ("index", 4, 16, 1.0, 6.0, 400, ()),
    ("sort", 4, 16, 3.1, 13.5, 300, ("align",)),
    ("call", 4, 32, 1.4, 5.0, 1500, ("sort",)),
    ("merge", 2, 8, 1.0, 7.7, 200, ("call",)),
)
_ONCE = ("index", "merge")
_AT_ONCE = 25  # tasks of a run


def made_report(tasks: int, *, failed: int = 1, cached: int = 2) -> Report:
    """A cohort of about so many tasks, as one run; the last `call`s fail, the first are cached."""
    chance = random.Random(tasks)
    samples = max(1, (tasks - len(_ONCE)) // (len(RULES) - len(_ONCE)))
    free = [60.0] * _AT_ONCE  # when each place is free again, in seconds
    found: list[ReportedTask] = []
    ends: dict[str, list[float]] = {}
    for rule, cpus, gib, cpus_used, gib_used, seconds, parents in _in_order():
        count = 1 if rule in _ONCE else samples
        for number in range(count):
            place = min(range(_AT_ONCE), key=free.__getitem__)
            ready = max((end for parent in parents for end in _of(ends, parent, number)), default=0)
            start = max(free[place], ready + 20)
            took = seconds * chance.uniform(0.6, 1.3)
            is_cached = rule == "trim" and number < cached
            state = JobState.CACHED if is_cached else JobState.DONE
            if rule == "call" and number >= count - failed:
                state = JobState.FAILED
            instance = smallest(cpus, gib)
            assert instance is not None
            dollars = task_dollars(PRICES, instance.name, took) or 0
            made = not is_cached
            title = rule if rule in _ONCE else f"{rule} (sample=S{number:04})"
            found.append(
                ReportedTask(
                    run="1234567",
                    id=str(2_000_000 + len(found)),
                    name=f"{rule}_S{number:04}",
                    job=title,
                    rule=rule,
                    state=state,
                    created=_at(ready) if made else None,
                    started=_at(start) if made else None,
                    stopped=_at(start + took) if made else None,
                    cpus=cpus,
                    memory_gib=gib,
                    instance=instance.name,
                    use=TaskUse(
                        seconds=took,
                        cpus_reserved=instance.vcpus,
                        cpus_average=cpus_used * 0.7,
                        cpus_maximum=cpus_used * chance.uniform(0.8, 1),
                        memory_reserved_gib=instance.memory_gib,
                        memory_average_gib=gib_used * 0.5,
                        memory_maximum_gib=gib_used * chance.uniform(0.7, 1),
                    )
                    if made
                    else None,
                    dollars=dollars if made else 0.0,
                    saved=dollars if is_cached else None,
                    parents=tuple(
                        f"{parent}_S{0 if parent in _ONCE else number:04}" for parent in parents
                    ),
                )
            )
            if made:
                free[place] = start + took
            ends.setdefault(rule, []).append(start + took if made else 0.0)
    last = max(max(times) for times in ends.values()) + 30
    failures = [task for task in found if task.state is JobState.FAILED]
    return Report(
        made=_at(last + 600),
        where="AWS HealthOmics in us-east-1",
        command="snakemake --executor omics --jobs 1000",
        runs=(
            ReportedRun(
                id="1234567",
                name="cohort",
                status=RunStatus.FAILED if failed else RunStatus.COMPLETED,
                workflow="7654321 version 0123abcd",
                created=_at(-300),
                started=_at(0),
                stopped=_at(last),
                jobs=len(found),
                storage_type="DYNAMIC",
                storage=StorageUse(seconds=last, average_gib=110.4, maximum_gib=240.0),
                storage_dollars=0.000411 * 110.4 * last / 3600,
                why="RUN_TASK_FAILED: a task failed" if failed else "",
            ),
        ),
        tasks=tuple(sorted(found, key=lambda task: task.age)),
        failures=tuple(
            ReportedFailure(
                task=task,
                reason="RUN_TASK_FAILED",
                message="exit status 2",
                hints=("look at its log",),
                lines=("[E::hts_open_format] Failed to open file", "cannot call"),
                logs={f"logs/{task.name}.log": "reading\ncannot call\n"},
                places=(f"log: stream run/1234567/task/{task.id} of log group /aws/omics",),
            )
            for task in failures
        ),
        prices=PriceSource(region="us-east-1", noted=PRICES.noted, source=PRICES.source),
    )


def _in_order() -> list[tuple[str, int, int, float, float, int, tuple[str, ...]]]:
    """Parents before what reads from them."""
    return sorted(RULES, key=lambda rule: ("trim index align sort call merge").index(rule[0]))


def _of(ends: dict[str, list[float]], parent: str, number: int) -> list[float]:
    times = ends[parent]
    return [times[0] if parent in _ONCE else times[number]]


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)
