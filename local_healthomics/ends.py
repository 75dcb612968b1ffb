"""The time of a file of the state: when a run, or the check of a definition, ended last."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_FILE = "ended"


def tell_end(state: Path) -> None:
    """Something has ended, and the service says so from now on."""
    path, now = state / _FILE, time.time_ns()
    with suppress(OSError):  # a full disk: who waits asks the service all the same
        path.touch(0o600)
        os.utime(path, ns=(now, now))


def last_end(state: Path) -> int:
    """When that was; 0 if it never was."""
    try:
        return (state / _FILE).stat().st_mtime_ns
    except OSError:
        return 0
