"""The table of a checked workflow: jobs that are alike in one row, in the order of the graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..graph.planned import How, PlannedJob
from ..model import Resources
from .checked import Checked
from .estimate import JobEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Jobs of one rule or group that run alike; `seconds` and `dollars` are of all of them.

    `sources` say who told the seconds, and where nobody did they are assumed. The instance is open
    where the inputs decide it.
    """

    rule: str
    where: str
    jobs: int
    how: How
    wave: int
    resources: Resources | None = None
    instance: str | None = None
    is_open: bool = False
    image: str | None = None
    seconds: float = 0.0
    dollars: float = 0.0
    sources: tuple[str, ...] = ()
    assumed: int = 0


_Kind = tuple[object, ...]


def rows(checked: Checked) -> list[Row]:
    """Rows with the same rule stand together, by wave."""
    kinds: dict[_Kind, list[PlannedJob]] = {}
    rank: dict[tuple[str, ...], int] = {}
    for job in checked.planned.jobs:
        rank.setdefault(job.rules, len(rank))
        kinds.setdefault(_kind(job, checked.estimate.jobs.get(job.key)), []).append(job)
    found = [_row(jobs, checked) for jobs in kinds.values()]
    order = {"+".join(rules): number for rules, number in rank.items()}
    return sorted(found, key=lambda row: (order[row.rule], row.wave, row.instance or ""))


def _kind(job: PlannedJob, estimated: JobEstimate | None) -> _Kind:
    task = job.task
    return (
        job.rules,
        job.how,
        job.wave,
        None if estimated is None else estimated.instance,
        None if task is None else (task.resources.cpus, task.resources.memory_mb, task.container),
    )


def _row(jobs: list[PlannedJob], checked: Checked) -> Row:
    first, task = jobs[0], jobs[0].task
    estimated = _known(checked.estimate.jobs.get(job.key) for job in jobs)
    return Row(
        rule="+".join(first.rules),
        where=first.where,
        jobs=len(jobs),
        how=first.how,
        wave=first.wave,
        resources=None if task is None else task.resources,
        instance=estimated[0].instance.name if estimated else None,
        is_open=any(one.is_open for one in estimated),
        image=None if task is None else task.container,
        seconds=sum(one.seconds for one in estimated),
        dollars=sum(one.dollars for one in estimated),
        sources=tuple(sorted({one.source for one in estimated if one.source is not None})),
        assumed=sum(one.source is None for one in estimated),
    )


def _known(estimated: Iterable[JobEstimate | None]) -> list[JobEstimate]:
    return [one for one in estimated if one is not None]
