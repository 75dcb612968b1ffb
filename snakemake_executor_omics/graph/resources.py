"""What a job asks for, from Snakemake's resources to a task's runtime attributes.

Resources that read the sizes of inputs that do not exist yet become WDL expressions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakemake.common.tbdstring import TBDString

from ..errors import UnsupportedRule
from ..model import Resources
from .tracing.expression import InputSize, to_wdl_int
from .tracing.trace import Inputs, NotTraceable, trace_resource

# For a job that asks for a GPU without saying which: the newest of three families (user guide).
DEFAULT_ACCELERATOR = "nvidia-t4-a10g-l4"


def job_resources(job: Any, positions: Mapping[str, Sequence[int]]) -> Resources | None:
    """The resources of `job`, or None where one cannot be known before its inputs exist.

    `positions` tells which of the task's inputs stand for a file that the job names: a directory
    in S3 is several.
    """
    values = job.resources
    memory = values.get("mem_mb")
    if isinstance(memory, TBDString):
        memory = _traced(job, "mem_mb", positions)
        if memory is None:
            return None
    runtime = values.get("runtime")
    if isinstance(runtime, TBDString):
        return None
    gpus = values.get("gpu", 0)
    if isinstance(gpus, TBDString):
        return None
    model = values.get("gpu_model")
    return Resources(
        cpus=max(1, job.threads),
        memory_mb=memory if memory is None or isinstance(memory, str) else int(memory),
        gpus=int(gpus or 0),
        accelerator=(str(model) if model else DEFAULT_ACCELERATOR) if gpus else None,
        timeout=None if runtime is None else _seconds(job, runtime),
    )


def _seconds(job: Any, runtime: object) -> int:
    if not isinstance(runtime, int):
        raise UnsupportedRule(
            job.name,
            f"asks for runtime={runtime!r}, which is no number of minutes",
            hint="give runtime in minutes",
        )
    return runtime * 60


def _traced(job: Any, name: str, positions: Mapping[str, Sequence[int]]) -> str | None:
    """The resource `name` as a WDL Int expression over the task's `inputs`, None if untraceable."""
    inputs = Inputs.of(job.input)
    count = len({position for places in positions.values() for position in places})

    def size_of(size: InputSize) -> str:
        chosen = [place for index in size.files for place in positions[inputs.paths[index]]]
        if chosen == list(range(count)):
            return f'size(inputs, "{size.wdl_unit}")'
        listed = ", ".join(f"inputs[{index}]" for index in chosen)
        return f'size([{listed}], "{size.wdl_unit}")'

    try:
        expression = trace_resource(
            job.rule.resources[name],
            wildcards=job.wildcards,
            inputs=inputs,
            attempt=job.attempt,
            threads=job.threads,
            rulename=job.name,
        )
    except NotTraceable:
        return None
    return to_wdl_int(expression, size_of)
