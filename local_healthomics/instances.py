"""The instance type that a task gets: the smallest that fits, and of one size the first family.

Sizes, families and what an `acceleratorType` may run on are the user guide's ("Memory and compute
for HealthOmics workflows", "Task resources in a HealthOmics workflow definition").
"""

from __future__ import annotations

VCPUS = {"large": 2, "xlarge": 4} | {f"{n}xlarge": 4 * n for n in (2, 4, 8, 12, 16, 24, 32, 48)}
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8, "g4dn": 4, "g5": 4, "g6": 4, "g6e": 8}
_PLAIN = ("c", "m", "r")
_LARGEST_GPU = {"g4dn": "16xlarge", "g5": "24xlarge", "g6": "24xlarge", "g6e": "24xlarge"}
_FOUR_GPUS = ("12xlarge", "24xlarge")  # the other sizes have one
_ACCELERATORS = {
    "nvidia-tesla-t4": ("g4dn",),
    "nvidia-tesla-t4-a10g": ("g4dn", "g5"),
    "nvidia-tesla-a10g": ("g5",),
    "nvidia-t4-a10g-l4": ("g6", "g5", "g4dn"),  # the newest first
    "nvidia-l4-a10g": ("g6", "g5"),
    "nvidia-l4": ("g6",),
    "nvidia-l40s": ("g6e",),
}
ACCELERATORS = frozenset(_ACCELERATORS)


def instance_type(
    cpus: int, memory_gib: int, gpus: int = 0, accelerator: str | None = None
) -> str | None:
    """None if no instance is large enough."""
    families = _PLAIN if not gpus else _ACCELERATORS.get(accelerator or "", tuple(_LARGEST_GPU))
    for size, vcpus in VCPUS.items():
        if vcpus < cpus:
            continue
        for family in families:
            if vcpus * _GIB_PER_VCPU[family] >= memory_gib and _gpus(family, size) >= gpus:
                return f"omics.{family}.{size}"
    return None


def reserved(name: str | None, cpus: int, memory_gib: int) -> dict[str, int]:
    """What an instance has of both, in the words of a run's manifest; else what was asked for."""
    if name is not None:
        _, family, size = name.split(".")
        cpus, memory_gib = VCPUS[size], VCPUS[size] * _GIB_PER_VCPU[family]
    return {"cpusReserved": cpus, "memoryReservedGiB": memory_gib}


def _gpus(family: str, size: str) -> int:
    largest = _LARGEST_GPU.get(family)
    if largest is None or not 4 <= VCPUS[size] <= VCPUS[largest]:
        return 0
    return 4 if size in _FOUR_GPUS else 1
