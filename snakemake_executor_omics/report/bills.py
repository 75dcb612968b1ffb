"""What runs and their tasks are billed, by what is known of them. Pure."""

from __future__ import annotations

from ..aws.manifest import StorageUse, TaskUse
from ..aws.records import Run, RunTask
from ..cost.bill import static_gib, storage_dollars, task_dollars
from ..cost.prices import Prices
from .model import PriceSource, seconds_between


def task_bill(prices: Prices, task: RunTask, use: TaskUse | None) -> float | None:
    """The dollars of a task; 0 if it never ran, None while it does or without its instance."""
    if task.cache_hit:
        return 0.0
    seconds = seconds_between(task.started, task.stopped)
    if use is not None and use.seconds is not None:
        seconds = use.seconds
    if seconds is None:
        return 0.0 if task.started is None and task.status.is_final else None
    if task.instance is None:
        return None
    disk = use.disk_reserved_gib if use is not None else None
    return task_dollars(prices, task.instance, seconds, disk or 0)


def storage_bill(prices: Prices, run: Run, use: StorageUse | None) -> float | None:
    """The dollars of a run's file system, None while nothing tells its size or its end."""
    seconds = seconds_between(run.started, run.stopped)
    if use is not None and use.seconds is not None:
        seconds = use.seconds
    if seconds is None:
        return None
    if run.storage_type == "STATIC":
        reserved = use.reserved_gib if use is not None and use.reserved_gib else None
        gib = reserved or static_gib(run.storage_gib)
        return storage_dollars(prices, seconds, gib, static=True)
    gib_used = use.average_gib if use is not None else None
    return None if gib_used is None else storage_dollars(prices, seconds, gib_used)


def price_source(prices: Prices, *, is_aws: bool) -> PriceSource:
    """Whose prices these are, for people."""
    notes = []
    if not is_aws:
        notes.append("nothing was billed: this is what AWS would ask for the same")
    elif prices.stand_in:
        notes.append(f"prices of {prices.asked} are not known here: they differ by some percent")
    return PriceSource(
        region=prices.region, noted=prices.noted, source=prices.source, assumed="; ".join(notes)
    )
