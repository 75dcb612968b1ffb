"""Choose the wave: which jobs of Snakemake's graph go into a run now, and why each other one waits.

A job is deferred when it (or something that it depends on) is behind a checkpoint or a local rule
with work to do, or when its command holds a value that Snakemake cannot know before files exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from snakemake.exceptions import WorkflowError

from ..errors import UnsupportedRule, UnsupportedRules
from ..log import FACT, Later, Log
from ..model import FileRef, JobKey, OutputKind, Task, Wave
from .containers import container_of, environment_of
from .internals import evaluate_again, forget_values
from .notes import pipe_notes, workflow_notes
from .partition import Partition
from .paths import folders_of
from .steps import written_by
from .task_settings import TaskSettings
from .tasks import task_of
from .unit_graph import UnitGraph, is_early
from .units import Job, Unit, job_key, members, place_of
from .unsent import unsent_notes
from .values import Unknown, has_unknown_values


@dataclass(frozen=True, slots=True)
class Selection:
    """A wave, why the other jobs wait, and what people should know before the first run.

    `images` has the rules of each image: at first of the whole graph, as far as it is known.
    `made_images` are those of environments.
    """

    wave: Wave
    deferred: Mapping[JobKey, str]
    images: Mapping[str, str]
    made_images: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """All units that are to run, what becomes of them, and what can never run.

    `later` has the tasks of units that wait, as far as they are known without their inputs.
    """

    units: tuple[Unit, ...]
    graph: UnitGraph
    selection: Selection
    later: Mapping[JobKey, Task]
    refused: tuple[UnsupportedRule, ...]

    @property
    def accepted(self) -> Selection:
        """The selection.

        Raises:
            UnsupportedRules: jobs can never be tasks, with all reasons; at first those of the whole
                graph, as far as it is known.
        """
        if self.refused:
            raise UnsupportedRules(self.refused)
        return self.selection


def look_over(
    dag: Any,
    ready: Iterable[Unit],
    settings: TaskSettings,
    *,
    in_flight: Callable[[JobKey], bool] = lambda _: False,
    is_here: Callable[[JobKey], bool] = lambda _: False,
    failed: Collection[JobKey] = frozenset(),
    looked_at: set[JobKey] | None = None,
) -> Looked:
    """What goes into a wave now, what waits, and what is refused.

    `ready` are the jobs that Snakemake hands in, `in_flight` tells jobs that a run carries
    already, `is_here` jobs whose results are here though Snakemake has not asked for them yet,
    `failed` jobs that it has given up. Without any that are handed in, it is the first wave.
    `looked_at` are jobs that can be tasks as far as was seen in earlier waves, which is kept there:
    else each of many waves would look at all that is left.
    """
    settings = _with_results(settings, dag)
    graph = UnitGraph(dag, settings)
    settings = replace(settings, units=graph.keys)
    units = graph.topological()
    choice = _Choice(graph, settings, ready, in_flight, is_here, failed)
    choice.reserve(units)
    for unit in units:
        choice.add(unit)
    wave = Wave(tuple(choice.tasks.values()))
    waiting: list[Unit] = []
    later: dict[JobKey, Task] = {}
    notes: list[str] = []
    if not choice.placed:
        # Before anything is billed, also what later waves would be refused for.
        waiting = choice.waiting
        later = choice.look_ahead(set() if looked_at is None else looked_at)
        notes += workflow_notes(units, graph, wave, settings)
        notes += unsent_notes(units, wave, settings)
    going = [unit for unit in units if job_key(unit) in choice.tasks]
    notes += pipe_notes(dag, going, choice.placed)
    rules, made_images = _images(wave, waiting, settings)
    selection = Selection(wave, choice.deferred, rules, made_images, tuple(notes))
    return Looked(tuple(units), graph, selection, later, choice.refusals.all)


def _with_results(settings: TaskSettings, dag: Any) -> TaskSettings:
    """The settings with the paths that jobs write, all of them and those still to be made."""
    produced = {path for job in dag.jobs for path in written_by(job, settings.workdir)}
    pending = {
        path
        for job in dag.needrun_jobs()
        if not dag.finished(job)
        for path in written_by(job, settings.workdir)
    }
    return replace(
        settings,
        produced=frozenset(produced),
        pending=frozenset(pending),
        made_in=frozenset(folder for path in produced for folder in folders_of(path)),
    )


def _images(
    wave: Wave, waiting: Iterable[Unit], settings: TaskSettings
) -> tuple[dict[str, str], frozenset[str]]:
    """The rules of each image, as far as images are known, and those of environments."""
    images: dict[str, dict[str, None]] = {}
    made: set[str] = set()
    for task in wave.tasks:
        names = images.setdefault(task.container, {})
        names.update(dict.fromkeys(step.key.rule for step in task.steps))
        if task.environment is not None:
            made.add(task.container)
    for job in (job for unit in waiting for job in members(unit)):
        with suppress(UnsupportedRule, WorkflowError):  # not known yet
            image = container_of(job, settings)
            images.setdefault(image, {})[job.rule.name] = None
            if environment_of(job, settings) is not None:
                made.add(image)
    return {image: ", ".join(names) for image, names in images.items()}, frozenset(made)


class _Choice:
    """What of a graph makes the wave, and why the rest waits: units are added producers first.

    `placed` are those that are in runs, done or given up, `waiting` those of later waves.
    """

    def __init__(
        self,
        graph: UnitGraph,
        settings: TaskSettings,
        ready: Iterable[Unit],
        in_flight: Callable[[JobKey], bool],
        is_here: Callable[[JobKey], bool],
        failed: Collection[JobKey],
    ) -> None:
        self.tasks: dict[JobKey, Task] = {}
        self.deferred: dict[JobKey, str] = {}
        self.placed: list[Unit] = []
        self.waiting: list[Unit] = []
        self.refusals = _Refusals()
        self._graph, self._settings = graph, settings
        self._handed_in = {id(job) for unit in ready for job in members(unit)}
        self._in_flight, self._is_here, self._failed = in_flight, is_here, failed
        self._budget = _Budget(settings.limits)
        self._made: dict[str, FileRef] = {}  # by the tasks, by project path

    def reserve(self, units: Iterable[Unit]) -> None:
        """Count what is in flight, or must go now, against the resources."""
        for unit in units:
            key = job_key(unit)
            if not self._is_here(key) and (self._in_flight(key) or self._is_handed_in(unit)):
                self._budget.take(unit)

    def add(self, unit: Unit) -> None:
        """Take a unit into the wave, or say why it is not in it."""
        key, rule = job_key(unit), members(unit)[0].rule.name
        if unit.is_local:
            # Also a done local job is no reason to wait: only needed ones are listed.
            self.deferred[key] = f"local rule {rule} runs here"
        elif self._is_here(key):
            self.placed.append(unit)
        elif key in self._failed:
            self.placed.append(unit)
            self.deferred[key] = f"{key} has failed"
        elif self._in_flight(key):
            self.placed.append(unit)
            self.deferred[key] = f"{key} is in flight in another run"
        else:
            self._add_new(unit)

    def _add_new(self, unit: Unit) -> None:
        parents, is_ready = self._graph.parents(unit), self._is_handed_in(unit)
        # A job of a group that is not one task may wait for another one of it.
        is_asked = not parents and (is_ready or not self._handed_in)
        reason = None if is_asked else _waits_for(parents, self.deferred)
        if reason is None and not is_ready:
            reason = self._budget.lacks(unit)
        if reason is not None:
            self.deferred[job_key(unit)] = reason
            self.waiting.append(unit)
            return
        if not any(job_key(parent) in self.tasks for parent in parents):
            # Its inputs are here, so what Snakemake could not evaluate before it now can.
            evaluate_again(members(unit))
        if self._make_task(unit, is_asked) and not is_ready:
            self._budget.take(unit)

    def _make_task(self, unit: Unit, is_asked: bool) -> bool:
        """Make the task of a unit that waits for nothing, or say why it has none now.

        What is asked for has all its inputs: what they do not tell nothing will.
        """
        key, jobs = job_key(unit), members(unit)
        rule = jobs[0].rule.name
        try:
            task = task_of(unit, self._settings, self._made)
        except (UnsupportedRule, UnsupportedRules) as error:
            self.refusals.add(error, jobs)
            self.deferred[key] = f"rule {rule} cannot run on HealthOmics"
            return False
        except WorkflowError as error:
            if is_asked or not is_early(error):
                raise
            self.deferred[key] = f"rule {rule} has a function that needs its inputs"
            return False
        except Unknown:
            if is_asked:
                untold = UnsupportedRule(
                    rule,
                    "has a param or resource that Snakemake cannot tell although its inputs exist",
                    hint="give its params and resources values that do not need its outputs",
                )
                self.refusals.add(untold, jobs)
            self.deferred[key] = f"rule {rule} has a value that only files will tell"
            return False
        self.tasks[key] = task
        for output in task.files:
            is_directory = output.kind is OutputKind.DIRECTORY
            self._made[output.path] = FileRef(output.path, key, is_directory)
        return True

    def look_ahead(self, looked_at: set[JobKey]) -> dict[JobKey, Task]:
        """The tasks of units that wait, as far as they are known, but for those `looked_at`."""
        found = {}
        for unit in self.waiting:
            if job_key(unit) in looked_at:
                continue
            if (task := self.refusals.look_ahead(unit, self._settings)) is not None:
                found[task.key] = task
                looked_at.add(task.key)
        return found

    def _is_handed_in(self, unit: Unit) -> bool:
        return any(id(job) in self._handed_in for job in members(unit))


class _Budget:
    """What is left of the resources that Snakemake's scheduler bounds, over all runs in flight.

    All tasks of a run may be at work at once.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits, self._left = limits, dict(limits)

    def take(self, unit: Unit) -> None:
        for name in self._left:
            self._left[name] -= _amount(unit, name)

    def lacks(self, unit: Unit) -> str | None:
        """Why a unit has to wait for others to end, or None."""
        for name, left in self._left.items():
            if _amount(unit, name) > left:
                return f"at most {self._limits[name]} of {name} at once, by --resources"
        return None


def _amount(unit: Unit, name: str) -> int:
    try:
        value = unit.resources.get(name, 0)
    except WorkflowError:
        value = 0  # not known yet
    return value if isinstance(value, int) else 0


class _Refusals:
    """What can never run, each thing of a rule once, in the order of the graph."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], UnsupportedRule] = {}

    def add(self, error: UnsupportedRule | UnsupportedRules, jobs: Iterable[Job]) -> None:
        rules = {job.rule.name: job.rule for job in jobs}
        for refused in error.rules if isinstance(error, UnsupportedRules) else (error,):
            rule = rules.get(refused.rule)
            self._found.setdefault(
                (refused.rule, refused.reason),
                refused if rule is None else refused.at(place_of(rule)),
            )

    def look_ahead(self, unit: Unit, settings: TaskSettings) -> Task | None:
        """Look at a unit whose inputs are not there yet: what cannot be told now is no refusal."""
        jobs = members(unit)
        try:
            return task_of(unit, settings, {})
        except UnsupportedRules as error:
            self.add(error, jobs)
        except UnsupportedRule as error:  # of its text, which may not be known yet
            if not any(map(has_unknown_values, jobs)):
                self.add(error, jobs)
        except Exception:  # also what the workflow's own functions raise without their files
            pass
        finally:
            forget_values(jobs)
        return None

    @property
    def all(self) -> tuple[UnsupportedRule, ...]:
        return tuple(self._found.values())


def tell_selection(
    selection: Selection, parts: Partition[JobKey], log: Log, told: set[str]
) -> None:
    """How many jobs go, how many wait, and for what.

    `told` has, and gets, the notes that were told before.
    """
    waiting = {**selection.deferred, **dict.fromkeys(parts.deferred, "it gathers across runs")}
    going, runs = sum(map(len, parts.runs)), len(parts.runs)
    into = "one run" if runs == 1 else f"{runs} runs"
    reasons = Counter(waiting.values())
    log.info(
        f"omics: {going} {'job goes' if going == 1 else 'jobs go'} into {into}, "
        f"{len(waiting)} later",
        extra={FACT: Later(reasons)},
    )
    for reason, count in reasons.most_common(10):
        log.info(f"omics:   {count} later: {reason}")
    for note in selection.notes:
        if note not in told:
            told.add(note)
            log.warning(f"omics: {note}")


def _waits_for(parents: Iterable[Unit], deferred: Mapping[JobKey, str]) -> str | None:
    """Why a unit cannot be in the wave because of the `parents` that it depends on, or None."""
    for parent in parents:
        key = job_key(parent)
        if key in deferred:
            return deferred[key]
        if parent.is_checkpoint:
            # Also one whose results are here: until Snakemake has taken them in, what follows reads
            # the checkpoint's own output in place of what it will have decided.
            names = [job.rule.name for job in members(parent) if job.is_checkpoint]
            return f"checkpoint {names[0]} decides what follows"
    return None
