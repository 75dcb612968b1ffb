"""Which job is in which run, and what Snakemake is told of it once the run has ended. Pure.

A state machine over ids: it knows neither Snakemake's objects nor the service. `place` puts the
jobs of a wave into a run, `ask` notes that Snakemake waits for a job, `advance` takes in how a run
ended and answers for every job of it that Snakemake waits for, all at once: nothing waits for
anything but a run in flight. Failures come first in what is told, then jobs that go back, then
successes, so that Snakemake starts nothing before it knows what failed.

A *unit* is what Snakemake hands in: a job, or a group, which is one task or a task for each of its
jobs. A failure is told even where Snakemake has not asked for the job yet: what it needs may be
lost, and then nobody would ever ask.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ..model import JobKey


class Outcome(StrEnum):
    """What became of a job in a run that has ended."""

    DONE = "done"  # and its results are where Snakemake looks for them
    FAILED = "failed"
    STOPPED = "stopped"  # its run ended first, or a job that it needs did not succeed
    LOST = "lost"  # it was done, and its results are nowhere
    SERVED_FAILURE = "served failure"  # it did not run: the run cache has an earlier failure of it
    POSTPONED = "postponed"  # its task had worked for too long before it
    INTERRUPTED = "interrupted"  # by a fault of the service, which may go away


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, and why, for people."""

    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended: the service's word for it, and the ending of each of its jobs.

    `reason` says for people why a run that did not complete ended; `interrupted` that the reason
    is a fault of the service, which may go away. Of jobs that are done, `absent` are the results
    that stayed in the run, `seconds` how long they worked, where that is known.
    """

    completed: bool
    endings: Mapping[JobKey, Ending] = field(default_factory=dict)
    reason: str = ""
    interrupted: bool = False
    absent: Mapping[JobKey, Collection[str]] = field(default_factory=dict)
    seconds: Mapping[JobKey, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The unit's results are here."""

    unit: JobKey


@dataclass(frozen=True, slots=True)
class Failed:
    """A job of the unit failed; `details` says why. Snakemake may not have asked for it yet."""

    unit: JobKey
    details: tuple[str, ...]
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Returned:
    """The unit is ready again, and why for each job; one without a reason has had no run yet."""

    unit: JobKey
    why: tuple[tuple[JobKey, Ending | None], ...]

    @property
    def is_lost(self) -> bool:
        """Whether all of it was done, and the results of some of it are nowhere."""
        return all(end is not None and end.outcome is Outcome.LOST for _, end in self.why)

    def lines(self, *, goes_on: bool) -> list[str]:
        """For people; `goes_on` says whether Snakemake starts more jobs."""
        again = "runs again" if goes_on else "does not run again now, as another job failed"
        return [f"{key} {again}: {_WHY[end.outcome]}" for key, end in self.why if end is not None]


Answer = Succeeded | Failed | Returned


@dataclass(frozen=True, slots=True)
class Placement:
    """The run and the task of each job of a unit, which a group and a pack may have in common.

    A group is not `complete` while jobs of it wait.
    """

    tasks: tuple[tuple[str, str], ...]
    complete: bool
    in_flight: bool


class Ledger:
    """The jobs of one Snakemake invocation.

    `cache_busters` are jobs whose failure the run cache may have, with the run that left it there:
    their next tasks must differ from those.
    """

    def __init__(self, cache_busters: Mapping[JobKey, str] | None = None) -> None:
        self._cache_busters = dict(cache_busters or {})
        self._parents: dict[str, Mapping[JobKey, Collection[JobKey]]] = {}  # of runs in flight
        self._run: dict[JobKey, str] = {}  # of a job in flight
        self._name: dict[JobKey, str] = {}  # of a job's task
        self._done: dict[JobKey, str] = {}
        self._untold: dict[JobKey, Ending] = {}  # other jobs of their group are in flight
        self._asked: dict[JobKey, tuple[JobKey, ...]] = {}  # unit -> its tasks
        self._unit: dict[JobKey, JobKey] = {}  # task -> the unit that was asked for
        self._given_up: set[JobKey] = set()
        self._absent: dict[JobKey, Collection[str]] = {}
        self._seconds: dict[JobKey, float] = {}
        self._chances: set[tuple[JobKey, Outcome]] = set()  # that were used
        self._unrecorded: dict[str, set[JobKey]] = {}  # of ended runs
        self._failed: list[str] = []

    # --- what goes in --------------------------------------------------------------------

    def place(
        self,
        run: str,
        parents: Mapping[JobKey, Collection[JobKey]],
        names: Mapping[JobKey, str] = MappingProxyType({}),
    ) -> None:
        """Put jobs into a run; `parents` has each with those of the run that it reads from.

        `names` are those of their tasks there, which several may share.
        """
        if run in self._parents:
            raise ValueError(f"run {run} is in flight already")
        for key in parents:
            if self.holds(key):
                raise ValueError(f"{key} has a run already")
        self._parents[run] = dict(parents)
        self._run.update(dict.fromkeys(parents, run))
        self._name.update(names)

    def ask(self, unit: JobKey, members: Collection[JobKey]) -> Answer | None:
        """Snakemake waits for a unit of these jobs; the answer, where it is known already."""
        tasks = self._tasks(unit, members)
        if not self._given_up.isdisjoint((unit, *tasks)):
            return Failed(unit, ())
        if all(key in self._done for key in tasks):
            return Succeeded(unit)
        if not any(key in self._run for key in tasks):
            # Its run has ended since it was started for it: there is nothing to wait for.
            return Returned(unit, tuple((key, None) for key in tasks if key not in self._done))
        self._asked[unit] = tasks
        self._unit.update(dict.fromkeys(tasks, unit))
        return None

    def advance(self, run: str, end: RunEnd) -> list[Answer]:
        """The run has ended: what Snakemake is told, in this order."""
        parents = self._parents.pop(run)
        self._absent.update(end.absent)
        self._seconds.update(end.seconds)
        if not end.completed:
            self._failed.append(run)
        endings = self._judge(run, parents, end)
        done = set()
        for key, ending in endings.items():
            del self._run[key]
            if ending.outcome is Outcome.DONE:
                self._done[key] = run
                done.add(key)
            elif key in self._unit or ending.outcome is Outcome.FAILED:
                self._untold[key] = ending
        if done and not any(ending.outcome is Outcome.LOST for ending in end.endings.values()):
            self._unrecorded[run] = done
        answers = [
            answer
            for unit in dict.fromkeys(self._unit.get(key, key) for key in endings)
            if (answer := self._answer(unit)) is not None
        ]
        return sorted(answers, key=lambda answer: _ORDER[type(answer)])

    def give_up(self, keys: Iterable[JobKey]) -> None:
        """Snakemake does not try these again: whoever asks for them is told so."""
        self._given_up.update(keys)

    def record(self, keys: Iterable[JobKey]) -> list[str]:
        """Snakemake has recorded jobs as done; the runs that are over with that."""
        over = []
        for key in keys:
            run = self._done.get(key)
            if run is None or run not in self._unrecorded:
                continue
            self._unrecorded[run].discard(key)
            if not self._unrecorded[run]:
                del self._unrecorded[run]
                over.append(run)
        return over

    # --- what is known -------------------------------------------------------------------

    @property
    def cache_busters(self) -> Mapping[JobKey, str]:
        """Jobs whose failure the run cache may have, with the run that left it there."""
        return MappingProxyType(self._cache_busters)

    @property
    def failed(self) -> list[str]:
        """The runs that ended without having completed."""
        return list(self._failed)

    @property
    def in_flight(self) -> list[str]:
        """The runs that have not ended."""
        return list(self._parents)

    def holds(self, key: JobKey) -> bool:
        """Whether a job needs no run: one carries it, or its results are here."""
        return key in self._run or key in self._done or key in self._untold

    def is_done(self, key: JobKey) -> bool:
        """Whether the results of a job are where Snakemake looks for them."""
        return key in self._done

    def is_given_up(self, unit: JobKey, members: Collection[JobKey]) -> bool:
        return not self._given_up.isdisjoint((unit, *members))

    def absent(self, keys: Iterable[JobKey]) -> set[str]:
        """The results of jobs that stayed in their run."""
        return {path for key in keys for path in self._absent.get(key, ())}

    def seconds(self, keys: Iterable[JobKey]) -> float | None:
        """How long the first of `keys` worked of which that is known."""
        return next((self._seconds[key] for key in keys if key in self._seconds), None)

    def is_over(self, run: str) -> bool:
        """Whether a run has ended and has nothing that Snakemake is still to record."""
        return run not in self._parents and not self._unrecorded.get(run)

    def placement(self, unit: JobKey, members: Collection[JobKey]) -> Placement:
        """Where a unit of these jobs is."""
        tasks = self._tasks(unit, members)
        placed = [(self._run.get(key) or self._done.get(key), key) for key in tasks]
        known = [(run, self._name.get(key, str(key))) for run, key in placed if run is not None]
        return Placement(
            tuple(dict.fromkeys(known)),
            len(known) == len(tasks),
            any(key in self._run for key in tasks),
        )

    # --- how it is decided ---------------------------------------------------------------

    def _tasks(self, unit: JobKey, members: Collection[JobKey]) -> tuple[JobKey, ...]:
        return (unit,) if self.holds(unit) else tuple(members)

    def _judge(
        self, run: str, parents: Mapping[JobKey, Collection[JobKey]], end: RunEnd
    ) -> dict[JobKey, Ending]:
        """The endings, with a failure, a second chance or a success somewhere: no run leaves
        Snakemake where it was before.
        """
        stopped = Ending(Outcome.STOPPED, end.reason)
        endings = {key: end.endings.get(key, stopped) for key in parents}
        done = {key for key, ending in endings.items() if ending.outcome is Outcome.DONE}
        first = [
            key
            for key, above in parents.items()
            if key not in done and all(parent in done for parent in above)
        ]
        for key, ending in endings.items():
            match ending.outcome:
                case Outcome.FAILED if end.completed:
                    self._cache_busters[key] = run  # the task itself succeeded, with an exit code
                case Outcome.SERVED_FAILURE:
                    self._cache_busters[key] = run
                    if not self._has_chance(key, ending.outcome):
                        endings[key] = Ending(Outcome.FAILED, ending.detail)
                case Outcome.INTERRUPTED:
                    if not self._has_chance(key, ending.outcome):
                        endings[key] = Ending(Outcome.FAILED, ending.detail)
        if end.completed:
            for key in first:
                if endings[key].outcome in (Outcome.STOPPED, Outcome.LOST):
                    endings[key] = Ending(Outcome.FAILED, endings[key].detail or end.reason)
        elif not any(endings[key].outcome in _MOVES for key in endings):
            # No job failed: the run itself did, and with it what it was at.
            for key in first:
                if not (end.interrupted and self._has_chance(key, Outcome.INTERRUPTED)):
                    endings[key] = Ending(Outcome.FAILED, end.reason)
        return endings

    def _forget(self, tasks: Iterable[JobKey]) -> None:
        """Snakemake removes what a failed unit left, also of those of a group that succeeded."""
        for key in tasks:
            run = self._done.pop(key, None)
            if run in self._unrecorded:
                self._unrecorded[run].discard(key)

    def _has_chance(self, key: JobKey, outcome: Outcome) -> bool:
        """Whether the job has not had its second chance after this yet; it has then."""
        if (key, outcome) in self._chances:
            return False
        self._chances.add((key, outcome))
        return True

    def _answer(self, unit: JobKey) -> Answer | None:
        asked = unit in self._asked
        tasks = self._asked.get(unit, (unit,))
        if any(key in self._run for key in tasks):
            return None
        if not asked and unit not in self._untold:
            return None  # Snakemake will ask
        ends = {key: self._untold.pop(key, None) for key in tasks if key not in self._done}
        failures = [end for end in ends.values() if end and end.outcome is Outcome.FAILED]
        if asked:
            del self._asked[unit]
            for key in tasks:
                self._unit.pop(key, None)
        if failures:
            if asked:
                self._forget(tasks)
            return Failed(unit, tuple(end.detail for end in failures), asked)
        return Returned(unit, tuple(ends.items())) if ends else Succeeded(unit)


# With one of these Snakemake has something to go on with.
_MOVES = (Outcome.FAILED, Outcome.SERVED_FAILURE, Outcome.INTERRUPTED)
_ORDER: Mapping[type[Answer], int] = {Failed: 0, Returned: 1, Succeeded: 2}
_WHY: Mapping[Outcome, str] = {
    Outcome.STOPPED: "its run stopped",
    Outcome.LOST: "it was done, and its results are nowhere: its run failed, and the run cache "
    "does not have them",
    Outcome.SERVED_FAILURE: "the run cache had its failure",
    Outcome.POSTPONED: "it shared a task with jobs that took longer than they were known to",
    Outcome.INTERRUPTED: "a fault of the service stopped it, which is tried once more",
}
