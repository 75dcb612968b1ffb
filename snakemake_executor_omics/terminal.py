"""Who draws on the terminal of this process: one at a time, or the lines are garbled."""

from __future__ import annotations

import threading

_TAKEN = threading.Lock()


def take() -> bool:
    """Have the terminal for one's own until `give_back`; False if somebody has it."""
    return _TAKEN.acquire(blocking=False)


def give_back() -> None:
    _TAKEN.release()
