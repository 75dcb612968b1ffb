"""What becomes of every job of a workflow, told before anything runs: as what, when, and why then.

The first wave is the one that a run of the same command would start with. Later ones are reckoned:
a checkpoint may still change what follows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ..errors import UnsupportedRule
from ..model import FileRef, JobKey, OutputFile, Step, Task, Wave
from .partition import Partition
from .selection import Looked, look_over
from .task_settings import TaskSettings
from .units import Unit, job_key, members, place_of

GATHERS = "it gathers across runs"


class How(StrEnum):
    """What becomes of a job."""

    TASK = "task"
    LOCAL = "local rule"
    TARGET = "files only"  # a rule that names files and runs nothing, such as `all`
    CACHED = "from the cache"  # of `--cache`
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """A job or group that is to run.

    A local rule has the number of the wave that it follows. `why` says why a job is in no earlier
    wave, `task` is None where the job is none or its values are not known yet.
    """

    key: JobKey
    rules: tuple[str, ...]
    where: str
    how: How
    wave: int
    why: str | None = None
    task: Task | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A workflow's jobs in the order of the graph, and the runs of each wave.

    A job whose task is not known has an empty one in its run. `here` counts the jobs of each rule
    whose results are here already. `images` has the rules of each image, `places` where each rule
    stands.
    """

    jobs: tuple[PlannedJob, ...]
    waves: tuple[tuple[Wave, ...], ...]
    here: Mapping[str, int]
    refused: tuple[UnsupportedRule, ...]
    images: Mapping[str, str]
    notes: tuple[str, ...]
    places: Mapping[str, str]


def fetches(workflow: Any) -> bool:
    """Whether wrappers may have to be fetched before the tasks of a workflow are known."""
    prefix = str(workflow.workflow_settings.wrapper_prefix or "")

    def is_here(wrapper: str) -> bool:
        return (wrapper if wrapper.startswith(_SCHEMES) else prefix).startswith(_OF_DISK)

    return any(
        job.is_wrapper and not is_here(str(job.rule.wrapper)) for job in workflow.dag.needrun_jobs()
    )


_OF_DISK = ("file:", "git+file")
_SCHEMES = ("http", *_OF_DISK)  # an address that no prefix goes before


def plan(
    dag: Any,
    settings: TaskSettings,
    cut: Callable[[Wave], tuple[Partition[JobKey], Sequence[Wave]]],
    is_cached: Callable[[JobKey], bool] = lambda _: False,
) -> Planned:
    """What would become of the jobs of Snakemake's graph if they were run now.

    `cut` makes the runs of a wave, `is_cached` tells jobs whose results Snakemake's cache has.
    """
    looked = look_over(dag, (), settings, is_here=is_cached)
    jobs = _Jobs(looked, is_cached)
    every = Wave(jobs.tasks)
    waves: list[tuple[Wave, ...]] = []
    while pending := jobs.of_wave(len(waves) + 1):
        parts, runs = cut(every.only(pending))
        waves.append(tuple(runs))
        jobs.hold(parts.deferred, len(waves) + 1)
    needed = {id(job) for unit in looked.units for job in members(unit)}
    known = list(dag.jobs)
    return Planned(
        jobs=jobs.planned,
        waves=tuple(waves),
        here=Counter(job.rule.name for job in known if id(job) not in needed),
        refused=looked.refused,
        images=looked.selection.images,
        notes=looked.selection.notes,
        places={job.rule.name: place_of(job.rule) for job in known},
    )


class _Jobs:
    """The units of a graph, and in which wave each of them can be."""

    def __init__(self, looked: Looked, is_cached: Callable[[JobKey], bool]) -> None:
        tasks = {task.key: task for task in looked.selection.wave.tasks}
        refused = {refusal.rule for refusal in looked.refused}
        self.parents = {
            job_key(unit): tuple(map(job_key, looked.graph.parents(unit))) for unit in looked.units
        }
        self._reasons = looked.selection.deferred
        self._checkpoints = {job_key(unit) for unit in looked.units if unit.is_checkpoint}
        self._held: dict[JobKey, int] = {}  # the first wave that a job can be in, by the cut
        self._jobs: dict[JobKey, PlannedJob] = {}
        for unit in looked.units:
            key, rules = job_key(unit), tuple(sorted({job.rule.name for job in members(unit)}))
            self._jobs[key] = PlannedJob(
                key=key,
                rules=rules,
                where=place_of(members(unit)[0].rule),
                how=How.CACHED if is_cached(key) else _how(unit, not refused.isdisjoint(rules)),
                wave=0,
                task=tasks.get(key) or looked.later.get(key),
            )
        self._place()

    @property
    def planned(self) -> tuple[PlannedJob, ...]:
        return tuple(self._jobs.values())

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Those of all waves, each with the jobs that make its inputs.

        Of a job whose task is not known only these are told.
        """
        made = {
            output.path: job.key
            for job in self._jobs.values()
            if job.task is not None
            for output in job.task.files
        }
        return tuple(
            self._unknown(key) if job.task is None else self._joined(job.task, made)
            for key, job in self._jobs.items()
        )

    def _joined(self, task: Task, made: Mapping[str, JobKey]) -> Task:
        """A task of a later wave does not know yet who makes its inputs."""
        parents = self.parents[task.key]

        def within(ref: FileRef) -> FileRef:
            maker = made.get(ref.path)
            return replace(ref, producer=maker) if maker in parents else ref

        if task.parents or not parents:
            return task
        return replace(task, inputs=tuple(map(within, task.inputs)))

    def _unknown(self, key: JobKey) -> Task:
        return Task(
            key=key,
            layers=((Step(key=key, command="", outputs=(OutputFile(str(key)),)),),),
            inputs=tuple(FileRef(str(parent), parent) for parent in self.parents[key]),
            container="",
        )

    def of_wave(self, number: int) -> list[JobKey]:
        """The jobs that a wave has tasks of, also those that are refused: they may be mended."""
        tasks = (How.TASK, How.REFUSED)
        return [key for key, job in self._jobs.items() if job.wave == number and job.how in tasks]

    def hold(self, keys: Sequence[JobKey], wave: int) -> None:
        """Let jobs that do not fit into the runs of a wave wait for a later one."""
        if keys:
            self._held |= dict.fromkeys(keys, wave)
            self._place()

    def _place(self) -> None:
        for key, job in self._jobs.items():  # parents first
            above = [self._jobs[parent] for parent in self.parents[key]]
            if job.how is not How.CACHED:
                wave, why = self._when(job, above)
                self._jobs[key] = replace(job, wave=wave, why=why)

    def _when(self, job: PlannedJob, above: Sequence[PlannedJob]) -> tuple[int, str | None]:
        if job.how in _HERE:
            return max((parent.wave for parent in above), default=0), None
        wave, reason = self._held.get(job.key, 1), self._reasons.get(job.key)
        why = reason or (GATHERS if job.key in self._held else None)
        for parent in above:
            after = parent.wave + self._lets_wait(parent)
            if after > wave:
                wave, why = after, reason or parent.why
        own = job.how is How.TASK and reason is not None
        if own and not any(self._explains(parent, reason) for parent in above):
            wave = max(wave, 1 + max((parent.wave for parent in above), default=1))
        return wave, why

    def _lets_wait(self, parent: PlannedJob) -> bool:
        """Whether what reads from a job is in a later wave."""
        return parent.how in _HERE or parent.key in self._checkpoints

    def _explains(self, parent: PlannedJob, reason: str | None) -> bool:
        """Whether a job waits for its parent, or for what that waits for."""
        return self._lets_wait(parent) or self._reasons.get(parent.key) == reason


_HERE = (How.LOCAL, How.TARGET)


def _how(unit: Unit, is_refused: bool) -> How:
    if unit.is_local:
        return How.TARGET if all(job.rule.norun for job in members(unit)) else How.LOCAL
    return How.REFUSED if is_refused else How.TASK
