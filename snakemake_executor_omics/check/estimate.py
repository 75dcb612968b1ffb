"""What a planned workflow takes and costs, from known durations or stated assumptions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..cost.bill import billed_seconds, storage_dollars, task_dollars
from ..cost.instances import NAMED, Instance, instance_of, is_open
from ..cost.makespan import Service, Work, spans
from ..cost.prices import Prices
from ..graph.durations import Duration
from ..graph.planned import Planned, PlannedJob
from ..model import JobKey

_LEAST = NAMED["omics.c.large"]  # for a job whose resources only files will tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is taken where nothing is known; `storage_gib` is what all files take on DYNAMIC."""

    minutes: float
    storage_gib: float
    static_gib: int | None = None  # the size of STATIC storage
    own_disks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEstimate:
    """A task on its instance; without `source` its time is assumed, with `is_open` its size."""

    instance: Instance
    seconds: float
    dollars: float
    source: str | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """All tasks, and the storage of all runs: what it costs, and when the last run ends."""

    tasks: Mapping[JobKey, TaskEstimate]
    instance_hours: float
    instance_dollars: float
    storage_gib_hours: float
    storage_dollars: float
    run_hours: float
    makespan_hours: float
    assumed: Assumed
    prices: Prices

    @property
    def dollars(self) -> float:
        return self.instance_dollars + self.storage_dollars


def estimate(
    planned: Planned,
    durations: Mapping[JobKey, Duration],
    prices: Prices,
    assumed: Assumed,
    service: Service | None = None,
) -> Estimate:
    """The bill and the makespan, wave after wave.

    A wave is taken to start when all runs of the one before have ended, and local rules to take
    no time: the first is too long, the second too short.
    """
    jobs = {job.key: job for job in planned.jobs}
    tasks: dict[JobKey, TaskEstimate] = {}
    clock = running = gib_hours = 0.0
    for runs in planned.waves:
        keys = [key for run in runs for key in run]
        tasks |= {key: _task(jobs[key], durations.get(key), prices, assumed) for key in keys}
        work = {key: Work(tasks[key].seconds, tasks[key].instance.vcpus) for key in keys}
        found = spans(runs, planned.parents, work, service or Service(), clock)
        for run, span in zip(runs, found, strict=True):
            share = assumed.storage_gib * len(run) / len(keys)
            gib = share if assumed.static_gib is None else assumed.static_gib
            gib_hours += gib * span.seconds / 3600
            running += span.seconds
        clock = max(span.end for span in found)
    return Estimate(
        tasks=tasks,
        instance_hours=sum(billed_seconds(task.seconds) for task in tasks.values()) / 3600,
        instance_dollars=sum(task.dollars for task in tasks.values()),
        storage_gib_hours=gib_hours,
        storage_dollars=storage_dollars(
            prices, 3600, gib_hours, static=assumed.static_gib is not None
        ),
        run_hours=running / 3600,
        makespan_hours=clock / 3600,
        assumed=assumed,
        prices=prices,
    )


def _task(
    job: PlannedJob, known: Duration | None, prices: Prices, assumed: Assumed
) -> TaskEstimate:
    resources = None if job.task is None else job.task.resources
    instance = (None if resources is None else instance_of(resources)) or _LEAST
    disk = resources.disk_gib if resources is not None and assumed.own_disks else None
    seconds = 60 * assumed.minutes if known is None else known.seconds
    dollars = task_dollars(
        prices, instance.name, seconds, disk_gib=disk if isinstance(disk, int) else 0
    )
    return TaskEstimate(
        instance=instance,
        seconds=seconds,
        dollars=dollars or 0.0,
        source=None if known is None else known.source.value,
        is_open=resources is None or is_open(resources),
    )
