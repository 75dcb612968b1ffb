"""Choose the wave: which jobs of Snakemake's graph go into a run now, and why each other one waits.

A job is deferred when it (or something that it depends on) is behind a checkpoint or a local rule
with work to do, or when its command holds a value that Snakemake cannot know before files exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from snakemake.exceptions import InputFunctionException, WorkflowError
from snakemake.io import is_flagged

from ..errors import UnsupportedRule, UnsupportedRules
from ..log import FACT, Later, Log
from ..model import Environment, FileRef, JobKey, OutputKind, Task, Wave
from .commands import Unknown, command_of
from .internals import evaluate_again, forget_values, is_about_unknown_threads
from .partition import Partition
from .tasks import (
    Job,
    TaskSettings,
    Unit,
    container_of,
    environment_of,
    folders_of,
    has_unknown_values,
    ignores_environment,
    job_key,
    members,
    place_of,
    task_of,
    written_by,
)
from .unsent import unsent_notes


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


def select(
    dag: Any,
    ready: Iterable[Unit],
    settings: TaskSettings,
    *,
    in_flight: Callable[[JobKey], bool] = lambda _: False,
    landed: Callable[[JobKey], bool] = lambda _: False,
    failed: Collection[JobKey] = frozenset(),
    looked_at: set[JobKey] | None = None,
) -> Selection:
    """The largest wave that can be decided now, as `look_over` says.

    Raises:
        UnsupportedRules: jobs can never be tasks, with all reasons; at first those of the whole
            graph, as far as it is known.
    """
    looked = look_over(
        dag,
        ready,
        settings,
        in_flight=in_flight,
        landed=landed,
        failed=failed,
        looked_at=looked_at,
    )
    if looked.refused:
        raise UnsupportedRules(looked.refused)
    return looked.selection


def look_over(
    dag: Any,
    ready: Iterable[Unit],
    settings: TaskSettings,
    *,
    in_flight: Callable[[JobKey], bool] = lambda _: False,
    landed: Callable[[JobKey], bool] = lambda _: False,
    failed: Collection[JobKey] = frozenset(),
    looked_at: set[JobKey] | None = None,
) -> Looked:
    """What goes into a wave now, what waits, and what is refused.

    `ready` are the jobs that Snakemake hands in, `in_flight` tells jobs that a run carries
    already, `landed` jobs whose results are here though Snakemake has not asked for them yet,
    `failed` jobs that it has given up. Without any that are handed in, it is the first wave.
    `looked_at` are jobs that can be tasks as far as was seen in earlier waves, which is kept there:
    else each of many waves would look at all that is left.
    """
    handed_in = {id(job) for unit in ready for job in members(unit)}
    produced = {path for job in dag.jobs for path in written_by(job, settings.workdir)}
    made_in = {folder for path in produced for folder in folders_of(path)}
    pending = {
        path
        for job in dag.needrun_jobs()
        if not dag.finished(job)
        for path in written_by(job, settings.workdir)
    }
    settings = replace(
        settings,
        produced=frozenset(produced),
        pending=frozenset(pending),
        made_in=frozenset(made_in),
    )
    graph = UnitGraph(dag, settings)
    settings = replace(settings, units=graph.keys)
    refusals, budget = _Refusals(), _Budget(settings.limits)
    units = graph.topological()
    for unit in units:
        key = job_key(unit)
        if not landed(key) and (in_flight(key) or _is_handed_in(unit, handed_in)):
            budget.take(unit)
    tasks: dict[JobKey, Task] = {}
    made: dict[str, FileRef] = {}
    deferred: dict[JobKey, str] = {}
    waiting: list[Unit] = []
    placed: list[Unit] = []
    for unit in units:
        key, jobs, parents = job_key(unit), members(unit), graph.parents(unit)
        # A job of a group that is not one task may wait for another one of it.
        is_ready = _is_handed_in(unit, handed_in)
        asked = not parents and (is_ready or not handed_in)
        reason = None if asked else _waits_for(parents, deferred)
        if reason is None and not is_ready:
            reason = budget.lacks(unit)
        if unit.is_local:
            # Also a done local job is no reason to wait: only needed ones are listed.
            deferred[key] = f"local rule {jobs[0].rule.name} runs here"
        elif landed(key):
            placed.append(unit)
        elif key in failed:
            placed.append(unit)
            deferred[key] = f"{key} has failed"
        elif in_flight(key):
            placed.append(unit)
            deferred[key] = f"{key} is in flight in another run"
        elif reason is not None:
            deferred[key] = reason
            waiting.append(unit)
        else:
            if not any(job_key(parent) in tasks for parent in parents):
                # Its inputs are here, so what Snakemake could not evaluate before it now can.
                evaluate_again(jobs)
            try:
                task = tasks[key] = task_of(unit, settings, made)
            except (UnsupportedRule, UnsupportedRules) as error:
                refusals.add(error, jobs)
                deferred[key] = f"rule {jobs[0].rule.name} cannot run on HealthOmics"
            except WorkflowError as error:
                if asked or not _is_early(error):
                    raise
                rule = jobs[0].rule.name
                deferred[key] = f"rule {rule} has a function that needs its inputs"
            except Unknown:
                rule = jobs[0].rule.name
                if asked:
                    untold = UnsupportedRule(
                        rule,
                        "has a param or resource that Snakemake cannot tell although its inputs "
                        "exist",
                        hint="give its params and resources values that do not need its outputs",
                    )
                    refusals.add(untold, jobs)
                deferred[key] = f"rule {rule} has a value that only files will tell"
            else:
                if not is_ready:
                    budget.take(unit)
                made.update(
                    {
                        output.path: FileRef(output.path, key, output.kind is OutputKind.DIRECTORY)
                        for output in task.files
                    }
                )
    begun = bool(placed)
    later: dict[JobKey, Task] = {}
    if not begun:
        # Before anything is billed, also what later waves would be refused for.
        seen = set() if looked_at is None else looked_at
        for unit in waiting:
            if job_key(unit) in seen:
                continue
            if (ahead := refusals.look_ahead(unit, settings)) is not None:
                later[ahead.key] = ahead
                seen.add(ahead.key)
    wave = Wave(tuple(tasks.values()))
    notes = () if begun else tuple(_notes(units, graph, wave, settings))
    notes += () if begun else tuple(unsent_notes(units, wave, settings))
    notes += tuple(_pipe_notes(dag, [u for u in units if job_key(u) in tasks], placed))
    images: dict[str, dict[str, None]] = {}
    made_images: set[str] = set()
    for task in wave.tasks:
        names = images.setdefault(task.container, {})
        names.update(dict.fromkeys(step.key.rule for step in task.steps))
        if task.environment is not None:
            made_images.add(task.container)
    for unit in () if begun else waiting:
        for job in members(unit):
            with suppress(UnsupportedRule, WorkflowError):  # not known yet
                image = container_of(job, settings)
                images.setdefault(image, {})[job.rule.name] = None
                if environment_of(job, settings) is not None:
                    made_images.add(image)
    rules = {image: ", ".join(names) for image, names in images.items()}
    selection = Selection(wave, deferred, rules, frozenset(made_images), notes)
    return Looked(tuple(units), graph, selection, later, refusals.all)


def _is_handed_in(unit: Unit, handed_in: Collection[int]) -> bool:
    return any(id(job) in handed_in for job in members(unit))


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


def _is_early(error: WorkflowError) -> bool:
    """Whether a function of the workflow was called before its files were there."""
    return isinstance(error, InputFunctionException) or is_about_unknown_threads(error)


def _amount(unit: Unit, name: str) -> int:
    try:
        value = unit.resources.get(name, 0)
    except WorkflowError:
        value = 0  # not known yet
    return value if isinstance(value, int) else 0


def _notes(
    units: Iterable[Unit], graph: UnitGraph, wave: Wave, settings: TaskSettings
) -> Iterator[str]:
    """What is no reason to refuse a workflow, and may yet surprise."""
    unused: dict[str, str] = {}
    between: dict[str, None] = {}
    for unit in units:
        if unit.is_local:
            continue
        for job in members(unit):
            if ignores_environment(job, settings):
                unused.setdefault(job.rule.name, container_of(job, settings))
        for parent in graph.parents(unit):
            if parent.is_local:
                between.update(dict.fromkeys(job.rule.name for job in members(parent)))
    widest = max(map(len, wave.levels), default=0)
    if settings.max_jobs is not None and settings.max_jobs < widest:
        yield (
            f"--jobs {settings.max_jobs} bounds nothing within a run: up to {widest} of its tasks "
            "may be at work at once. --omics-run-group-max-cpus bounds them"
        )
    if unused:
        listed = ", ".join(f"{rule} (in {image})" for rule, image in unused.items())
        yield (
            f"the conda environments of these rules are not used, their tasks have only what their "
            f"image has: {listed}. --omics-environments on uses them"
        )
    if settings.environments is not None and (left_out := settings.environments.left_out):
        for image in sorted(set(left_out.values())):
            rules = ", ".join(sorted(rule for rule in left_out if left_out[rule] == image))
            yield (
                f"HealthOmics pulls images from registries only, so that these rules have their "
                f"conda environment without {image}: {rules}"
            )
    if between:
        yield (
            f"jobs wait for local rules, which run here between two runs: {', '.join(between)}. "
            "--omics-local-rules run makes them tasks"
        )


def _pipe_notes(dag: Any, going: Iterable[Unit], placed: Iterable[Unit]) -> Iterator[str]:
    """Which rules write a file into their `pipe()`, when the first jobs of them go."""
    before = {job.rule.name for job in dag.jobs if dag.finished(job)}
    before |= {job.rule.name for unit in placed for job in members(unit)}
    rules = {
        unit.rule.name: None
        for unit in going
        if not unit.is_group() and any(is_flagged(path, "pipe") for path in unit.output)
    }
    if told := [rule for rule in rules if rule not in before]:
        yield (
            "pipe() between different containers is not streamed, it is a temporary file that one "
            f"task leaves to the next: {', '.join(told)}"
        )


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


def tell_selection(selection: Selection, parts: Partition[JobKey], log: Log) -> None:
    """How many jobs go, how many wait, and for what."""
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


class UnitGraph:
    """Needed, unfinished units of Snakemake's graph, with the jobs of a group as one."""

    def __init__(self, dag: Any, settings: TaskSettings) -> None:
        self._dag = dag
        self._units: dict[Job, Unit] = {}
        whole: dict[int, bool] = {}
        for job in dag.needrun_jobs():
            if dag.finished(job):
                continue
            group = dag.get_job_group(job)
            if group is not None and id(group) not in whole:
                whole[id(group)] = group.is_local or _fits_one_task(dag, group, settings)
            self._units[job] = group if group is not None and whole[id(group)] else job

    @property
    def keys(self) -> dict[Job, JobKey]:
        """Each job with the key of its unit."""
        units = {id(unit): unit for unit in self._units.values()}
        keys = {name: job_key(unit) for name, unit in units.items()}
        return {job: keys[id(unit)] for job, unit in self._units.items()}

    def parents(self, unit: Unit) -> list[Unit]:
        """The units that `unit` reads from, each once."""
        found = {
            id(parent): parent
            for job in members(unit)
            for needed in self._dag.dependencies[job]
            if (parent := self._units.get(needed)) is not None and parent is not unit
        }
        return list(found.values())

    def topological(self) -> list[Unit]:
        """Producers first; siblings in a stable order."""
        units = {id(unit): unit for unit in self._units.values()}
        children: dict[int, list[Unit]] = {name: [] for name in units}
        missing = {}
        for name, unit in units.items():
            parents = self.parents(unit)
            missing[name] = len(parents)
            for parent in parents:
                children[id(parent)].append(unit)
        level = sorted((units[name] for name in units if not missing[name]), key=job_key)
        order: list[Unit] = []
        while level:
            order.extend(level)
            freed = []
            for unit in level:
                for child in children[id(unit)]:
                    missing[id(child)] -= 1
                    if not missing[id(child)]:
                        freed.append(child)
            level = sorted(freed, key=job_key)
        return order


def _fits_one_task(dag: Any, group: Unit, settings: TaskSettings) -> bool:
    """Whether a group can be one task; else its jobs are tasks each.

    A task has one container, and a text that is known before its first job has run. Jobs that talk
    to a service() are one task or none, which `task_of` says.
    """
    if any(is_flagged(path, "service") for job in group.jobs for path in job.output):
        return True
    try:
        images = {_image_of(job, settings) for job in group.jobs}
    except UnsupportedRule:
        return True  # that, too
    return len(images) == 1 and all(
        _is_known(job, settings)
        for job in group.jobs
        if any(needed in group.jobs for needed in dag.dependencies[job])
    )


def _image_of(job: Job, settings: TaskSettings) -> tuple[str, Environment | None]:
    return container_of(job, settings), environment_of(job, settings)


def _is_known(job: Job, settings: TaskSettings) -> bool:
    try:
        command_of(job, settings.workdir)
    except Unknown:
        return False
    except WorkflowError as error:
        if not _is_early(error):
            raise
        return False
    return True
