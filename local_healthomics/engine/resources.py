"""What a task's runtime section asks for, by the service's rules (not the host's limits)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from WDL import Error, Type, Value

from ..instances import ACCELERATORS, instance_type
from ..readings import Readings
from .images import Image, RegistryMap
from .miniwdl_internals import byte_size

GIB = 1024**3
_SCRATCH_STEP, _SCRATCH_MOST = 16, 3072  # GiB
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class InvalidResource(Error.RuntimeError):
    """A runtime attribute has an unusable value."""

    reason = "INVALID_TASK_RESOURCE_VALUE"


class UnsupportedAccelerator(InvalidResource):
    """The service has no such GPU."""

    reason = "UNSUPPORTED_GPU_INSTANCE_TYPE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Asked resources: whole cpus and GiB, at least one of each."""

    cpus: int = 1
    memory_gib: int = 1
    gpus: int = 0
    accelerator: str | None = None
    timeout: int | None = None
    oom_retries: int = 0
    image: Image | None = None
    scratch_gib: int = 0  # of the task's own disk, where the run has such

    @property
    def instance_type(self) -> str | None:
        return instance_type(self.cpus, self.memory_gib, self.gpus, self.accelerator)


def parse_timeout(value: int | str) -> int:
    """`omicsTimeout` in seconds: 60 at least, else rounded down to whole minutes."""
    text = str(value).strip()
    if text.isdigit():
        seconds = int(text)
    elif re.fullmatch(r"(\d+[smhd])+", text):
        seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))
    else:
        raise InvalidResource(f"invalid setting of runtime.omicsTimeout, {text}")
    return max(60, seconds // 60 * 60)


def parse_memory(text: str) -> int:
    """Whole GiB, rounded up."""
    try:
        size = byte_size(text)
    except ValueError as error:
        raise InvalidResource(f"invalid setting of runtime.memory, {text}") from error
    return math.ceil(size / GIB)


def usable_bytes(memory_gib: int, readings: Readings) -> int:
    """What a task may use of the memory that it asked for."""
    return memory_gib * GIB * int(readings["task-memory"]) // 100


def scratch_gib(asked_gib: int) -> int:
    """The size of a task's own disk: whole steps, one at least."""
    size = max(1, -(-asked_gib // _SCRATCH_STEP)) * _SCRATCH_STEP
    if size > _SCRATCH_MOST:
        raise InvalidResource(f"disks ask for {asked_gib} GiB, more than {_SCRATCH_MOST}")
    return size


def parse_disks(value: Value.Base | None) -> int:
    """The GiB that all entries of `disks` name together; only sizes count.

    `700`, `"700 GiB"`, `"local-disk 700 SSD"`, several with commas between them, or an array.
    """
    if value is None or isinstance(value, Value.Null):
        return 0
    if isinstance(value, Value.Array):
        return sum(parse_disks(item) for item in value.value)
    total = 0
    for entry in str(value.coerce(Type.String()).value).split(","):
        size = re.search(r"(?<![\w/.-])(\d+)\s*([KMGT]i?B?)?(?![\w/])", entry)
        if size is None:
            raise InvalidResource(f"invalid setting of runtime.disks, {entry.strip()}")
        total += math.ceil(byte_size(f"{size[1]} {size[2] or 'GiB'}") / GIB)
    return total


def asked(
    runtime: Mapping[str, Value.Base],
    registries: RegistryMap,
    default_image: str | None,
    *,
    scratch_local: bool = False,
) -> Resources:
    """Read an evaluated runtime section."""
    runtime = _first_profile(runtime)

    def scalar(*names: str) -> Any:
        for name in names:
            value = runtime.get(name)
            if isinstance(value, Value.Array):
                value = value.value[0] if value.value else None
            if value is not None and not isinstance(value, Value.Null):
                return value.coerce(Type.String()).value
        return None

    try:
        cpus = math.ceil(float(scalar("cpu") or 1))
        gpus = int(scalar("acceleratorCount", "gpuCount") or 0)
        accelerator = scalar("acceleratorType", "gpuType")
        retries = max(0, int(scalar("maxRetries") or 0))
    except ValueError as error:
        raise InvalidResource(f"invalid resource in the runtime section: {error}") from error
    timeout = scalar("omicsTimeout")
    memory = scalar("memory")
    image = scalar("container", "docker") or default_image
    memory_gib = parse_memory(memory) if memory else 1
    disks = parse_disks(runtime.get("disks"))
    if min(cpus, memory_gib) < 1 or gpus < 0:
        # User guide, "Run failure reasons": "… or less than the minimum value of 1".
        raise InvalidResource(f"{cpus} vCPU, {memory_gib} GiB: less than the minimum value of 1")
    if bool(gpus) != bool(accelerator):
        raise InvalidResource("acceleratorType and acceleratorCount must be given together")
    if accelerator and accelerator not in ACCELERATORS:
        raise UnsupportedAccelerator(
            f"acceleratorType {accelerator} is none of {', '.join(sorted(ACCELERATORS))}"
        )
    if instance_type(cpus, memory_gib, gpus, accelerator) is None:
        raise InvalidResource(
            f"no instance has {cpus} vCPU, {memory_gib} GiB and {gpus} GPU: they are too many"
        )
    return Resources(
        cpus=cpus,
        memory_gib=memory_gib,
        gpus=gpus,
        accelerator=accelerator,
        timeout=None if timeout is None else parse_timeout(timeout),
        oom_retries=retries,
        image=registries.resolve(image),
        scratch_gib=0 if gpus or not scratch_local else scratch_gib(disks),
    )


# User guide, "Advanced resource configuration": what each profile has, and the task has not then.
_PROFILE = frozenset(
    (
        *("acceleratorType", "acceleratorCount", "gpuType", "gpuCount", "cpu", "memory"),
        "omicsResourceWaitTimeoutInMin",
    )
)
_PROFILES = 10  # quotas, fallback profiles per task


def _first_profile(runtime: Mapping[str, Value.Base]) -> Mapping[str, Value.Base]:
    """The runtime section with the first profile of `omicsResourceFallbackOrder`, if it has one.

    Everything is to be had here.
    """
    order = runtime.get("omicsResourceFallbackOrder")
    if order is None:
        return runtime
    if both := _PROFILE & runtime.keys():
        raise InvalidResource(
            f"omicsResourceFallbackOrder takes the place of {', '.join(sorted(both))}"
        )
    profiles = order.value if isinstance(order, Value.Array) else []
    if not 1 <= len(profiles) <= _PROFILES:
        raise InvalidResource(f"omicsResourceFallbackOrder has 1 to {_PROFILES} profiles")
    named = [{str(key.value): value for key, value in profile.value} for profile in profiles]
    if sum("acceleratorType" not in profile for profile in named) > 1:
        raise InvalidResource("omicsResourceFallbackOrder has one profile without GPU at most")
    return {**runtime, **named[0]}
