"""Snakemake processes that can be watched, signalled and killed, and that end in any case.

A head is a fork, as in `running.forked`, in a process group of its own. Its connections to the
loopback go through a proxy, and the time of its SDK runs faster: what waits a minute for an answer
or between two attempts waits two seconds, so that no test sleeps.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from running import _become, _forks, environment

LIMIT = 90  # seconds that a head has, whatever it waits for
HASTE = 30  # a minute lasts two seconds

_numbers = itertools.count(1)

Hook = Callable[[], None]


class Head:
    """One call of Snakemake, from `start` to `wait`.

    It is killed, and `hung` is set, when it takes longer than `limit` seconds.
    """

    def __init__(
        self,
        folder: Path,
        options: tuple[str, ...],
        variables: dict[str, str],
        *,
        port: int | None,
        hook: Hook | None = None,
        limit: float = LIMIT,
    ) -> None:
        self._said = folder.parent / f"{folder.name}.{next(_numbers)}.said"
        self._said.write_text("")
        self._limit = limit
        self.hung = False
        self._process = _forks.Process(
            target=_plugged,
            args=(folder, options, {**environment(), **variables}, self._said, port, hook, limit),
        )

    def start(self) -> Head:
        self._began = time.monotonic()
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        return self

    def signal(self, number: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """The exit status; minus a signal's number where that ended it."""
        self._process.join(self._limit)
        if self._process.is_alive():
            self.hung = True
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
        self.seconds = time.monotonic() - self._began
        assert self._process.exitcode is not None
        return self._process.exitcode

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def text(self) -> str:
        return self._said.read_text(errors="replace")


def _plugged(
    folder: Path,
    options: tuple[str, ...],
    environ: dict[str, str],
    said: Path,
    port: int | None,
    hook: Hook | None,
    limit: float,
) -> None:
    os.setsid()
    # A suite that runs in the background has SIGINT ignored, and we inherit that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(int(limit) + 30)  # should whoever watches be gone
    if port is not None:
        _lead_to(port)
        _hasten()
    if hook is not None:
        hook()
    _become(folder, options, environ, said)


def _lead_to(port: int) -> None:
    """Connect to the proxy instead, and tell it where to."""
    from urllib3.util import connection

    direct = connection.create_connection

    def led(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        if address[0] not in ("127.0.0.1", "localhost"):
            return direct(address, *args, **kwargs)
        sock = direct(("127.0.0.1", port), *args, **kwargs)
        sock.sendall(f"{address[0]} {address[1]}\n".encode())
        return sock

    connection.create_connection = led


def _hasten() -> None:
    """Let the SDK's clock run faster: its pauses between attempts, and its patience."""
    from botocore import endpoint, httpsession
    from botocore.retries import bucket

    class Time:
        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

        def sleep(self, seconds: float) -> None:
            time.sleep(seconds / HASTE)

    endpoint.time = Time()
    bucket.Clock.sleep = lambda self, amount: time.sleep(amount / HASTE)
    bucket.Clock.current_time = lambda self: time.time() * HASTE
    make = httpsession.URLLib3Session.__init__

    def hasty(self: Any, *args: Any, timeout: Any = None, **kwargs: Any) -> None:
        seconds = (60, 60) if timeout is None else timeout
        if isinstance(seconds, (int, float)):
            seconds = (seconds, seconds)
        make(self, *args, timeout=tuple(max(2.0, s / HASTE) for s in seconds), **kwargs)

    httpsession.URLLib3Session.__init__ = hasty
    from snakemake_executor_omics.runs import submission

    if hasattr(submission, "_QUOTA_PAUSE_SECONDS"):
        submission._QUOTA_PAUSE_SECONDS /= HASTE


# --- steps inside of the head ----------------------------------------------------------------


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DieRecording:
    """Dies when Snakemake records the end of a job the `number`-th time, before or after it."""

    def __init__(self, number: int, *, late: bool) -> None:
        self._number, self._late = number, late

    def __call__(self) -> None:
        from snakemake.persistence import PersistenceBase

        finished, seen = PersistenceBase.finished, [0]

        async def counted(persistence: Any, job: Any) -> None:
            seen[0] += 1
            if seen[0] == self._number and not self._late:
                _die()
            await finished(persistence, job)
            if seen[0] == self._number:
                _die()

        PersistenceBase.finished = counted
