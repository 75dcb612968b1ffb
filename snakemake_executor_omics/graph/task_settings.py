"""What the task of a job depends on beside the job, and what of it the user has said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..images.naming import ImageNames
from ..model import Fallback, JobKey
from .environments import EnvironmentReader
from .internals import scheduler_limits
from .paths import is_in_use, project_path, workflow_folders
from .snakefiles import snakefiles_of
from .storage import Storage
from .units import Job


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What a job's task depends on beside the job: the folder, and what other jobs write there.

    Of the files `produced` jobs are still to make those that are `pending`; `made_in` are the
    folders in which they lie, and those around them.
    `cache_busters` are for jobs whose failure is in the run cache. `limits` are of resources that
    all jobs together may use at once, `max_jobs` how many jobs may run where nothing else says so.
    `outside` are the folders of the workflow's sources that lie outside of the project. `units`
    has each job that is to run, with the key of its task.
    `environments` reads conda environments, None where they are not used. `from_registries` says
    that images have to be pulled from one.
    """

    workdir: Path
    produced: Collection[str] = frozenset()
    pending: Collection[str] = frozenset()
    made_in: Collection[str] = frozenset()
    include: Sequence[str] = ()
    default_container: str | None = None
    keep_going: bool = False
    cache_busters: Mapping[JobKey, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    max_jobs: int | None = None
    own_disk: bool = False
    gpu_fallback: Sequence[Fallback] = ()
    storage: Storage = field(default_factory=Storage)
    outside: tuple[str, ...] = ()
    images: ImageNames = field(default_factory=ImageNames)
    environments: EnvironmentReader | None = None
    from_registries: bool = False
    units: Mapping[Job, JobKey] = field(default_factory=dict)

    def path(self, file: object, job: Job) -> str:
        """The project path of a file that a job names.

        Raises:
            UnsupportedRule: it holds a line break.
        """
        return project_path(file, self.workdir, job.rule.name)


def task_settings(
    workflow: Any,
    workdir: Path,
    include: Iterable[str],
    *,
    cache_busters: Mapping[JobKey, str] = MappingProxyType({}),
    storage: Storage | None = None,
    max_jobs: int | None = None,
    own_disk: bool = False,
    gpu_fallback: Sequence[Fallback] = (),
    images: ImageNames | None = None,
    environments: bool = True,
    from_registries: bool = False,
) -> TaskSettings:
    """What the user told Snakemake and us; `include` are globs of undeclared files."""
    images = images or ImageNames()
    return TaskSettings(
        workdir,
        include=included(workdir, include),
        default_container=workflow.remote_execution_settings.container_image,
        keep_going=workflow.execution_settings.keep_going,
        cache_busters=cache_busters,
        limits=scheduler_limits(workflow),
        max_jobs=max_jobs,
        own_disk=own_disk,
        gpu_fallback=gpu_fallback,
        storage=storage or Storage(),
        outside=workflow_folders(snakefiles_of(workflow), workdir),
        images=images,
        environments=EnvironmentReader(workdir, images.base, from_registries=from_registries)
        if environments
        else None,
        from_registries=from_registries,
    )


def included(workdir: Path, globs: Iterable[str]) -> list[str]:
    """The files of the project that `globs` name, but for what changes while Snakemake runs."""
    found = [
        path.relative_to(workdir).as_posix()
        for pattern in globs
        for path in sorted(workdir.glob(pattern))
        if path.is_file()
    ]
    return [path for path in found if not is_in_use(path, workdir)]
