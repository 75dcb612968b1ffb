"""The instance type that a task gets: the smallest that fits, families c, m, r in this order."""

from __future__ import annotations

_VCPUS = {"large": 2, "xlarge": 4} | {f"{n}xlarge": 4 * n for n in (2, 4, 8, 12, 16, 24, 32, 48)}
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8}


def instance_type(cpus: int, memory_gib: int, gpus: int = 0) -> str | None:
    """None if no instance is large enough."""
    for size, vcpus in _VCPUS.items():
        if vcpus < cpus:
            continue
        if gpus:
            # One GPU except on 12xlarge and 24xlarge; there is no GPU instance below xlarge.
            held = 4 if size in ("12xlarge", "24xlarge") else 1
            if vcpus >= 4 and held >= gpus and vcpus * 4 >= memory_gib and vcpus <= 96:
                return f"omics.g5.{size}"
            continue
        for family, ratio in _GIB_PER_VCPU.items():
            if vcpus * ratio >= memory_gib:
                return f"omics.{family}.{size}"
    return None
