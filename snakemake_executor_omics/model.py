"""The nouns of the plugin: small frozen values that flow from selection to compilation to states.

Paths are the project's own, relative to the working directory (`../` leads out of it), with `/` as
separator; absolute where the user declared a file elsewhere by its absolute path.
Nothing here knows Snakemake, AWS or WDL.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True, order=True)
class JobKey:
    """A job's identity: Snakemake replaces job objects, so jobs are matched by this, never by id.

    `outputs` is part of it because a rule without wildcards may still stand twice in a workflow
    with modules; `wildcards` are in the order of the outputs that hold them, of a group those that
    its jobs share.
    """

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.wildcards)
        return f"{self.rule} ({values})" if values else self.rule


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file or directory that a task reads; a directory travels as a tar archive of its content.

    `producer` is the task of the same wave that makes it, or None for a raw input, which becomes a
    workflow parameter. A raw input that lies in S3 already has a `uri`, and an `etag` that tells
    its content. A `program` is a real file for the job, not a link: it looks beside itself.
    """

    path: str
    producer: JobKey | None = None
    directory: bool = False
    uri: str | None = None
    etag: str | None = None
    program: bool = False


class OutputKind(StrEnum):
    """What stands at an output's path."""

    FILE = "file"
    DIRECTORY = "directory"
    PIPE = "pipe"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Checksum:
    """Hex digits by `algorithm`, which has a program in coreutils: md5, sha1 or sha256."""

    algorithm: str
    digits: str


@dataclass(frozen=True, slots=True)
class OutputFile:
    """What a job leaves.

    A `touch` file is made empty once the job has succeeded; `non_empty` and `checksum` are what
    `ensure()` wants of it. `kept` is False where nobody outside the task needs it. Of a temporary
    file `readers` are all the tasks that will ever need it, None where something else may.
    """

    path: str
    kind: OutputKind = OutputKind.FILE
    touch: bool = False
    non_empty: bool = False
    checksum: Checksum | None = None
    kept: bool = True
    readers: tuple[JobKey, ...] | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A file of run times, a line for each of `repeats` runs of the job; JSON lines or TSV."""

    path: str
    repeats: int = 1

    @property
    def is_json(self) -> bool:
        return self.path.endswith(".jsonl")


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a task takes where the GPUs that it asks for are not to be had.

    Without `accelerator` a task does without GPU. `wait` is for how many minutes these are waited
    for, None for as long as the service does.
    """

    accelerator: str | None
    wait: int | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What a task asks for.

    `memory_mb` is a number of MB (Snakemake's `mem_mb`) or a WDL expression of that value, None
    for the service's default of 1 GiB. `timeout` is in seconds (the runtime attribute
    `omicsTimeout`), likewise, None for no limit. `disk_gib` is the size of the task's own disk
    (`disks`), likewise, None where nobody asks for one. A task with `fallbacks` takes the first of
    them that is to be had, the accelerator that it asks for among them.
    """

    cpus: int = 1
    memory_mb: int | str | None = None
    gpus: int = 0
    accelerator: str | None = None
    timeout: int | str | None = None
    disk_gib: int | str | None = None
    fallbacks: tuple[Fallback, ...] = ()

    @classmethod
    def of_pack(cls, jobs: Sequence[Resources]) -> Resources:
        """What is enough for jobs one after the other, whose numbers are known and GPUs the same.

        Their files stay, so that room on a disk adds up as their time does.
        """
        memory = [job.memory_mb or _LEAST_MEMORY_MB for job in jobs]
        return replace(
            jobs[0],
            cpus=max(job.cpus for job in jobs),
            memory_mb=None if all(job.memory_mb is None for job in jobs) else max(map(int, memory)),
            disk_gib=_total(job.disk_gib for job in jobs),
            timeout=_total(job.timeout for job in jobs),
        )


_LEAST_MEMORY_MB = 1074  # the service's default


def _total(numbers: Iterable[int | str | None]) -> int | None:
    known = list(numbers)
    return None if None in known else sum(int(number) for number in known if number is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One Snakemake job inside its task.

    `command` is the text that `interpreter` (shell words) is given in a file, or as a word where
    that ends with `TEXT_OPTION` and the text is short. It is byte for byte what Snakemake would
    run, except that `PROJECT` stands for the project folder's absolute path.
    `conda` is the address of an environment inside the container.
    """

    key: JobKey
    command: str
    interpreter: str = "bash"
    conda: str | None = None
    threads: int = 1
    outputs: tuple[OutputFile, ...] = ()
    logs: tuple[str, ...] = ()
    benchmark: Benchmark | None = None
    tmpdir: str | None = None

    @property
    def is_service(self) -> bool:
        """Whether others use the job while it runs; it is ended when they are done."""
        return any(output.kind is OutputKind.SERVICE for output in self.outputs)


PROJECT = "__omics_project__"
TEXT_OPTION = " -c"
_RECIPE = 1  # how images of environments are made; another one makes all of them anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A conda environment that tasks work in, as its files describe it.

    `pins` lists its packages (`@EXPLICIT`) in place of a solver's choice, `post_deploy` is a script
    that is run in it once it is made. `base` is the image below it; with `gpu` packages may be
    chosen that want CUDA. `file` is its path for people, and no part of it.
    """

    name: str
    content: bytes
    pins: bytes | None = None
    post_deploy: bytes | None = None
    base: str
    gpu: bool = False
    file: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """What the environment is known by: 16 hex digits of all that it is made of."""
        digest = hashlib.sha256(f"{_RECIPE} {self.base} {self.gpu}".encode())
        for part in (self.content, self.pins, self.post_deploy):
            digest.update(b"none" if part is None else hashlib.sha256(part).digest())
        return digest.hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.name}:{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What becomes one WDL task: a Snakemake job, or the jobs of a group.

    The steps of a layer run at the same time, layers one after the other. `inputs` keep the order
    of the job's inputs; `sources` are files of the project that the job uses without declaring
    them (its script), real files. `executables` are those of both with an execute bit here,
    `may_run` the producers of files that the job may run. With `copies` the inputs are no
    links: the job may write to them, or tells links from files.
    `s3_targets` has the URI of each path that Snakemake wants in S3 instead of the project's
    folder.
    Where a `may_fail` task fails the run goes on with all that does not need its files; without
    files none can be, since their absence tells the failure. `cache_buster` sets a task apart from
    one of the same text whose failure the run cache would serve. A `volatile` task is never in the
    run cache. A `local` one is of a local rule, which takes little by its author's word; `is_retry`
    where the job has failed before. `environment` is what its image was made of, and is active in
    it. `files` is what the task must leave, in the order of its WDL output of that name.
    """

    key: JobKey
    layers: tuple[tuple[Step, ...], ...]
    inputs: tuple[FileRef, ...] = ()
    sources: tuple[str, ...] = ()
    executables: frozenset[str] = frozenset()
    may_run: tuple[JobKey, ...] = ()
    copies: bool = False
    may_fail: bool = False
    cache_buster: str | None = None
    volatile: bool = False
    local: bool = False
    is_retry: bool = False
    s3_targets: Mapping[str, str] = field(default_factory=dict)
    container: str
    environment: Environment | None = None
    resources: Resources = field(default_factory=Resources)
    files: tuple[OutputFile, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(self._files()))
        object.__setattr__(self, "may_fail", self.may_fail and bool(self.files))

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for layer in self.layers for step in layer)

    def _files(self) -> Iterator[OutputFile]:
        for step in self.steps:
            for output in step.outputs:
                if output.kept and output.kind in (OutputKind.FILE, OutputKind.DIRECTORY):
                    yield output
            if step.benchmark is not None:
                yield OutputFile(step.benchmark.path)

    @property
    def parents(self) -> tuple[JobKey, ...]:
        """The jobs of the wave that the task reads from."""
        return tuple(dict.fromkeys(ref.producer for ref in self.inputs if ref.producer is not None))

    @property
    def logs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(log for step in self.steps for log in step.logs))


@dataclass(frozen=True, slots=True)
class Wave:
    """The part of the job graph that goes into one run, in topological order.

    The jobs of each of `packs` share a task of the service, one after the other: a job whose inputs
    failed is left out, and the others go on. Once a pack has worked for `longest` seconds it begins
    no more of its jobs, which were taken to be short.
    """

    tasks: tuple[Task, ...]
    packs: tuple[tuple[JobKey, ...], ...] = ()
    longest: int | None = None

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
    def objects(self) -> dict[str, FileRef]:
        """The raw inputs that lie in S3 already, by path."""
        return {
            ref.path: ref
            for task in self.tasks
            for ref in task.inputs
            if ref.producer is None and ref.uri is not None
        }

    @property
    def s3_targets(self) -> dict[str, str]:
        """The URI of each result that goes to a place of its own in S3, by path."""
        return {path: uri for task in self.tasks for path, uri in task.s3_targets.items()}

    @property
    def readers(self) -> dict[str, set[JobKey]]:
        """The tasks that get a file from the task of the wave that makes it, by path."""
        found: dict[str, set[JobKey]] = {}
        for task in self.tasks:
            for ref in task.inputs:
                if ref.producer is not None:
                    found.setdefault(ref.path, set()).add(task.key)
        return found

    @property
    def internal(self) -> frozenset[str]:
        """Temporary results that only tasks of the wave read: they stay in its run."""
        made = Counter(output.path for task in self.tasks for output in task.files)
        raw, readers = set(self.raw_inputs), self.readers
        return frozenset(
            output.path
            for task in self.tasks
            for output in task.files
            if output.readers is not None
            and readers.get(output.path, set()).issuperset(output.readers)
            and made[output.path] == 1
            and output.path not in raw
        )

    @property
    def levels(self) -> list[list[Task]]:
        """The tasks, those that read from others below them."""
        depth: dict[JobKey, int] = {}
        levels: list[list[Task]] = []
        parents = self.parents
        for task in self.tasks:
            depth[task.key] = max((depth[key] + 1 for key in parents[task.key]), default=0)
            if depth[task.key] == len(levels):
                levels.append([])
            levels[depth[task.key]].append(task)
        return levels

    @property
    def parents(self) -> dict[JobKey, tuple[JobKey, ...]]:
        """The jobs of the wave that each job reads from."""
        return {task.key: task.parents for task in self.tasks}

    @property
    def packed(self) -> dict[JobKey, tuple[JobKey, ...]]:
        """The pack of each job that is in one."""
        return {key: pack for pack in self.packs for key in pack}

    @property
    def calls(self) -> list[tuple[JobKey, ...]]:
        """The jobs of each task of the service, behind the tasks that it waits for."""
        packed = self.packed
        if not packed:
            return [(task.key,) for task in self.tasks]
        name = {task.key: packed.get(task.key, (task.key,))[0] for task in self.tasks}
        above: dict[JobKey, set[JobKey]] = {first: set() for first in name.values()}
        below: dict[JobKey, set[JobKey]] = {first: set() for first in name.values()}
        for task in self.tasks:
            for parent in task.parents:
                if name[parent] != name[task.key]:
                    above[name[task.key]].add(name[parent])
                    below[name[parent]].add(name[task.key])
        places = {first: place for place, first in enumerate(above)}
        firsts = list(above)
        ready = [place for first, place in places.items() if not above[first]]
        found = []
        while ready:  # a heap, already in order
            first = firsts[heappop(ready)]
            found.append(packed.get(first, (first,)))
            for child in below[first]:
                above[child].remove(first)
                if not above[child]:
                    heappush(ready, places[child])
        return found

    @property
    def may_fail(self) -> frozenset[JobKey]:
        """Jobs whose failure lets the run go on, and is told by an exit code."""
        return frozenset(
            {key for pack in self.packs for key in pack}
            | {task.key for task in self.tasks if task.may_fail}
        )

    @property
    def uncertain(self) -> frozenset[JobKey]:
        """Jobs that may be left out of a run that completes: they, or one above, may fail."""
        found = set(self.may_fail)
        for task in self.tasks:  # parents first
            if any(ref.producer in found for ref in task.inputs):
                found.add(task.key)
        return frozenset(found)

    def only(self, keys: Iterable[JobKey]) -> Wave:
        """The part of the wave that `keys` name; what others of it made is an input of the part."""
        chosen = frozenset(keys)
        targets = self.s3_targets

        def within(ref: FileRef) -> FileRef:
            if ref.producer is None or ref.producer in chosen:
                return ref
            return replace(ref, producer=None, uri=targets.get(ref.path))

        return Wave(
            tuple(
                task
                if chosen.issuperset(task.parents)
                else replace(task, inputs=tuple(map(within, task.inputs)))
                for task in self.tasks
                if task.key in chosen
            ),
            tuple(
                left
                for pack in self.packs
                if len(left := tuple(key for key in pack if key in chosen)) > 1
            ),
            self.longest,
        )


@dataclass(frozen=True, slots=True)
class Definition:
    """A compiled wave.

    `parameters` maps a workflow input to the raw path it stands for; `names` maps each job to the
    name of its WDL task, which packed jobs share. `texts` has for each job the text of a task that
    is its own, whether it is packed or not.
    """

    zip: bytes
    files: Mapping[str, str]
    template: Mapping[str, Mapping[str, object]]
    parameters: Mapping[str, str]
    names: Mapping[JobKey, str]
    digest: str
    texts: Mapping[JobKey, str] = field(default_factory=dict)


class JobState(StrEnum):
    """Where a job stands in its run; of one that has ENDED it is not known yet how."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
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
