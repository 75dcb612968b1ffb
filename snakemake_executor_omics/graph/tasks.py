"""Snakemake's jobs and groups become our tasks; what no task can do is refused here, by rule."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from snakemake.common.tbdstring import TBDString
from snakemake.deployment.containerize import CONDA_ENV_PATH
from snakemake.io import WILDCARD_REGEX, get_flag_value, is_flagged
from snakemake.settings.types import DeploymentMethod

from ..errors import UnsupportedRule, UnsupportedRules
from ..images.naming import ImageNames
from ..model import (
    Benchmark,
    Checksum,
    Environment,
    Fallback,
    FileRef,
    JobKey,
    OutputFile,
    OutputKind,
    Resources,
    Step,
    Task,
)
from .commands import Command, Unknown, command_of
from .elsewhere import Elsewhere, named_elsewhere, project_paths
from .environments import EnvironmentReader, is_of_a_registry
from .folders import LARGEST, files_of
from .internals import environment_hash, is_made_a_task, line_of, scheduler_limits
from .paths import (
    Rewriting,
    files_in,
    is_in_use,
    project_path,
    with_folders,
    workflow_folders,
)
from .prefixes import beginning_with, beginnings, index_of, indexes_of
from .programs import (
    files_below,
    is_executable,
    is_program,
    may_be_run,
    program_tells_links,
    tells_links,
    used_by,
    used_by_command,
)
from .resources import job_resources
from .snakefiles import snakefiles_of
from .storage import Storage
from .temporary import readers_of
from .undeclared import gathered, named_by_values

Job = Any  # Snakemake's jobs carry no types
Unit = Any  # a job, or a group of jobs that go into one task


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


def members(unit: Unit) -> list[Job]:
    """The jobs of a unit, in a stable order."""
    return sorted(unit.jobs, key=job_key) if unit.is_group() else [unit]


def job_key(unit: Unit) -> JobKey:
    """The identity of a Snakemake job, or of a group of jobs."""
    if unit.is_group():
        # Snakemake names some groups at random.
        rules = "_".join(sorted({job.rule.name for job in unit.jobs}))
        outputs = sorted(str(path) for job in unit.jobs for path in job.output)
        return JobKey(f"group_{rules}", _shared_wildcards(unit.jobs), tuple(outputs))
    values = unit.wildcards_dict
    order = _wildcards_of(tuple(map(str, unit.rule.output)))
    return JobKey(
        rule=unit.rule.name,
        wildcards=tuple((name, str(values[name])) for name in order if name in values),
        outputs=tuple(str(path) for path in unit.output),
    )


@lru_cache(maxsize=10_000)
def _wildcards_of(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The wildcards' names in the order of a rule's outputs.

    A job has them in the order of the output that was asked for first.
    """
    return tuple(
        dict.fromkeys(match["name"] for match in WILDCARD_REGEX.finditer("\n".join(patterns)))
    )


def _shared_wildcards(jobs: Iterable[Job]) -> tuple[tuple[str, str], ...]:
    """The wildcards that have one value in all jobs of a group that have them."""
    values: dict[str, set[str]] = {}
    for job in jobs:
        for name, value in job.wildcards_dict.items():
            values.setdefault(name, set()).add(str(value))
    return tuple((name, min(found)) for name, found in sorted(values.items()) if len(found) == 1)


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


def container_of(job: Job, settings: TaskSettings) -> str:
    """The image that a job's task runs in.

    Raises:
        UnsupportedRule: there is none, or no task can have it.
    """
    environment = environment_of(job, settings)
    if environment is not None:
        _refuse_what_no_registry_has(job, environment.base, settings)
        return settings.images.of_environment(environment)
    image = job.container_img_url or settings.default_container
    if not image:
        raise UnsupportedRule(
            job.rule.name,
            "has no container, and HealthOmics runs every task in one",
            hint='add `container: "…"` to the rule, or a global `container:` to the Snakefile, or '
            "give --container-image; a rule with `conda:` has the image of its environment, unless "
            "--omics-environments is off",
        )
    name = str(image).removeprefix("docker://")
    _refuse_what_no_registry_has(job, name, settings)
    return settings.images.of_container(name)


def environment_of(job: Job, settings: TaskSettings) -> Environment | None:
    """The conda environment that a job's image is made of, None if there is none."""
    return None if settings.environments is None else settings.environments.of(job)


def _refuse_what_no_registry_has(job: Job, image: str, settings: TaskSettings) -> None:
    """Files of Apptainer and its libraries are images that HealthOmics has no way to."""
    if settings.from_registries and not is_of_a_registry(image):
        raise UnsupportedRule(
            job.rule.name,
            f"has the image {image}, and HealthOmics pulls images from registries only",
            hint="name an image of a registry (docker://…); `apptainer build --sandbox` and "
            "`docker import` make one of an image file; or give the rule a `conda:` environment",
        )


def task_of(unit: Unit, settings: TaskSettings, made: Mapping[str, FileRef]) -> Task:
    """The task of a unit; `made` has what the tasks of the wave make, by project path.

    Raises:
        Unknown: its text holds what only its inputs will tell.
        UnsupportedRule, UnsupportedRules: no task can do it.
        StagingError: an input in S3 is not there, or may not be read.
    """
    jobs = members(unit)
    if refused := [reason for job in jobs for reason in _refused(job, settings)]:
        raise UnsupportedRules(refused)
    containers = sorted({container_of(job, settings) for job in jobs})
    environments = {environment_of(job, settings) for job in jobs}
    if len(containers) > 1 or len(environments) > 1:
        raise UnsupportedRule(
            jobs[0].rule.name,
            f"is joined by service() to rules of other containers: {', '.join(containers)}",
            hint="give the joined rules one container that has the tools of them all; for conda "
            "environments `omics-images.yaml` may name the same image, and --omics-environments "
            "off does without them",
        )
    path = _Paths(settings)
    inputs, positions = _inputs(jobs, path, made, settings.storage)

    def asked(total: int) -> Resources:
        found = job_resources(
            unit,
            _layers(unit),
            positions,
            total=total,
            own_disk=settings.own_disk,
            gpu_fallback=settings.gpu_fallback,
        )
        if found is None:
            raise Unknown
        return found

    resources = asked(len(inputs))
    commands = {id(job): command_of(job, settings.workdir) for job in jobs}
    inputs_here = {ref.path for ref in inputs}
    produced_here = {path(output, job) for job in jobs for output in _left_by(job)}
    names = dict.fromkeys(name for command in commands.values() for name in command.names)
    known = inputs_here | produced_here
    named = [name for name in names if known.isdisjoint(with_folders(name))]
    texts = "\n".join(command.text for command in commands.values())
    own = {beginning for output in produced_here for beginning in beginnings(output)}
    stems = names.keys() - own
    absolute, files = project_paths(
        (name for job in jobs for name in names_elsewhere(commands[id(job)].text, job, settings)),
        settings.workdir,
    )
    sources = {source for command in commands.values() for source in command.sources}
    data = [*(ref.path for ref in inputs if _is_here(ref)), *files, *sorted(sources)]
    read = [
        path
        for job in jobs
        for path in gathered(
            job, commands[id(job)], produced_here, settings.made_in, settings.workdir
        )
        if known.isdisjoint(with_folders(path))
    ]
    others = {ref.path: ref for ref in _results([*named, *read], settings, made)}
    known_stems = stems | inputs_here | {index_of(path) for path in inputs_here}
    for ref in (
        *_siblings(jobs, path, made, settings, known_stems),
        *map(_raw, _beside(jobs, data, stems - inputs_here, texts, settings)),
        *map(_raw, files),
    ):
        if known.isdisjoint(with_folders(ref.path)):  # a directory brings along what is in it
            others.setdefault(ref.path, ref)
    if others:
        inputs = (*inputs, *others.values())
        inputs_here |= others.keys()
        resources = asked(len(inputs))
    sources |= set(_outside(texts, settings))
    sources |= set(settings.include)
    rewritten = Rewriting(
        settings.workdir,
        {
            str(written): path(written, job)
            for job in jobs
            for written in (*job.input, *_left_by(job))
        }
        | absolute,
        settings.outside,
    )
    for job in jobs:
        for folder in commands[id(job)].folders:
            given = (*inputs_here, *settings.include)
            inside = files_of(folder, job.rule.name, given, settings.made_in)
            sources |= {*inside, *used_by(inside, settings.workdir)}
    for job in jobs:
        if not job.is_shell:
            values = named_by_values(
                commands[id(job)], settings.workdir, inputs_here, settings.made_in
            )
            sources.update(values)
    sources |= set(used_by((ref.path for ref in inputs if _is_here(ref)), settings.workdir))
    undeclared = tuple(
        sorted(
            source
            for source in sources
            if not any(
                place in known
                for place in with_folders(source)
                for known in (inputs_here, produced_here, settings.produced)
            )
        )
    )
    return Task(
        key=job_key(unit),
        layers=tuple(
            tuple(_step(unit, job, commands[id(job)], path, rewritten) for job in layer)
            for layer in _layers(unit)
        ),
        inputs=inputs,
        sources=undeclared,
        executables=frozenset(
            path
            for path in (*undeclared, *(ref.path for ref in inputs if _is_here(ref)))
            if is_executable(settings.workdir / path)
        ),
        may_run=tuple(
            dict.fromkeys(
                ref.producer
                for ref in inputs
                if ref.producer and not ref.directory and may_be_run(ref.path, texts)
            )
        ),
        copies=any(
            job.rule.shadow_depth == "copy-minimal"
            or any(is_flagged(path, "update") for path in job.output)
            for job in jobs
        )
        or any(tells_links(command.own) for command in commands.values())
        or any(program_tells_links(path, settings.workdir) for path in undeclared)
        or any(ref.program and program_tells_links(ref.path, settings.workdir) for ref in inputs),
        may_fail=settings.keep_going or unit.restart_times >= unit.attempt,
        cache_buster=settings.cache_busters.get(job_key(unit)),
        volatile=any(job.resources.get("omics_cache") == 0 for job in jobs),
        local=all(is_made_a_task(job.rule) for job in jobs),
        is_retry=unit.attempt > 1,
        s3_targets={
            path(file, job): uri
            for job in jobs
            for file in _left_by(job)
            if (uri := settings.storage.target(file, job.rule.name)) is not None
        },
        container=containers[0],
        environment=environments.pop(),
        resources=resources,
    )


def _results(
    names: Iterable[str], settings: TaskSettings, made: Mapping[str, FileRef]
) -> Iterator[FileRef]:
    """What other jobs make, or have made, that a command names without declaring it."""
    found: dict[str, FileRef] = {}
    for name in names:
        for path in with_folders(name):  # of a file in a directory() the directory is made
            file = settings.workdir / path
            if path in made and (path == name or made[path].directory):
                found[path] = made[path]
            elif path in settings.produced and path not in settings.pending and file.exists():
                found[path] = FileRef(path, directory=file.is_dir())
    for path, ref in found.items():
        if ref.directory or "/" in path or "." in path:  # else it is a word by chance
            yield replace(ref, program=not ref.directory and is_program(path))


def _siblings(
    jobs: Iterable[Job],
    path: _Paths,
    made: Mapping[str, FileRef],
    settings: TaskSettings,
    stems: Collection[str | None],
) -> Iterator[FileRef]:
    """What the jobs above make whose names begin with one of `stems`, declared or not."""
    for parent in dict.fromkeys(needed for job in jobs for needed in job.dag.dependencies[job]):
        for output in parent.output:
            name = path(output, parent)
            if any(beginning in stems for beginning in beginnings(name)):
                file = settings.workdir / name
                if name in made:
                    yield made[name]
                elif name not in settings.pending and file.exists():
                    yield FileRef(name, directory=file.is_dir())


def _beside(
    jobs: Iterable[Job],
    data: Iterable[str],
    stems: Iterable[str],
    text: str,
    settings: TaskSettings,
) -> Iterator[str]:
    """The files here whose names begin with one of `stems`, and the indexes of `data`."""
    tools = " ".join([text, *(str(job.rule.wrapper) for job in jobs)])
    found = [file for stem in sorted(stems) for file in beginning_with(stem, settings.workdir)]
    for path in data:
        found += indexes_of(path, settings.workdir, tools)
    for file in found:
        if not any(place in settings.produced for place in with_folders(file)):
            yield file


def names_elsewhere(text: str, job: Job, settings: TaskSettings) -> list[Elsewhere]:
    """What a job's text names by absolute paths outside of the project."""
    largest = None if job.is_shell else LARGEST  # a script may be given a whole configuration
    return named_elsewhere(text, settings.workdir, settings.outside, largest)


def _raw(path: str) -> FileRef:
    return FileRef(path, program=is_program(path))


def _outside(text: str, settings: TaskSettings) -> list[str]:
    """What a text names of a workflow that lies outside of the project, and what that uses."""
    if not any(folder in text for folder in settings.outside):
        return []
    named = files_in(settings.outside, text, settings.workdir)
    named += files_below(text, settings.outside, settings.workdir)
    return [*named, *used_by_command(text, named, settings.workdir, settings.outside)]


def _is_here(ref: FileRef) -> bool:
    """Whether an input is a file of this machine."""
    return ref.producer is None and ref.uri is None and not ref.directory


def folders_of(path: str) -> Iterator[str]:
    """The folders that a path is in."""
    return islice(with_folders(path), 1, None)


class _Paths:
    """The project paths of a unit's jobs."""

    def __init__(self, settings: TaskSettings) -> None:
        self.workdir = settings.workdir
        self.units = settings.units

    def __call__(self, path: object, job: Job) -> str:
        return project_path(path, self.workdir, job.rule.name)


def _left_by(job: Job) -> Iterator[str]:
    yield from job.output
    yield from job.log
    if job.benchmark:
        yield job.benchmark


def written_by(job: Job, workdir: Path) -> Iterator[str]:
    """The project paths of all that a job writes."""
    return (project_path(path, workdir, job.rule.name) for path in _left_by(job))


def _inputs(
    jobs: Sequence[Job], path: _Paths, made: Mapping[str, FileRef], storage: Storage
) -> tuple[tuple[FileRef, ...], dict[str, list[int]]]:
    """What a unit's jobs read, and the positions there of each file that they name."""
    inside = {path(output, job) for job in jobs for output in job.output}
    refs: dict[str, FileRef] = {}
    named: dict[str, list[str]] = {}
    for job in jobs:
        for item in job.input:
            name = path(item, job)
            if name in inside or str(item) in named:
                continue
            if name in made and not is_flagged(item, "before_update"):
                found = [made[name]]
            else:
                directory = (path.workdir / name).is_dir()
                found = storage.inputs(item, name, job.rule.name)
                found = found or [FileRef(name, directory=directory)]
            found = [replace(r, program=not r.directory and is_program(r.path)) for r in found]
            refs.update((ref.path, ref) for ref in found)
            named[str(item)] = [ref.path for ref in found]
    for job in jobs:
        for item in job.output:
            name = path(item, job)
            if is_flagged(item, "update") and (name in made or (path.workdir / name).exists()):
                refs[name] = made.get(name) or FileRef(name)
    position = {name: index for index, name in enumerate(refs)}
    return tuple(refs.values()), {
        item: [position[name] for name in names] for item, names in named.items()
    }


def _is_directory(path: object) -> bool:
    return bool(is_flagged(path, "directory") and get_flag_value(path, "directory") is not False)


def _layers(unit: Unit) -> list[list[Job]]:
    """Which jobs of a group run at the same time, as `GroupJob.resources` reckons."""
    if not unit.is_group():
        return [[unit]]
    layers: list[list[Job]] = []
    for level in unit.toposorted:
        level = sorted(level, key=job_key)
        if sum(job.threads for job in level) <= unit.threads:
            layers.append(level)
            continue
        # A limit on resources lets fewer of them run at once; joined ones must.
        joined: dict[object, list[Job]] = {}
        for job in level:
            joined.setdefault(job.pipe_group or id(job), []).append(job)
        layers += joined.values()
    return layers


def _step(
    unit: Unit, job: Job, command: Command, path: _Paths, rewritten: Callable[[str], str]
) -> Step:
    readers = readers_of(job, job_key(unit), path.units)
    outputs = tuple(_output(unit, job, item, path, readers.get(str(item))) for item in job.output)
    benchmark = job.benchmark and Benchmark(path(job.benchmark, job), job.benchmark_repeats or 1)
    read = {path for files in job.dag.depending[job].values() for path in files}
    outputs += tuple(OutputFile(path(log, job), touch=True) for log in job.log if log in read)
    text = rewritten(command.text)
    _refuse_secrets(job, text, command.sources, path.workdir)
    tmpdir = job.resources.get("tmpdir")
    return Step(
        key=job_key(job),
        command=text,
        interpreter=command.interpreter,
        conda=_conda(job),
        threads=max(1, job.threads),
        outputs=outputs,
        logs=tuple(dict.fromkeys(path(log, job) for log in job.log)),
        benchmark=benchmark or None,
        tmpdir=None
        if isinstance(tmpdir, TBDString) or not tmpdir or str(tmpdir).startswith("$")
        else str(tmpdir),
    )


def _output(
    unit: Unit, job: Job, path: Any, paths: _Paths, readers: Collection[JobKey] | None
) -> OutputFile:
    ensure = get_flag_value(path, "ensure") if is_flagged(path, "ensure") else None
    kind = OutputKind.DIRECTORY if _is_directory(path) else OutputKind.FILE
    if is_flagged(path, "service"):
        kind = OutputKind.SERVICE
    elif is_flagged(path, "pipe") and unit.is_group():  # else its reader is another task
        kind = OutputKind.PIPE
    return OutputFile(
        paths(path, job),
        kind,
        touch=bool(is_flagged(path, "touch")),
        non_empty=bool(ensure and ensure.get("non_empty")),
        checksum=_checksum(job, ensure) if ensure else None,
        kept=_is_needed(unit, job, path),
        readers=None if readers is None else tuple(sorted(readers)),
    )


def _checksum(job: Job, ensure: Mapping[str, Any]) -> Checksum | None:
    algorithm, digits = ensure.get("checksum_algorithm"), ensure.get("checksum")
    if not algorithm or not digits:
        return None
    return Checksum(algorithm, digits(job.wildcards) if callable(digits) else str(digits))


def _is_needed(unit: Unit, job: Job, path: Any) -> bool:
    """Whether a group's temp() file is needed outside of it; see `GroupJob.postprocess`."""
    if not unit.is_group() or not (is_flagged(path, "temp") or is_flagged(path, "nodelocal")):
        return True
    dag = job.dag
    return path in dag.targetfiles or any(
        path in files and dag.needrun(other) and not dag.finished(other) and other not in unit.jobs
        for other, files in dag.depending[job].items()
    )


def _conda(job: Job) -> str | None:
    """Where `snakemake --containerize` put the job's environment, None where it has none."""
    if not job.is_containerized or job.conda_env_spec is None:
        return None
    return f"{CONDA_ENV_PATH}/{environment_hash(job.rule.workflow, job.conda_env_spec)}"


def ignores_environment(job: Job, settings: TaskSettings) -> bool:
    """Whether the job's conda environment is used nowhere, as the user said."""
    named = job.rule.conda_env is not None
    return named and not job.is_containerized and settings.environments is None


def has_unknown_values(job: Job) -> bool:
    """Whether the job has a param or resource that only its inputs will tell."""
    values = (*job.params, *(value for name, value in job.resources.items() if name != "tmpdir"))
    return any(isinstance(value, TBDString) for value in values)


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
        for file in _left_by(job)
    ]
    for check in checks:
        try:
            check()
        except UnsupportedRule as refused:
            yield refused


def place_of(rule: Any) -> str:
    """Where a rule is defined, for people."""
    file = str(rule.snakefile)
    inside = os.path.relpath(file) if os.path.isabs(file) else file
    return f"{file if inside.startswith('..') else inside}, line {line_of(rule)}"


_LARGEST_SCRIPT = 1024 * 1024  # bytes
_SHORTEST_SECRET = 4  # characters; shorter values stand in texts by chance


def _refuse_secrets(job: Job, text: str, sources: Sequence[str], workdir: Path) -> None:
    """A definition is stored and shown: no value of `envvars:` may be in it, nor be missed.

    `sources` are the scripts that the text runs, and what they import.
    """
    workflow = job.rule.workflow
    declared = {*workflow.envvars, *workflow.remote_execution_settings.envvars}
    if not declared:
        return
    texts = {"": text, **_small_texts(sources, workdir)}
    for name in sorted(declared):
        value = os.environ.get(name, "")
        shown = len(value) >= _SHORTEST_SECRET and value in text
        named = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])")
        used = next((file for file, content in texts.items() if named.search(content)), None)
        if shown or used is not None:
            raise UnsupportedRule(
                job.rule.name,
                f"uses the environment variable {name} of `envvars:`"
                + (f" in {used}" if used else "")
                + (", and its value would stand in the workflow definition" if shown else ""),
                hint="HealthOmics has no place for secrets; fetch it inside the job, for instance "
                "from AWS Secrets Manager by the run's role, or make it a local rule",
            )


def _small_texts(files: Iterable[str], workdir: Path) -> dict[str, str]:
    found = {}
    for name in files:
        path = workdir / name
        if path.is_file() and path.stat().st_size <= _LARGEST_SCRIPT:
            found[name] = path.read_text("utf-8", errors="replace")
    return found
