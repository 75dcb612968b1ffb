"""Wait for something, on a machine of any speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Longer than anything takes where twenty others want the same processor, and less than pytest
# gives a test: who waits in vain says for what.
SECONDS = 240


def until(
    read: Callable[[], T], wanted: Callable[[T], object] = bool, *, seconds: float = SECONDS
) -> T:
    """What is read, once it is what is wanted."""
    tick, end = threading.Event(), time.monotonic() + seconds
    while True:
        found = read()
        if wanted(found):
            return found
        assert time.monotonic() < end, f"after {seconds} s still not what is waited for: {found!r}"
        tick.wait(0.02)
