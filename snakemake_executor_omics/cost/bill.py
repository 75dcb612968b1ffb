"""What tasks and runs are billed: instances by the second, storage for as long as a run goes on.

A task is billed from its start to its stop, one from the run cache not at all; a run's storage
from RUNNING to STOPPING (user guide, prices).
"""

from __future__ import annotations

from ..limits import INCLUDED_DISK_GIB, MIN_BILLED_SECONDS, MIN_STATIC_GIB, STATIC_STEP_GIB
from .prices import Prices

_HOUR = 3600


def billed_seconds(seconds: float) -> float:
    """For how long a task is billed that worked for `seconds`."""
    return max(MIN_BILLED_SECONDS, seconds)


def task_dollars(
    prices: Prices, instance_type: str, seconds: float, disk_gib: float = 0
) -> float | None:
    """Dollars for a task that worked for `seconds`; None if the instance has no price.

    `disk_gib` is the size of its own disk.
    """
    hourly = prices.of_instance(instance_type)
    if hourly is None:
        return None
    hourly += max(0, disk_gib - INCLUDED_DISK_GIB) * prices.disk
    return hourly * billed_seconds(seconds) / _HOUR


def storage_dollars(prices: Prices, seconds: float, gib: float, *, static: bool = False) -> float:
    """Dollars for a run's file system: of its reserved size if `static`, else of what is in it."""
    return (prices.static if static else prices.dynamic) * gib * seconds / _HOUR


def static_gib(asked: int | None) -> int:
    """The GiB that the service reserves for a run that asks for so many."""
    if asked is None or asked <= MIN_STATIC_GIB:
        return MIN_STATIC_GIB
    return -(-asked // STATIC_STEP_GIB) * STATIC_STEP_GIB
