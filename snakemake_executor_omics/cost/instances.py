"""The instances of HealthOmics, and which of them a task gets: the smallest that fits.

Of one size the first family is taken. Sizes, families and what an accelerator may run on are the
user guide's ("Compute types", "Task accelerators").
"""

from __future__ import annotations

from dataclasses import dataclass

from ..limits import INSTANCE_VCPUS
from ..model import Resources

_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8, "g4dn": 4, "g5": 4, "g6": 4, "g6e": 8}
_PLAIN = ("c", "m", "r")
_LARGEST_GPU = {"g4dn": 64, "g5": 96, "g6": 96, "g6e": 96}  # vCPUs; the smallest has 4
_FOUR_GPUS = (48, 96)  # vCPUs of those that have four; the others have one
_ACCELERATORS = {
    "nvidia-tesla-t4": ("g4dn",),
    "nvidia-tesla-t4-a10g": ("g4dn", "g5"),
    "nvidia-tesla-a10g": ("g5",),
    "nvidia-t4-a10g-l4": ("g6", "g5", "g4dn"),  # the newest first
    "nvidia-l4-a10g": ("g6", "g5"),
    "nvidia-l4": ("g6",),
    "nvidia-l40s": ("g6e",),
}
_BYTES_PER_GIB, _BYTES_PER_MB = 1024**3, 10**6


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance type, as `omics.c.large`, and what it has."""

    family: str
    vcpus: int
    gpus: int = 0

    @property
    def memory_gib(self) -> int:
        return self.vcpus * _GIB_PER_VCPU[self.family]

    @property
    def name(self) -> str:
        size = {2: "large", 4: "xlarge"}.get(self.vcpus, f"{self.vcpus // 4}xlarge")
        return f"omics.{self.family}.{size}"

    def __str__(self) -> str:
        return self.name


ALL = tuple(
    Instance(family, vcpus, gpus)
    for vcpus in INSTANCE_VCPUS
    for family in _GIB_PER_VCPU
    if (gpus := 0 if family in _PLAIN else 4 if vcpus in _FOUR_GPUS else 1) == 0
    or 4 <= vcpus <= _LARGEST_GPU[family]
)
NAMED = {instance.name: instance for instance in ALL}


def smallest(
    cpus: float, memory_gib: float, gpus: int = 0, accelerator: str | None = None
) -> Instance | None:
    """What a task gets that asks for so much, None if no instance is large enough."""
    families = _PLAIN if not gpus else _ACCELERATORS.get(accelerator or "", tuple(_LARGEST_GPU))
    for vcpus in INSTANCE_VCPUS:
        for family in families:
            found = NAMED.get(Instance(family, vcpus).name)
            if (
                found is not None
                and found.vcpus >= cpus
                and found.memory_gib >= memory_gib
                and found.gpus >= gpus
            ):
                return found
    return None


def instance_of(resources: Resources) -> Instance | None:
    """The instance of a task with these resources, None if none is large enough.

    Memory that depends on the sizes of inputs counts as none: `is_open` tells that.
    """
    memory = resources.memory_mb
    gib = memory * _BYTES_PER_MB / _BYTES_PER_GIB if isinstance(memory, int) else 1
    return smallest(resources.cpus, gib, resources.gpus, resources.accelerator)


def is_open(resources: Resources) -> bool:
    """Whether the instance depends on the sizes of the task's inputs."""
    return isinstance(resources.memory_mb, str)
