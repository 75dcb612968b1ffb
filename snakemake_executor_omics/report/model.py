"""The nouns of a report: what the service and the journal told of runs, as frozen values.

Nothing is guessed here: what is not known is None, and `Report.gaps` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..aws.manifest import StorageUse, TaskUse
from ..aws.records import RunStatus
from ..model import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRun:
    """A run; `why` is what the service says of its failure, `jobs` how many went into it.

    `storage_dollars` are for its file system, None where nothing tells its size.
    """

    id: str
    name: str = ""
    status: RunStatus
    workflow: str = ""
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    jobs: int | None = None
    storage_type: str = ""
    storage_gib: int | None = None
    storage: StorageUse | None = None
    storage_dollars: float | None = None
    why: str = ""
    link: str = ""

    @property
    def waited(self) -> float | None:
        """Seconds from its creation to its start."""
        return seconds_between(self.created, self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTask:
    """One attempt at a task; `superseded` if there was a later one.

    `rule` is what tasks are put together by: the job's rule, or the name that the task's call has
    in its workflow. `is_of_one` tells that it is a rule of Snakemake: tasks of several have them in
    one name. `cpus`, `memory_gib` and `gpus` are what it asked for, `use` is what the
    service measured. `dollars` are what it is billed, `saved` what a task from the run cache was
    billed when it ran; both None where that is not known. `parents` are the names of the tasks that
    it reads from.
    """

    run: str
    id: str
    name: str
    job: str
    rule: str
    is_of_one: bool = True
    state: JobState
    superseded: bool = False
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    cpus: int | None = None
    memory_gib: int | None = None
    gpus: int = 0
    instance: str | None = None
    use: TaskUse | None = None
    dollars: float | None = None
    saved: float | None = None
    parents: tuple[str, ...] = ()

    @property
    def age(self) -> tuple[bool, float, str, str]:
        """What tasks are ordered by: those from the run cache may have no time."""
        made = self.created or self.started
        return made is None, made.timestamp() if made else 0.0, self.name, self.id

    @property
    def queued(self) -> float | None:
        """Seconds from its creation to its start."""
        return seconds_between(self.created, self.started)

    @property
    def seconds(self) -> float | None:
        """How long it ran, None before it ended and if it never did."""
        if self.use is not None and self.use.seconds is not None:
            return self.use.seconds
        return seconds_between(self.started, self.stopped)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedFailure:
    """Why a task failed: reason, message, what to change, its last lines, its log files."""

    task: ReportedTask
    reason: str = ""
    message: str = ""
    hints: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSource:
    """Whose prices the dollars are of; `assumed` says what they are not."""

    region: str
    noted: str
    source: str
    assumed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Runs and their tasks. `gaps` tell what is missing, and what would bring it.

    `by_rule` is False for runs that Snakemake did not start: their tasks have no rules.
    """

    made: datetime
    where: str
    command: str = ""
    by_rule: bool = True
    runs: tuple[ReportedRun, ...] = ()
    tasks: tuple[ReportedTask, ...] = ()
    failures: tuple[ReportedFailure, ...] = ()
    gaps: tuple[str, ...] = ()
    prices: PriceSource | None = None

    @property
    def is_partial(self) -> bool:
        """Whether a run goes on still."""
        return any(not run.status.is_final for run in self.runs)


def seconds_between(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    return max(0.0, (end - begin).total_seconds())
