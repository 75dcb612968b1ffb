"""The nouns of the plugin: small frozen values that flow from selection to compilation to states.

Paths are the project's own, relative to the working directory, with `/` as separator.
Nothing here knows Snakemake, AWS or WDL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Language(StrEnum):
    """What interprets a task's source text."""

    BASH = "bash"
    PYTHON = "python"


@dataclass(frozen=True, slots=True, order=True)
class JobKey:
    """A job's identity: Snakemake replaces job objects, so jobs are matched by this, never by id.

    `outputs` is part of it because a rule without wildcards may still stand twice in a workflow
    with modules; `wildcards` is sorted by name.
    """

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.wildcards)
        return f"{self.rule} ({values})" if values else self.rule


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that a task reads.

    `producer` is the job of the same wave that makes it, or None for a raw input, which becomes a
    workflow parameter.
    """

    path: str
    producer: JobKey | None = None


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a task leaves; `touch` ones are made empty once the job has succeeded."""

    path: str
    touch: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """What a task asks for.

    `memory_mb` is a number of MB (Snakemake's `mem_mb`) or a WDL expression of that value, None
    for the service's default of 1 GiB. `timeout` is in seconds (the runtime attribute
    `omicsTimeout`), None for no limit.
    """

    cpus: int = 1
    memory_mb: int | str | None = None
    gpus: int = 0
    accelerator: str | None = None
    timeout: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One Snakemake job, ready to be written as one WDL task.

    `inputs` keep the order of the job's inputs; `sources` are files of the project that the job
    uses without declaring them (its script). `command` is the text that `language` interprets,
    byte for byte what Snakemake would run.
    """

    key: JobKey
    command: str
    language: Language = Language.BASH
    inputs: tuple[FileRef, ...] = ()
    sources: tuple[str, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    logs: tuple[str, ...] = ()
    benchmark: str | None = None
    container: str
    resources: Resources = field(default_factory=Resources)

    @property
    def files(self) -> tuple[str, ...]:
        """What the task must leave, in the order of its WDL output `files`."""
        benchmark = () if self.benchmark is None else (self.benchmark,)
        return tuple(output.path for output in self.outputs) + benchmark


@dataclass(frozen=True, slots=True)
class Wave:
    """The part of the job graph that goes into one run, in topological order."""

    tasks: tuple[Task, ...]

    @property
    def raw_inputs(self) -> tuple[str, ...]:
        """Paths that no task of the wave makes, sorted."""
        return tuple(
            sorted(
                {ref.path for task in self.tasks for ref in task.inputs if ref.producer is None}
                | {path for task in self.tasks for path in task.sources}
            )
        )

    @property
    def parents(self) -> dict[JobKey, tuple[JobKey, ...]]:
        """The jobs of the wave that each job reads from."""
        return {
            task.key: tuple(
                dict.fromkeys(ref.producer for ref in task.inputs if ref.producer is not None)
            )
            for task in self.tasks
        }

    def only(self, keys: Iterable[JobKey]) -> Wave:
        """The part of the wave that `keys` name, which must be closed under dependencies."""
        chosen = frozenset(keys)
        return Wave(tuple(task for task in self.tasks if task.key in chosen))


@dataclass(frozen=True, slots=True)
class Definition:
    """A compiled wave.

    `parameters` maps a workflow input to the raw path it stands for; `names` maps each WDL task
    name to its job.
    """

    zip: bytes
    files: Mapping[str, str]
    template: Mapping[str, Mapping[str, object]]
    parameters: Mapping[str, str]
    names: Mapping[str, JobKey]
    digest: str


class JobState(StrEnum):
    """Where a job stands in its run."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_success(self) -> bool:
        return self in (JobState.DONE, JobState.CACHED)

    @property
    def is_final(self) -> bool:
        return self.is_success or self in (JobState.FAILED, JobState.CANCELLED)
