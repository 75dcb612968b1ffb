"""What a running command uses: sampled while it runs, completed by the kernel's own account.

Its memory is held to what the task asked for: what counts is what cannot be dropped, so not the
pages of files, and what processes share counts once.

Of a container there is no such account; what its processes used after the last sample is not seen.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from .resources import GIB

_PROCESS = 100 * 1024  # bytes that a process costs the kernel at least: its stack, page tables
_EVERY = 0.5  # seconds between samples
_KNOWS_CHILDREN = Path("/proc/thread-self/children").exists()
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Usage:
    """Samples a process and its descendants; with `own_shm` they have a /dev/shm of their own."""

    def __init__(self, pid: int, *, own_shm: bool = False) -> None:
        self._pid, self._own_shm = pid, own_shm
        self._started = self._last = time.monotonic()
        self._cpu_seconds = 0.0
        self._cpus: list[float] = []
        self._memory: list[int] = []
        self._processes: list[int] = []  # of the last sample
        self._shm = 0  # likewise

    def sample(self) -> None:
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        memory, cpu = 0, 0.0
        self._processes = []
        for pid in _family(self._pid):
            try:
                process = psutil.Process(pid)
                times, rss = process.cpu_times(), process.memory_info().rss
            except psutil.Error:  # ended between listing and looking
                continue
            self._processes.append(pid)
            memory += rss
            cpu += times.user + times.system
            if pid == self._pid:
                cpu += times.children_user + times.children_system
        if self._pid not in self._processes:
            return
        self._shm = self._shm_bytes() if self._own_shm else 0
        self._memory.append(memory + self._shm)
        self._cpus.append(max(0.0, cpu - self._cpu_seconds) / (now - self._last))
        self._cpu_seconds, self._last = cpu, now

    def exceeds(self, limit: int) -> bool:
        """Whether the last sample was more memory, in bytes, than a task may have."""
        if not self._memory or self._memory[-1] <= limit:
            return False
        kept = self._shm
        for pid in self._processes:  # of very many not all are looked at
            kept += _PROCESS + _kept_bytes(pid)
            if kept > limit:
                return True
        return False

    def _shm_bytes(self) -> int:
        """Files in memory, which the kernel cannot drop either."""
        for pid in reversed(self._processes):
            try:
                shm = os.statvfs(f"/proc/{pid}/root/dev/shm")
            except OSError:  # it has ended, or is not to be looked into
                continue
            return (shm.f_blocks - shm.f_bfree) * shm.f_frsize
        return 0

    def metrics(self, account: resource.struct_rusage | None) -> dict[str, float]:
        seconds = max(time.monotonic() - self._started, 0.001)
        if account is None and not self._memory:
            return {"runningSeconds": round(seconds, 3)}
        if account is None:
            average, peak = self._cpu_seconds / seconds, max(self._memory)
        else:
            average = (account.ru_utime + account.ru_stime) / seconds
            peak = max([account.ru_maxrss * _RSS_UNIT, *self._memory])
        mean = sum(self._memory) / len(self._memory) if self._memory else peak
        return {
            "cpusAverage": round(average, 3),
            "cpusMaximum": round(max([average, *self._cpus]), 3),
            "memoryAverageGiB": round(mean / GIB, 4),
            "memoryMaximumGiB": round(peak / GIB, 4),
            "runningSeconds": round(seconds, 3),
        }


def _family(pid: int) -> Iterator[int]:
    """A process and its descendants.

    psutil looks at all processes of the machine for them; most kernels know the children of each.
    """
    if not _KNOWS_CHILDREN:
        yield pid
        with suppress(psutil.Error):
            yield from (one.pid for one in psutil.Process(pid).children(recursive=True))
        return
    family = [pid]
    for member in family:
        yield member
        with suppress(OSError):  # it has ended
            for thread in Path(f"/proc/{member}/task").iterdir():
                family += map(int, (thread / "children").read_text().split())


def _kept_bytes(pid: int) -> int:
    """The memory of a process that the kernel cannot drop, its share of what it shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # ended, or no Linux
        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0
    sizes = {name: int(rest.split()[0]) for name, _, rest in map(_field, lines[1:]) if rest}
    return 1024 * (sizes["Pss"] - sizes.get("Pss_File", 0))


def _field(line: str) -> tuple[str, str, str]:
    return line.partition(":")
