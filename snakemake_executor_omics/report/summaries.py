"""What a report comes to: by rule, in all, and what waited. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ..cost.bill import billed_seconds
from ..model import JobState
from .estimate import Estimated
from .model import Report, ReportedRun, ReportedTask, seconds_between


@dataclass(frozen=True, slots=True)
class Spread:
    """Numbers of a kind: how many there are, their sum, the middle one and the largest."""

    count: int
    total: float
    median: float
    largest: float


def spread(numbers: Iterable[float | None]) -> Spread | None:
    """None of none."""
    known = [number for number in numbers if number is not None]
    return Spread(len(known), sum(known), median(known), max(known)) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSummary:
    """The tasks of a rule. Seconds, vCPUs, GiB; what they asked for is the largest of it.

    `cpus_used` and `memory_used` are of each task the most that was measured, `cpus_average` is
    weighted by time. `dollars` are of all attempts; `unpriced` of them have no price.
    """

    rule: str
    is_of_one: bool = True
    tasks: int
    states: dict[JobState, int]
    retries: int = 0
    seconds: Spread | None = None
    billed_seconds: float = 0.0
    queued: Spread | None = None
    cpus: int | None = None
    memory_gib: int | None = None
    gpus: int = 0
    instances: tuple[str, ...] = ()
    cpus_used: Spread | None = None
    cpus_average: float | None = None
    memory_used: Spread | None = None
    dollars: float = 0.0
    unpriced: int = 0
    saved: float = 0.0
    unknown_savings: int = 0

    def count(self, state: JobState) -> int:
        return self.states.get(state, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Time in which nothing worked, or that tasks stood in a queue: then half of them, `of` all."""

    what: str
    seconds: float
    of: Spread | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All of it. `seconds` are from the first run's creation to the last one's end.

    Of what was reserved `cpu_share` and `memory_share` were in use, on the average over the time
    of the tasks that were measured.
    """

    tasks: int
    states: dict[JobState, int]
    seconds: float | None = None
    task_seconds: float = 0.0
    queued_seconds: float = 0.0
    instance_dollars: float = 0.0
    storage_dollars: float = 0.0
    unpriced: int = 0
    saved: float = 0.0
    unknown_savings: int = 0
    cpu_share: float | None = None
    memory_share: float | None = None

    @property
    def dollars(self) -> float:
        return self.instance_dollars + self.storage_dollars


@dataclass(frozen=True, slots=True)
class Summary:
    """A report with what it comes to, and what was expected."""

    report: Report
    rules: Sequence[RuleSummary]
    totals: Totals
    waits: Sequence[Wait]
    estimated: Estimated | None = None


def summarize(report: Report, estimated: Estimated | None = None) -> Summary:
    rules = by_rule(report.tasks)
    return Summary(report, rules, totals(report, rules), waits(report, rules), estimated)


def by_rule(tasks: Sequence[ReportedTask]) -> list[RuleSummary]:
    """The rules, in the order in which their first tasks were made."""
    groups: dict[str, list[ReportedTask]] = {}
    for task in sorted(tasks, key=lambda task: task.age):
        groups.setdefault(task.rule, []).append(task)
    return [_of_rule(rule, attempts) for rule, attempts in groups.items()]


def _of_rule(rule: str, attempts: Sequence[ReportedTask]) -> RuleSummary:
    newest = [task for task in attempts if not task.superseded]
    used = [task.use for task in attempts if task.use is not None]
    cpu_seconds = [
        (use.cpus_average * use.seconds, use.seconds)
        for use in used
        if use.cpus_average is not None and use.seconds
    ]
    measured = sum(seconds for _, seconds in cpu_seconds)
    return RuleSummary(
        rule=rule,
        is_of_one=all(task.is_of_one for task in attempts),
        tasks=len(newest),
        states=count_states(newest),
        retries=len(attempts) - len(newest),
        seconds=spread(task.seconds for task in attempts if task.state is not JobState.CACHED),
        billed_seconds=sum(
            billed_seconds(task.seconds)
            for task in attempts
            if task.seconds is not None and task.state is not JobState.CACHED
        ),
        queued=spread(task.queued for task in attempts if task.state is not JobState.CACHED),
        cpus=max((task.cpus for task in attempts if task.cpus is not None), default=None),
        memory_gib=max(
            (task.memory_gib for task in attempts if task.memory_gib is not None), default=None
        ),
        gpus=max(task.gpus for task in attempts),
        instances=tuple(sorted({task.instance for task in attempts if task.instance})),
        cpus_used=spread(use.cpus_maximum for use in used),
        cpus_average=sum(cpu for cpu, _ in cpu_seconds) / measured if measured else None,
        memory_used=spread(use.memory_maximum_gib for use in used),
        dollars=sum(task.dollars or 0.0 for task in attempts),
        unpriced=sum(task.dollars is None for task in attempts),
        saved=sum(task.saved or 0.0 for task in attempts),
        unknown_savings=sum(
            task.saved is None for task in attempts if task.state is JobState.CACHED
        ),
    )


def count_states(tasks: Iterable[ReportedTask]) -> dict[JobState, int]:
    """How many tasks are in each state, in the order of the states."""
    found = dict.fromkeys(JobState, 0)
    for task in tasks:
        found[task.state] += 1
    return {state: count for state, count in found.items() if count}


def totals(report: Report, rules: Sequence[RuleSummary]) -> Totals:
    """What all rules come to, with the storage of the runs."""
    newest = [task for task in report.tasks if not task.superseded]
    instances = sum(rule.dollars for rule in rules)
    storage = sum(run.storage_dollars or 0.0 for run in report.runs)
    return Totals(
        tasks=len(newest),
        states=count_states(newest),
        seconds=_makespan(report),
        task_seconds=sum(rule.seconds.total for rule in rules if rule.seconds),
        queued_seconds=sum(rule.queued.total for rule in rules if rule.queued),
        instance_dollars=instances,
        storage_dollars=storage,
        unpriced=sum(rule.unpriced for rule in rules)
        + sum(run.storage_dollars is None for run in report.runs),
        saved=sum(rule.saved for rule in rules),
        unknown_savings=sum(rule.unknown_savings for rule in rules),
        cpu_share=_share(report.tasks, "cpus_average", "cpus_reserved"),
        memory_share=_share(report.tasks, "memory_average_gib", "memory_reserved_gib"),
    )


def _makespan(report: Report) -> float | None:
    begins = [run.created for run in report.runs if run.created is not None]
    if not begins:
        return None
    ends = [run.stopped or report.made for run in report.runs]
    return seconds_between(min(begins), max(ends))


def _share(tasks: Iterable[ReportedTask], used: str, reserved: str) -> float | None:
    numerator = denominator = 0.0
    for task in tasks:
        if task.use is None or task.use.seconds is None:
            continue
        had, was = getattr(task.use, reserved), getattr(task.use, used)
        if had and was is not None:
            numerator += was * task.use.seconds
            denominator += had * task.use.seconds
    return numerator / denominator if denominator else None


def waits(report: Report, rules: Sequence[RuleSummary]) -> list[Wait]:
    """What was waited for, the longest first: starts of runs, gaps between them, queues."""
    found = [
        Wait(what=f"run {run.id} until it was running", seconds=run.waited)
        for run in report.runs
        if run.waited
    ]
    found += _gaps_between(report.runs)
    found += [
        Wait(
            what=f"tasks of {rule.rule} until they started",
            seconds=rule.queued.median,
            of=rule.queued,
        )
        for rule in rules
        if rule.queued is not None and rule.queued.total > 0
    ]
    return sorted(found, key=lambda wait: -wait.seconds)


def _gaps_between(runs: Sequence[ReportedRun]) -> list[Wait]:
    """The times in which none of several runs was there."""
    spans = sorted(
        (run.created, run.stopped, run.id) for run in runs if run.created and run.stopped
    )
    found = []
    latest, last = None, ""
    for (_, stopped, id), (following, _, next_id) in pairwise(spans):
        if latest is None or stopped > latest:
            latest, last = stopped, id
        if following > latest:
            found.append(
                Wait(
                    what=f"between run {last} and run {next_id}",
                    seconds=(following - latest).total_seconds(),
                    note="Snakemake fetched results, worked on local jobs and planned on",
                )
            )
    return found
