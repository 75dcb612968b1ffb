"""What the engine asks the server and waits for: whether an object may be there.

A request of S3 for what is not there costs both sides some milliseconds, and of a run that the
run cache knows nothing of each task would make one.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

from .events import EventStream

_RECHECK = 2.0  # seconds between looks whether the run is to end


class Questions:
    """Answers by the number of the question."""

    def __init__(self, events: EventStream, stopping: Callable[[], bool]) -> None:
        self._events, self._stopping = events, stopping
        self._numbers = itertools.count(1)
        self._waiting: dict[int, threading.Event] = {}
        self._found: dict[int, bool] = {}

    def may_have(self, uri: str) -> bool:
        """Whether it is worth a request; no, when the run is to end."""
        number, answered = next(self._numbers), threading.Event()
        self._waiting[number] = answered
        self._events.emit("look", number=number, uri=uri)
        while not answered.wait(_RECHECK) and not self._stopping():
            pass
        del self._waiting[number]
        return self._found.pop(number, False)

    def answer(self, number: int, found: bool) -> None:
        if (answered := self._waiting.get(number)) is not None:
            self._found[number] = found
            answered.set()
