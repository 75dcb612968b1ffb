"""What a planned workflow takes and costs, from known durations or stated assumptions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..cost.bill import billed_seconds, storage_dollars, task_dollars
from ..cost.instances import NAMED, Instance, instance_of, is_open
from ..cost.makespan import Service, Work, spans
from ..cost.prices import Prices
from ..graph.durations import Duration
from ..graph.planned import Planned
from ..model import JobKey, Resources

_LEAST = NAMED["omics.c.large"]  # for a job whose resources only files will tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is taken where nothing is known; `storage_gib` is what all files take on DYNAMIC."""

    minutes: float
    storage_gib: float
    static_gib: int | None = None  # the size of STATIC storage
    own_disks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEstimate:
    """A job on the instance of its task, and its share of the bill where others share the task.

    Without `source` its time is assumed, with `is_open` the instance.
    """

    instance: Instance
    seconds: float
    dollars: float
    source: str | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """All jobs, and the storage of all runs: what it costs, and when the last run ends.

    `tasks` is how many the jobs are in, `longest_run_hours` the time of the longest run.
    """

    jobs: Mapping[JobKey, JobEstimate]
    tasks: int
    instance_hours: float
    instance_dollars: float
    storage_gib_hours: float
    storage_dollars: float
    run_hours: float
    longest_run_hours: float
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
    known = frozenset(job.key for job in planned.jobs if job.task is not None)
    found: dict[JobKey, JobEstimate] = {}
    tasks = 0
    clock = hours = running = gib_hours = longest = 0.0
    for runs in planned.waves:
        work: dict[JobKey, Work] = {}
        parents: dict[JobKey, list[JobKey]] = {}
        calls = [wave.calls for wave in runs]
        for wave, together in zip(runs, calls, strict=True):
            resources = {task.key: task.resources for task in wave.tasks}
            first = {key: jobs[0] for jobs in together for key in jobs}
            for jobs in together:
                asked = resources[jobs[0]]
                if len(jobs) > 1:
                    asked = Resources.of_pack([resources[key] for key in jobs])
                shares = _task(jobs, asked, known, durations, prices, assumed)
                found |= shares
                seconds = sum(share.seconds for share in shares.values())
                instance = shares[jobs[0]].instance
                work[jobs[0]] = Work(seconds, instance.vcpus, instance.gpus)
                hours += billed_seconds(seconds) / 3600
                tasks += 1
            for task in wave.tasks:
                above = {first[key] for key in task.parents} - {first[task.key]}
                parents.setdefault(first[task.key], []).extend(sorted(above))
        firsts = [[jobs[0] for jobs in together] for together in calls]
        times = spans(firsts, parents, work, service or Service(), clock)
        for wave, span in zip(runs, times, strict=True):
            share = assumed.storage_gib * len(wave.tasks) / sum(len(run.tasks) for run in runs)
            gib = share if assumed.static_gib is None else assumed.static_gib
            gib_hours += gib * span.seconds / 3600
        clock = max(span.end for span in times)
        longest = max([longest, *(span.seconds / 3600 for span in times)])
        running += sum(span.seconds for span in times)
    return Estimate(
        jobs=found,
        tasks=tasks,
        instance_hours=hours,
        instance_dollars=sum(job.dollars for job in found.values()),
        storage_gib_hours=gib_hours,
        storage_dollars=storage_dollars(
            prices, 3600, gib_hours, static=assumed.static_gib is not None
        ),
        run_hours=running / 3600,
        longest_run_hours=longest,
        makespan_hours=clock / 3600,
        assumed=assumed,
        prices=prices,
    )


def _task(
    jobs: Sequence[JobKey],
    asked: Resources,
    known: Collection[JobKey],
    durations: Mapping[JobKey, Duration],
    prices: Prices,
    assumed: Assumed,
) -> dict[JobKey, JobEstimate]:
    """The jobs of a task, one after the other."""
    instance = instance_of(asked) or _LEAST
    disk = asked.disk_gib if assumed.own_disks and isinstance(asked.disk_gib, int) else 0
    times = {
        key: durations[key].seconds if key in durations else 60 * assumed.minutes for key in jobs
    }
    total = sum(times.values())
    dollars = task_dollars(prices, instance.name, total, disk_gib=disk) or 0.0
    return {
        key: JobEstimate(
            instance=instance,
            seconds=seconds,
            dollars=dollars * (seconds / total if total else 1 / len(jobs)),
            source=durations[key].source.value if key in durations else None,
            is_open=key not in known or is_open(asked),
        )
        for key, seconds in times.items()
    }
