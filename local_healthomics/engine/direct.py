"""What the engine asks the server and waits for: objects in S3, without requests of S3.

A request costs both sides some milliseconds, of which an object has two or three. Both see the same
disk, so that a file's name is enough.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..objects import Content
from .events import EventStream

_RECHECK = 2.0  # seconds between looks whether anybody is there to answer


class Direct:
    """Answers by the number of what was asked; `lost` tells that none will come any more."""

    def __init__(self, events: EventStream, lost: Callable[[], bool]) -> None:
        self._events, self._lost = events, lost
        self._numbers = itertools.count(1)
        self._waiting: dict[int, threading.Event] = {}
        self._found: dict[int, Any] = {}

    def look(self, uri: str) -> tuple[str, str] | bool:
        """The file of an object and its ETag; False if there is none, True if only S3 can tell."""
        found = self._ask("look", uri=uri)
        return (found[0], found[1]) if isinstance(found, list) else bool(found)

    def take(self, files: Sequence[tuple[Content, str]]) -> list[str | None]:
        """Make (content, uri) pairs objects: the ETag of each that the server has taken."""
        found: list[str | None] = self._ask("take", files=files) or [None] * len(files)
        return found

    def answer(self, number: int, found: Any) -> None:
        if (answered := self._waiting.get(number)) is not None:
            self._found[number] = found
            answered.set()

    def _ask(self, event: str, **of_it: Any) -> Any:
        """The answer; None, if the server is gone."""
        number, answered = next(self._numbers), threading.Event()
        self._waiting[number] = answered
        self._events.emit(event, number=number, **of_it)
        while not answered.wait(_RECHECK) and not self._lost():
            pass
        del self._waiting[number]
        return self._found.pop(number, None)
