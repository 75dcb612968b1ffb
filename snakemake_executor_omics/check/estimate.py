"""What a planned workflow takes and costs, from known durations or stated assumptions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cost.bill import billed_seconds, static_gib, storage_dollars, task_dollars
from ..cost.instances import NAMED, Instance, instance_of, is_open
from ..cost.makespan import Service, Work, spans
from ..cost.prices import Prices
from ..graph.durations import Duration
from ..graph.planned import Planned
from ..model import JobKey, Resources, Wave
from ..settings.options import Options, StorageType
from .request import MINUTES

_LEAST = NAMED["omics.c.large"]  # for a job whose resources only files will tell
_STORAGE_PER_INPUT = 3  # how much larger all files of a workflow are than its inputs
_LEAST_STORAGE = 1.0  # GiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is taken where nothing is known; `storage_gib` is what all files take on DYNAMIC."""

    minutes: float
    storage_gib: float
    static_gib: int | None = None  # the size of STATIC storage
    own_disks: bool = False

    @classmethod
    def of(
        cls,
        runs: Iterable[Wave],
        options: Options,
        workdir: Path,
        minutes: float = MINUTES,
        storage_gib: float | None = None,
    ) -> Assumed:
        """With the storage that the inputs of `runs`, as far as they are here, may lead to."""
        paths = [workdir / path for path in {path for run in runs for path in run.raw_inputs}]
        gib = sum(path.stat().st_size for path in paths if path.is_file()) / 1024**3
        is_static = options.storage_type is StorageType.STATIC
        return cls(
            minutes=minutes,
            storage_gib=storage_gib or max(_LEAST_STORAGE, _STORAGE_PER_INPUT * gib),
            static_gib=static_gib(options.storage_capacity) if is_static else None,
            own_disks=options.has_own_disks,
        )


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
    """The bill and the makespan of a planned workflow."""
    known = frozenset(job.key for job in planned.jobs if job.task is not None)
    return estimate_waves(planned.waves, known, durations, prices, assumed, service)


def estimate_waves(
    waves: Sequence[Sequence[Wave]],
    known: Collection[JobKey],
    durations: Mapping[JobKey, Duration],
    prices: Prices,
    assumed: Assumed,
    service: Service | None = None,
) -> Estimate:
    """The bill and the makespan of the runs of each wave; `known` are jobs whose task is known.

    A wave is taken to start when all runs of the one before have ended, and local rules to take
    no time: the first is too long, the second too short.
    """
    found: dict[JobKey, JobEstimate] = {}
    tasks = 0
    clock = hours = running = gib_hours = longest = 0.0
    for runs in waves:
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
