"""What a job does within its task: its text, what it leaves, and which jobs run beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from snakemake.common.tbdstring import TBDString
from snakemake.deployment.containerize import CONDA_ENV_PATH
from snakemake.io import get_flag_value, is_flagged

from ..model import Benchmark, Checksum, JobKey, OutputFile, OutputKind, Step
from .commands import Command
from .internals import environment_hash
from .paths import project_path
from .secrets import refuse_secrets
from .task_settings import TaskSettings
from .temporary import readers_of
from .units import Job, Unit, job_key


def left_by(job: Job) -> Iterator[str]:
    """All that a job writes, as it names it."""
    yield from job.output
    yield from job.log
    if job.benchmark:
        yield job.benchmark


def written_by(job: Job, workdir: Path) -> Iterator[str]:
    """The project paths of all that a job writes."""
    return (project_path(path, workdir, job.rule.name) for path in left_by(job))


def layers_of(unit: Unit) -> list[list[Job]]:
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


def step_of(
    unit: Unit,
    job: Job,
    command: Command,
    settings: TaskSettings,
    rewritten: Callable[[str], str],
) -> Step:
    """What a job of a unit does; `rewritten` makes absolute paths of its text the task's.

    Raises:
        UnsupportedRule: it uses a secret.
    """
    readers = readers_of(job, job_key(unit), settings.units)
    outputs = tuple(
        _output(unit, job, item, settings, readers.get(str(item))) for item in job.output
    )
    benchmark = job.benchmark and Benchmark(
        settings.path(job.benchmark, job), job.benchmark_repeats or 1
    )
    read = {path for files in job.dag.depending[job].values() for path in files}
    outputs += tuple(
        OutputFile(settings.path(log, job), touch=True) for log in job.log if log in read
    )
    text = rewritten(command.text)
    refuse_secrets(job, text, command.sources, settings.workdir)
    tmpdir = job.resources.get("tmpdir")
    return Step(
        key=job_key(job),
        command=text,
        interpreter=command.interpreter,
        conda=_conda(job),
        threads=max(1, job.threads),
        outputs=outputs,
        logs=tuple(dict.fromkeys(settings.path(log, job) for log in job.log)),
        benchmark=benchmark or None,
        tmpdir=None
        if isinstance(tmpdir, TBDString) or not tmpdir or str(tmpdir).startswith("$")
        else str(tmpdir),
    )


def _output(
    unit: Unit, job: Job, path: Any, settings: TaskSettings, readers: Collection[JobKey] | None
) -> OutputFile:
    ensure = get_flag_value(path, "ensure") if is_flagged(path, "ensure") else None
    kind = OutputKind.DIRECTORY if _is_directory(path) else OutputKind.FILE
    if is_flagged(path, "service"):
        kind = OutputKind.SERVICE
    elif is_flagged(path, "pipe") and unit.is_group():  # else its reader is another task
        kind = OutputKind.PIPE
    return OutputFile(
        settings.path(path, job),
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


def _is_directory(path: object) -> bool:
    return bool(is_flagged(path, "directory") and get_flag_value(path, "directory") is not False)
