"""Who may start a task: the host's cores and memory, and the limits of run groups.

Requests of one run are granted in order; a request that does not fit yet holds back only its own
run. A task that asks for more than there is gets all of it: the local machine is what it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of a run group; None is no bound."""

    cpus: int | None = None
    gpus: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    run: str
    key: int
    cpus: int
    memory_gib: int
    gpus: int
    grant: Callable[[], None]
    group: str | None = None
    limits: Limits = field(default_factory=Limits)


class Pool:
    """Grants asks as room becomes free."""

    def __init__(self, cpus: int | None = None, memory_gib: int | None = None) -> None:
        self.cpus = cpus or _host_cpus()
        self.memory_gib = memory_gib or _host_memory_gib()
        self._lock = threading.Lock()
        self._waiting: list[Ask] = []
        self._held: dict[tuple[str, int], Ask] = {}

    def ask(self, ask: Ask) -> None:
        with self._lock:
            self._waiting.append(ask)
        self._grant()

    def release(self, run: str, key: int) -> None:
        with self._lock:
            self._held.pop((run, key), None)
            self._waiting = [a for a in self._waiting if (a.run, a.key) != (run, key)]
        self._grant()

    def forget(self, run: str) -> None:
        with self._lock:
            self._held = {place: ask for place, ask in self._held.items() if place[0] != run}
            self._waiting = [ask for ask in self._waiting if ask.run != run]
        self._grant()

    def _grant(self) -> None:
        granted: list[Ask] = []
        with self._lock:
            held_back: set[str] = set()
            for ask in list(self._waiting):
                if ask.run in held_back or not self._fits(ask):
                    held_back.add(ask.run)
                    continue
                self._waiting.remove(ask)
                self._held[ask.run, ask.key] = ask
                granted.append(ask)
        for ask in granted:
            ask.grant()

    def _fits(self, ask: Ask) -> bool:
        held = list(self._held.values())
        cpus = sum(min(other.cpus, self.cpus) for other in held)
        memory = sum(min(other.memory_gib, self.memory_gib) for other in held)
        if cpus + min(ask.cpus, self.cpus) > self.cpus:
            return False
        if memory + min(ask.memory_gib, self.memory_gib) > self.memory_gib:
            return False
        same = [other for other in held if ask.group is not None and other.group == ask.group]
        limits = ask.limits
        if limits.cpus is not None and sum(o.cpus for o in same) + ask.cpus > limits.cpus:
            return False
        return limits.gpus is None or sum(o.gpus for o in same) + ask.gpus <= limits.gpus


def _host_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _host_memory_gib() -> int:
    return max(1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**3)
