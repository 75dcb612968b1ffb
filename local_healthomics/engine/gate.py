"""Waiting for the server's permission to start a task, and giving it back.

The server owns the pool (host and run group); the engine only asks and waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .events import EventStream

_RECHECK = 0.5  # seconds; a failure elsewhere sets miniwdl's flag without telling the gate


class Gate:
    """Grants by task key."""

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._changed = threading.Condition()
        self._granted: dict[int, dict[str, Any]] = {}

    def grant(self, key: int, message: dict[str, Any]) -> None:
        with self._changed:
            self._granted[key] = message
            self._changed.notify_all()

    def wake(self) -> None:
        """Let everyone who waits look again whether the run is ending."""
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def hold(
        self, key: int, *, cpus: int, memory_gib: int, gpus: int, stopping: Callable[[], bool]
    ) -> Iterator[dict[str, Any] | None]:
        """Hold resources for a task; yields the grant, or None when the run is stopping."""
        self._events.emit("acquire", key=key, cpus=cpus, memory_gib=memory_gib, gpus=gpus)
        try:
            with self._changed:
                while key not in self._granted and not stopping():
                    self._changed.wait(_RECHECK)
                message = self._granted.pop(key, None)
            yield None if stopping() else message
        finally:
            self._events.emit("release", key=key)
