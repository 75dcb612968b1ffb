"""What a job asks for, from Snakemake's resources to a task's runtime attributes.

Resources that read the sizes of inputs that do not exist yet become WDL expressions. What a rule
leaves open is what the smallest instance that fits has: it is billed whole, and HealthOmics' own
default, 1 GiB, is a limit that kills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from snakemake.common.tbdstring import TBDString

from ..cost.instances import instance_of
from ..errors import UnsupportedRule
from ..limits import ACCELERATORS, INSTANCE_VCPUS, MAX_DISK_GIB
from ..model import Fallback, Resources
from .tracing.expression import (
    Const,
    Expr,
    InputSize,
    add,
    is_integral,
    larger,
    product,
    quotient,
    relocated,
    to_wdl_int,
)
from .tracing.trace import Inputs, NotTraceable, trace_resource

# For a job that asks for a GPU without saying which: the newest of three families (user guide).
DEFAULT_ACCELERATOR = "nvidia-t4-a10g-l4"

# Snakemake's name comes first, then those that other executors' users write.
GPU_NAMES = ("gpu", "gpus", "nvidia_gpu")

_MB_PER_GIB = 1024**3 / 10**6
_KEPT = 0.05  # of an instance's memory, by the service's agents (user guide, task resources)
_GIB_PER_VCPU = 2  # of the c family, the first that is tried for a task without GPU
_GPU_GIB_PER_VCPU = 4  # of the families with the older GPUs
_ONE_GPU_VCPUS, _FOUR_GPU_VCPUS = 4, 48  # of the smallest instances with so many

Positions = Mapping[str, Sequence[int]]


def job_resources(
    unit: Any,
    layers: Sequence[Sequence[Any]],
    positions: Positions,
    *,
    total: int | None = None,
    own_disk: bool = False,
    gpu_fallback: Sequence[Fallback] = (),
) -> Resources | None:
    """The resources of a job or group, or None where one cannot be known before its inputs exist.

    The jobs of a layer run at the same time, layers one after the other. `positions` tells which
    of the task's inputs stand for a file that a job names: a directory in S3 is several; `total` is
    how many inputs it has where it has more. With `own_disk` a task without GPU has a disk of the
    size that `disk_mb` says. `gpu_fallback` is what a task takes where its GPUs are not to be had.

    Raises:
        UnsupportedRule: it asks for what no instance has.
    """
    jobs = [job for layer in layers for job in layer]
    if any(isinstance(job.threads, TBDString) for job in jobs):
        return None
    count = 1 + max((place for places in positions.values() for place in places), default=-1)
    total = count if total is None else total

    def of(name: str, job: Any) -> Expr | None:
        return _value(job, name, positions, count)

    try:
        gpus = max(sum(map(_gpus, layer)) for layer in layers)
        asked = [[of("mem_mb", job) for job in layer] for layer in layers]
        disks = [[of("disk_mb", job) for job in layer] for layer in layers if own_disk]
        times = [[of("runtime", job) for job in layer] for layer in layers]
    except NotTraceable:
        return None
    rule = jobs[0].rule.name
    cpus = _cpus(rule, unit.threads, gpus)
    memory = _largest(_sum(layer) for layer in asked)
    if any(value is None for layer in asked for value in layer):
        left_open: Expr = Const(_open_memory(cpus, gpus))
        memory = left_open if memory is None else larger(memory, left_open)
    # A limit holds for the whole task: where one of its jobs has none, the task has none.
    runtime = (
        None
        if any(value is None for layer in times for value in layer)
        else _sum(_largest(layer) for layer in times)
    )
    accelerator = _accelerator(jobs) if gpus else None
    disk = None if gpus else _largest(_sum(layer) for layer in disks)
    found = Resources(
        cpus=cpus,
        memory_mb=_number_or_wdl(memory, total),
        gpus=gpus,
        accelerator=accelerator,
        fallbacks=_fallbacks(accelerator, gpu_fallback),
        disk_gib=_number_or_wdl(None if disk is None else quotient(disk, _MB_PER_GIB), total),
        timeout=_number_or_wdl(None if runtime is None else product(runtime, 60), total),
    )
    _refuse_too_much(rule, found)
    return found


def _cpus(rule: str, threads: int, gpus: int) -> int:
    """The CPUs of a job's threads, or as many as the instances with its GPUs have at least."""
    cpus = max(1, threads)
    if gpus:
        cpus = max(cpus, _ONE_GPU_VCPUS if gpus == 1 else _FOUR_GPU_VCPUS)
    if cpus > INSTANCE_VCPUS[-1]:
        raise UnsupportedRule(
            rule,
            f"asks for {cpus} threads, and the largest instance has {INSTANCE_VCPUS[-1]} vCPUs",
            hint="--set-threads or --max-threads bounds them",
        )
    return cpus


def _refuse_too_much(rule: str, asked: Resources) -> None:
    """Refuse what no instance and no disk has, as far as it is known."""
    if instance_of(asked) is None:
        parts = [f"{asked.cpus} CPUs"]
        parts += [f"{asked.gpus} of {asked.accelerator}"] if asked.gpus else []
        if isinstance(asked.memory_mb, int):
            parts.append(f"{asked.memory_mb:,} MB")
        raise UnsupportedRule(
            rule,
            f"asks for {', '.join(parts)}, and no instance has so much",
            hint="--set-resources and --set-threads bound them; the largest instance without GPU "
            "has 192 vCPUs and 1,536 GiB",
        )
    if isinstance(asked.disk_gib, int) and asked.disk_gib > MAX_DISK_GIB:
        raise UnsupportedRule(
            rule,
            f"asks for a disk of {asked.disk_gib:,} GiB, and a task has at most {MAX_DISK_GIB:,}",
            hint="--set-resources bounds its disk_mb; --omics-scratch-storage SHARED takes the "
            "run's file system",
        )


def _open_memory(cpus: int, gpus: int) -> int:
    """MB that the smallest instance with so many CPUs and GPUs leaves to a task."""
    vcpus = next(vcpus for vcpus in INSTANCE_VCPUS if vcpus >= cpus)
    gib = vcpus * (_GPU_GIB_PER_VCPU if gpus else _GIB_PER_VCPU)
    return int(gib * _MB_PER_GIB * (1 - _KEPT))


def _fallbacks(accelerator: str | None, others: Sequence[Fallback]) -> tuple[Fallback, ...]:
    """The task's own accelerator, and those that it takes without."""
    if accelerator is None or not others:
        return ()
    own = next((o for o in others if o.accelerator == accelerator), Fallback(accelerator))
    return (own, *(other for other in others if other is not own))


def _gpus(job: Any) -> int:
    """How many GPUs a job asks for, by whichever name; one if it only says which."""
    for name in GPU_NAMES:
        value = job.resources.get(name)
        if isinstance(value, TBDString):
            raise NotTraceable("the number of GPUs depends on an input")
        if value is not None:
            if not str(value).isdigit():
                raise UnsupportedRule(
                    job.rule.name,
                    f"asks for {name}={value!r}, which is no number of GPUs",
                    hint=f"write how many as gpu=1, and which as gpu_model={DEFAULT_ACCELERATOR!r}",
                )
            return int(value)
    return 1 if job.resources.get("gpu_model") else 0


def _accelerator(jobs: Iterable[Any]) -> str:
    """The accelerator type that jobs with GPUs want.

    Raises:
        UnsupportedRule: there is none of that name, or they want several.
    """
    wanted: dict[str, Any] = {}
    for job in jobs:
        model = job.resources.get("gpu_model")
        if model and _gpus(job):
            wanted.setdefault(str(model), job)
    for model, job in wanted.items():
        if model not in ACCELERATORS or len(wanted) > 1:
            problem = "is none of HealthOmics" if len(wanted) == 1 else "is not the only one"
            raise UnsupportedRule(
                job.rule.name,
                f"asks for gpu_model={model!r}, which {problem}",
                hint=f"one task has one of {', '.join(ACCELERATORS)}; in a profile: "
                f"set-resources: {job.rule.name}: gpu_model=…",
            )
    return next(iter(wanted), DEFAULT_ACCELERATOR)


def _value(job: Any, name: str, positions: Positions, count: int) -> Expr | None:
    """A number that a job asks for, an expression over the task's inputs, or None.

    Raises:
        NotTraceable: it depends on its inputs in a way that WDL cannot say.
        UnsupportedRule: it is no number.
    """
    value = job.resources.get(name)
    if value is None:
        return None
    if not isinstance(value, TBDString):
        if not isinstance(value, int | float):
            raise UnsupportedRule(
                job.rule.name,
                f"asks for {name}={value!r}, which is no number",
                hint="give runtime in minutes, memory in MB",
            )
        return Const(int(value))
    inputs = Inputs.of(job.input)
    traced = trace_resource(
        job.rule.resources[name],
        wildcards=job.wildcards,
        inputs=inputs,
        attempt=job.attempt,
        threads=job.threads,
        rulename=job.rule.name,
    )
    # A file that another job of the task makes is taken to be as large as all that the task reads.
    all_inputs = tuple(range(count))
    return relocated(traced, lambda file: positions.get(inputs.paths[file], all_inputs))


def _sum(values: Iterable[Expr | None]) -> Expr | None:
    return _joined(add, values)


def _largest(values: Iterable[Expr | None]) -> Expr | None:
    return _joined(larger, values)


def _joined(join: Callable[[Expr, Expr], Expr], values: Iterable[Expr | None]) -> Expr | None:
    known = [value for value in values if value is not None]
    return reduce(join, known) if known else None


def _number_or_wdl(value: Expr | None, count: int) -> int | str | None:
    """A number, or the WDL Int expression over the task's `inputs`."""

    def size_of(size: InputSize) -> str:
        if size.files == tuple(range(count)):
            return f'size(inputs, "{size.wdl_unit}")'
        listed = ", ".join(f"inputs[{index}]" for index in size.files)
        return f'size([{listed}], "{size.wdl_unit}")'

    if value is None:
        return None
    if isinstance(value, Const) and is_integral(value):
        return int(value.value)
    return to_wdl_int(value, size_of)
