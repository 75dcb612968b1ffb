"""The graph of what is to run: jobs, and groups that can be one task each."""

from __future__ import annotations

from typing import Any

from snakemake.exceptions import InputFunctionException, WorkflowError
from snakemake.io import is_flagged

from ..errors import UnsupportedRule
from ..model import Environment, JobKey
from .commands import command_of
from .containers import container_of, environment_of
from .internals import is_about_unknown_threads
from .task_settings import TaskSettings
from .units import Job, Unit, job_key, members
from .values import Unknown


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
        if not is_early(error):
            raise
        return False
    return True


def is_early(error: WorkflowError) -> bool:
    """Whether a function of the workflow was called before its files were there."""
    return isinstance(error, InputFunctionException) or is_about_unknown_threads(error)
