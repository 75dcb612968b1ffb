"""What a running command uses: sampled while it runs, completed by the kernel's own account.

Of a container there is no such account; what its processes used after the last sample is not seen.
"""

from __future__ import annotations

import resource
import sys
import time

import psutil  # type: ignore[import-untyped]

from .resources import GIB

_EVERY = 1.0  # seconds between samples
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Usage:
    """Samples a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = self._last = time.monotonic()
        self._cpu_seconds = 0.0
        self._cpus: list[float] = []
        self._memory: list[int] = []

    def sample(self) -> None:
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        memory, cpu = 0, 0.0
        try:
            root = psutil.Process(self._pid)
            for process in (root, *root.children(recursive=True)):
                try:
                    times = process.cpu_times()
                    memory += process.memory_info().rss
                except psutil.Error:  # ended between listing and looking
                    continue
                cpu += times.user + times.system
                if process is root:
                    cpu += times.children_user + times.children_system
        except psutil.Error:
            return
        self._memory.append(memory)
        self._cpus.append(max(0.0, cpu - self._cpu_seconds) / (now - self._last))
        self._cpu_seconds, self._last = cpu, now

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
