"""The states of the run's tasks, attempt by attempt, as the server hears of them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

from .events import EventStream, timestamp
from .resources import Resources

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
# States after which something else is said at once: what is asked for, given back, or RUNNING.
_FOLLOWED = frozenset({"PENDING", "STARTING", "STOPPING"})


@dataclass(slots=True)
class Attempt:
    """One attempt at a task: what the service calls a task, with a key of the engine's own."""

    key: int
    name: str
    resources: Resources = field(default_factory=Resources)
    status: str = ""
    exit_code: int | None = None
    failure_reason: str | None = None
    status_message: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    image_digest: str | None = None  # of the image that the container tool took
    cache_s3_uri: str | None = None
    cache_hit: bool = False
    known: bool = False  # whether the runtime section has been evaluated

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


class TaskBoard:
    """Announces attempts; remembers the first failure, which is the run's."""

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._keys = itertools.count(1)
        self._lock = threading.Lock()
        self.first_failure: Attempt | None = None

        self._completed: dict[int, Attempt] = {}

    def new(self, name: str, resources: Resources | None = None) -> Attempt:
        attempt = Attempt(key=next(self._keys), name=name)
        if resources is not None:
            attempt.resources, attempt.known = resources, True
        return attempt

    def move(self, attempt: Attempt, status: str, **more: Any) -> None:
        """Report a state of an attempt; one that was never announced is PENDING first."""
        if not attempt.status and status != "PENDING":
            self.move(attempt, "PENDING")
        attempt.status = status
        self._emit(attempt, more)
        if status == "COMPLETED":
            self._completed[attempt.key] = attempt

    def fail(self, attempt: Attempt, reason: str, message: str, **more: Any) -> None:
        attempt.failure_reason, attempt.status_message = reason, message
        self.move(attempt, "FAILED", **more)

    def cached(self, key: int, s3_uri: str) -> None:
        """A completed attempt's results are in the run cache now."""
        attempt = self._completed[key]
        attempt.cache_s3_uri = s3_uri
        self._emit(attempt, {})

    def cancel(self, attempt: Attempt) -> None:
        if attempt.status == "RUNNING":
            self.move(attempt, "STOPPING")
        self.move(attempt, "CANCELLED")

    def blame(self, attempt: Attempt) -> None:
        """Take `attempt` for the reason of the run's failure unless there is one already."""
        with self._lock:
            if self.first_failure is None:
                self.first_failure = attempt

    def _emit(self, attempt: Attempt, more: dict[str, Any]) -> None:
        fields: dict[str, Any] = {
            "key": attempt.key,
            "name": attempt.name,
            "status": attempt.status,
        }
        if attempt.known:
            fields |= {
                "cpus": attempt.resources.cpus,
                "memory_gib": attempt.resources.memory_gib,
                "gpus": attempt.resources.gpus,
            }
            if (image := attempt.resources.image) is not None:
                fields["image"] = image.name
                if image.source is not None:
                    fields["source_image"] = image.source
            if (accelerator := attempt.resources.accelerator) is not None:
                fields["accelerator"] = accelerator
        for name in (
            "exit_code",
            "failure_reason",
            "status_message",
            "image_digest",
            "cache_s3_uri",
        ):
            if (value := getattr(attempt, name)) is not None:
                fields[name] = value
        if attempt.cache_hit:
            fields["cache_hit"] = True
        if attempt.metrics:
            fields["metrics"] = attempt.metrics
        waits = attempt.status in _FOLLOWED
        self._events.emit("task", waits=waits, at=timestamp(), **fields, **more)
