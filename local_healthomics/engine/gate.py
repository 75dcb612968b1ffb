"""Waiting for the server's permission to start a task, and giving it back.

The server owns the pool (host and run group); the engine only asks and waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .events import EventStream

_LOOK = 2.0  # seconds; a failure elsewhere may set miniwdl's flag without telling the gate


class Gate:
    """Grants by task key. Of hundreds that wait, a grant wakes only its own.

    Whether the run is to end one thread looks for all of them (`watch`).
    """

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._granted: dict[int, dict[str, Any]] = {}
        self._waiting: dict[int, threading.Event] = {}

    def watch(self, stopping: Callable[[], bool]) -> None:
        """Wake everyone when the run is to end, whoever wants it."""

        def look() -> None:
            while not stopping():
                time.sleep(_LOOK)
            self.wake()

        threading.Thread(target=look, name="gate", daemon=True).start()

    def grant(self, key: int, message: dict[str, Any]) -> None:
        with self._lock:
            self._granted[key] = message
            if key in self._waiting:
                self._waiting[key].set()

    def wake(self) -> None:
        """Let everyone who waits look again whether the run is ending."""
        with self._lock:
            for changed in self._waiting.values():
                changed.set()

    @contextmanager
    def hold(
        self, key: int, *, cpus: int, memory_gib: int, gpus: int, stopping: Callable[[], bool]
    ) -> Iterator[dict[str, Any] | None]:
        """Hold resources for a task; yields the grant, or None when the run is stopping."""
        changed = threading.Event()
        with self._lock:
            self._waiting[key] = changed
        self._events.emit("acquire", key=key, cpus=cpus, memory_gib=memory_gib, gpus=gpus)
        try:
            while key not in self._granted and not stopping():
                changed.wait()
                changed.clear()
            with self._lock:
                message = self._granted.pop(key, None)
            yield None if stopping() else message
        finally:
            with self._lock:
                del self._waiting[key]
            self._events.emit("release", key=key)
