"""Snakemake's jobs and groups become our tasks; what no task can do is refused here, by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from snakemake.io import is_flagged
from snakemake.settings.types import DeploymentMethod

from ..errors import UnsupportedRule, UnsupportedRules
from ..model import FileRef, JobKey, Resources, Task
from .commands import Command, command_of
from .containers import container_of, shared_container
from .elsewhere import named_elsewhere, project_paths
from .folders import LARGEST
from .inputs import declared_inputs, is_here, text_of, undeclared_inputs, undeclared_sources
from .internals import is_made_a_task
from .paths import Rewriting
from .programs import is_executable, may_be_run, program_tells_links, tells_links
from .removals import refuse_removals
from .resources import Positions, job_resources
from .steps import layers_of, left_by, step_of
from .task_settings import TaskSettings
from .units import Job, Unit, job_key, members
from .values import Unknown


def task_of(unit: Unit, settings: TaskSettings, made: Mapping[str, FileRef]) -> Task:
    """The task of a unit; `made` has what the tasks of the wave make, by project path.

    Raises:
        Unknown: its text holds what only its inputs will tell.
        UnsupportedRule, UnsupportedRules: no task can do it.
        StagingError: an input in S3 is not there, or may not be read.
    """
    jobs, workdir = members(unit), settings.workdir
    if refused := [reason for job in jobs for reason in _refused(job, settings)]:
        raise UnsupportedRules(refused)
    container, environment = shared_container(jobs, settings)
    layers = layers_of(unit)
    inputs, positions = declared_inputs(jobs, settings, made)
    resources = _resources(unit, layers, positions, len(inputs), settings)
    commands = {job: command_of(job, workdir) for job in jobs}
    for job, command in commands.items():
        refuse_removals(job, command, workdir)
    written = {settings.path(file, job) for job in jobs for file in left_by(job)}
    absolute, elsewhere = _elsewhere(commands, settings)
    if undeclared := undeclared_inputs(commands, inputs, written, elsewhere, settings, made):
        inputs = (*inputs, *undeclared)
        resources = _resources(unit, layers, positions, len(inputs), settings)
    sources = undeclared_sources(commands, inputs, written, settings)
    declared = {
        str(file): settings.path(file, job) for job in jobs for file in (*job.input, *left_by(job))
    }
    rewritten = Rewriting(workdir, declared | absolute, settings.outside)
    return Task(
        key=job_key(unit),
        layers=tuple(
            tuple(step_of(unit, job, commands[job], settings, rewritten) for job in layer)
            for layer in layers
        ),
        inputs=inputs,
        sources=sources,
        executables=frozenset(
            path
            for path in (*sources, *(ref.path for ref in inputs if is_here(ref)))
            if is_executable(workdir / path)
        ),
        may_run=_may_run(inputs, text_of(commands)),
        copies=_wants_copies(commands, sources, inputs, settings),
        may_fail=settings.keep_going or unit.restart_times >= unit.attempt,
        cache_buster=settings.cache_busters.get(job_key(unit)),
        volatile=any(job.resources.get("omics_cache") == 0 for job in jobs),
        local=all(is_made_a_task(job.rule) for job in jobs),
        is_retry=unit.attempt > 1,
        s3_targets={
            settings.path(file, job): uri
            for job in jobs
            for file in left_by(job)
            if (uri := settings.storage.target(file, job.rule.name)) is not None
        },
        container=container,
        environment=environment,
        resources=resources,
    )


def _resources(
    unit: Unit,
    layers: Sequence[Sequence[Job]],
    positions: Positions,
    total: int,
    settings: TaskSettings,
) -> Resources:
    """What a unit asks for; it has `total` inputs, of which `positions` tells the declared ones."""
    found = job_resources(
        unit,
        layers,
        positions,
        total=total,
        own_disk=settings.own_disk,
        gpu_fallback=settings.gpu_fallback,
    )
    if found is None:
        raise Unknown
    return found


def _elsewhere(
    commands: Mapping[Job, Command], settings: TaskSettings
) -> tuple[dict[str, str], list[str]]:
    """What texts name by absolute paths outside of the project: each name's path, and the files."""
    names = (
        name
        for job, command in commands.items()
        for name in named_elsewhere(
            command.text,
            settings.workdir,
            settings.outside,
            None if job.is_shell else LARGEST,  # a script may be given a whole configuration
        )
    )
    return project_paths(names, settings.workdir)


def _may_run(inputs: Iterable[FileRef], text: str) -> tuple[JobKey, ...]:
    """The jobs whose results the text may run as programs."""
    runs = (
        ref.producer
        for ref in inputs
        if ref.producer and not ref.directory and may_be_run(ref.path, text)
    )
    return tuple(dict.fromkeys(runs))


def _wants_copies(
    commands: Mapping[Job, Command],
    sources: Iterable[str],
    inputs: Iterable[FileRef],
    settings: TaskSettings,
) -> bool:
    """Whether a task has to have files in place of links to its inputs."""
    programs = [*sources, *(ref.path for ref in inputs if ref.program)]
    return (
        any(
            job.rule.shadow_depth == "copy-minimal"
            or any(is_flagged(path, "update") for path in job.output)
            for job in commands
        )
        or any(tells_links(command.own) for command in commands.values())
        or any(program_tells_links(path, settings.workdir) for path in programs)
    )


def _refused(job: Job, settings: TaskSettings) -> Iterator[UnsupportedRule]:
    """What no task can do for the job, as far as it can be told without its text."""
    methods = job.rule.workflow.deployment_settings.deployment_method
    instead = job.container_img_url or (settings.environments and job.rule.conda_env)
    modules = bool(job.env_modules) and (DeploymentMethod.ENV_MODULES in methods or not instead)
    for used, what, hint in (
        (job.is_cwl, "cwl:, a workflow engine of its own", "call the tool from `shell:`"),
        (modules, "env_modules:, which a container has not", "give the rule a `container:`"),
        (
            any(is_flagged(path, "update") and path.is_storage for path in job.output),
            "update() of an object in S3, which cannot be changed in place",
            f"make it a local rule (`localrules: {job.rule.name}`)",
        ),
    ):
        if used:
            yield UnsupportedRule(job.rule.name, f"uses {what}", hint=hint)
    checks: list[Callable[[], object]] = [lambda: container_of(job, settings)]
    checks += [
        lambda file=file: settings.storage.target(file, job.rule.name)  # type: ignore[misc]
        for file in left_by(job)
    ]
    for check in checks:
        try:
            check()
        except UnsupportedRule as refused:
            yield refused
