"""The processes of one task: followed, ended together, their use of the machine accounted for."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from .isolation import is_wrapper

_TICK = 0.25  # seconds between looks at a running task's output
_GRACE = 5.0  # seconds from TERM to KILL


class Group:
    """A command that leads a session of its own, and everything it starts.

    What leaves the session (`setsid`) is known by `mark`, a variable of its environment.
    """

    def __init__(self, process: subprocess.Popen[Any], mark: tuple[str, str] | None = None) -> None:
        self._process, self._mark = process, mark
        self.pid = process.pid
        self.account: Any = None
        self._exited = _exit_watch(self.pid)

    def ticks(self) -> Iterator[None]:
        """Yields every so often until the command has ended."""
        while not self._exited(_TICK):
            yield

    def end(self) -> None:
        """TERM to everything, KILL to what is left a little later.

        What isolates a command would end it without a word if it heard the first.
        """
        self._terminate()
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and not self._exited(0.1):
            pass
        self.reap()

    def reap(self) -> int:
        """Collect the ended (or killed) command; what it left behind goes with it.

        The kill comes first: until the leader is collected nobody else can get its number.
        """
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            _, status, self.account = os.wait4(self.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            self._end_strays()
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    def _end_strays(self) -> None:
        if self._mark is None:
            return
        name, value = self._mark
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # ended meanwhile, or somebody else's
                if process.environ().get(name) == value:
                    process.kill()

    def _terminate(self) -> None:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.pid)
            if is_wrapper(root.cmdline()):
                for process in root.children(recursive=True):
                    with contextlib.suppress(psutil.Error):  # ended meanwhile
                        if is_wrapper(process.cmdline()):
                            continue
                        if process.ppid() == self.pid and not _hears_term(process.pid):
                            process.kill()  # and all others with it
                        else:
                            process.terminate()
                return
        self._signal(signal.SIGTERM)

    def close(self) -> None:
        self.reap()
        self._exited(None)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left
            os.killpg(self.pid, number)


def _hears_term(pid: int) -> bool:
    """Whether a process catches TERM, or ignores it by its own will.

    To the first one of a namespace it is nothing otherwise, while any other ends.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return True
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigCgt:", "SigIgn:"))]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)


def _exit_watch(pid: int) -> Callable[[float | None], bool]:
    """A function that waits some seconds for `pid` to end, without collecting it.

    Called with None it gives up what it holds.
    """
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)

        def by_descriptor(seconds: float | None) -> bool:
            if seconds is None:
                os.close(descriptor)
                return True
            return bool(poll.poll(seconds * 1000))

        return by_descriptor

    def by_looking(seconds: float | None) -> bool:
        end = time.monotonic() + (seconds or 0)
        while True:
            try:
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    return True
            except psutil.NoSuchProcess:
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)

    return by_looking
