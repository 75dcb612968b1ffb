"""Signals: SIGTERM and SIGHUP are a Ctrl-C, and a second one leaves at once.

Once a call of Snakemake is over they are as before: its process, a notebook's, may go on.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_INTERRUPTED = 130  # 128 + SIGINT, as shells tell it
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_before: dict[int, Any] = {}  # the handlers of others


def as_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP end Snakemake as Ctrl-C does.

    What ignores a signal goes on ignoring it: `nohup` means that.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        _handle(number, _interrupt)


def leave_at_the_next(last: Callable[[], None]) -> None:
    """Let the next signal end the process at once, after `last`."""

    def leave(number: int, frame: FrameType | None) -> None:
        try:
            last()
        finally:
            os._exit(_INTERRUPTED)

    for number in _SIGNALS:
        _handle(number, leave)


def as_before() -> None:
    """Give the signals back to whoever had them."""
    if threading.current_thread() is threading.main_thread():
        while _before:
            signal.signal(*_before.popitem())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _handle(number: int, handler: Callable[[int, FrameType | None], None]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # signals are the main thread's
    before = signal.getsignal(number)
    if before not in (signal.SIG_IGN, None):  # None: its handler is none of Python's
        _before.setdefault(number, before)
        signal.signal(number, handler)
