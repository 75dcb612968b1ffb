"""How far files are on their way: a bar where somebody looks on, a few lines in a log elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..terminal import give_back, take

Say = Callable[[str], None]

_LINE_SECONDS = 10.0


@contextmanager
def progress(
    say: Say,
    doing: str,
    done: str | None,
    *,
    files: int,
    size: int,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None]]:
    """Give a function to be called (from any thread) with the bytes that were moved.

    `doing` and `done` are verbs: "sending" and "sent". Says one line at the end, unless there are
    no files or `done` is None.
    """
    if not files:
        yield lambda count: None
        return
    if console is None:  # rich itself takes colours that a log wants for a terminal
        console = Console(stderr=True, force_terminal=sys.stderr.isatty())
    what = f"{files:,} {'file' if files == 1 else 'files'}"
    began = clock()
    if console.is_terminal and take():
        try:
            with _bar(console) as bar:
                row = bar.add_task(f"{doing} {what}", total=size)
                yield lambda count: bar.advance(row, count)
        finally:
            give_back()
    else:
        yield _Lines(say, f"omics: {doing} {what}", size, clock)
    if done is not None:
        say(f"omics: {done} {what}, {decimal(size)}, in {clock() - began:.1f} s")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


class _Lines:
    """A line every ten seconds, for as long as bytes move."""

    def __init__(self, say: Say, what: str, size: int, clock: Callable[[], float]) -> None:
        self._say, self._what, self._size, self._clock = say, what, size, clock
        self._moved = 0
        self._said = clock()
        self._lock = threading.Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self._moved += count
            now = self._clock()
            if now - self._said < _LINE_SECONDS:
                return
            self._said = now
            moved = self._moved
        self._say(f"{self._what}: {decimal(moved)} of {decimal(self._size)}")
