"""What a run and its tasks used, as the service measured it: the manifest log of a run.

One JSON event for the run, then one for each task, in the stream `manifest/run/<id>/<uuid>` once
the run has ended (user guide, "Monitoring HealthOmics with CloudWatch Logs"). Members that are
missing are None; tasks from the run cache have no metrics at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .logs import whole_log
from .records import Run
from .session import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUse:
    """What a task used, and what was reserved for it: its instance's, not what it asked for."""

    seconds: float | None = None
    cpus_reserved: float | None = None
    cpus_average: float | None = None
    cpus_maximum: float | None = None
    memory_reserved_gib: float | None = None
    memory_average_gib: float | None = None
    memory_maximum_gib: float | None = None
    disk_reserved_gib: float | None = None
    disk_used_gib: float | None = None

    @classmethod
    def from_log(cls, metrics: Mapping[str, Any]) -> Self:
        return cls(
            seconds=_number(metrics, "runningSeconds"),
            cpus_reserved=_number(metrics, "cpusReserved"),
            cpus_average=_number(metrics, "cpusAverage"),
            cpus_maximum=_number(metrics, "cpusMaximum"),
            memory_reserved_gib=_number(metrics, "memoryReservedGiB"),
            memory_average_gib=_number(metrics, "memoryAverageGiB"),
            memory_maximum_gib=_number(metrics, "memoryMaximumGiB"),
            disk_reserved_gib=_number(metrics, "scratchStorageReservedGiB"),
            disk_used_gib=_number(metrics, "scratchStorageUtilizedGiB"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUse:
    """The file system of a run: how large it was, and for how long it was there."""

    seconds: float | None = None
    reserved_gib: float | None = None
    average_gib: float | None = None
    maximum_gib: float | None = None

    @classmethod
    def from_log(cls, metrics: Mapping[str, Any]) -> Self:
        return cls(
            seconds=_number(metrics, "runningSeconds"),
            reserved_gib=_number(metrics, "storageReservedGiB"),
            average_gib=_number(metrics, "storageAverageGiB"),
            maximum_gib=_number(metrics, "storageMaximumGiB"),
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was measured in a run: its storage, and its tasks by their ids."""

    storage: StorageUse | None = None
    tasks: Mapping[str, TaskUse] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.storage is not None or bool(self.tasks)


def read_manifest(services: Services, run: Run) -> Manifest:
    """The manifest of a run; an empty one where the service has not written it (yet)."""
    if run.uuid is None:
        return Manifest()
    return parse_manifest(whole_log(services, f"manifest/run/{run.id}/{run.uuid}"))


def parse_manifest(lines: list[str]) -> Manifest:
    """What the events say; one that is none of the two kinds says nothing."""
    storage, tasks = None, {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        metrics = event.get("metrics") if isinstance(event, dict) else None
        if not isinstance(metrics, dict):
            continue
        kind, _, id = str(event.get("arn", "")).rpartition(":")[2].partition("/")
        if kind == "task":
            tasks[id] = TaskUse.from_log(metrics)
        elif kind == "run":
            storage = StorageUse.from_log(metrics)
    return Manifest(storage, tasks)


def _number(metrics: Mapping[str, Any], name: str) -> float | None:
    value = metrics.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
