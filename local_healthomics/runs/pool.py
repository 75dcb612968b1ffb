"""Who may start a task: the host's cores and memory, and the limits of run, group and account.

Requests of one run are granted in order; a request that does not fit yet holds back only its own
run. A task that asks for more than the machine has gets all of it: the machine is what it is.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of what the tasks of a scope hold together; None is no bound."""

    cpus: int | None = None
    gpus: int | None = None
    tasks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A task that wants to start; `scopes` are those whose limits it is under."""

    run: str
    key: int
    cpus: int
    memory_gib: int
    gpus: int
    grant: Callable[[], None]
    scopes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Total:
    cpus: int = 0
    gpus: int = 0
    tasks: int = 0

    def allows(self, ask: Ask, limits: Limits) -> bool:
        return (
            (limits.cpus is None or self.cpus + ask.cpus <= limits.cpus)
            and (limits.gpus is None or self.gpus + ask.gpus <= limits.gpus)
            and (limits.tasks is None or self.tasks + 1 <= limits.tasks)
        )


class Pool:
    """Grants asks as room becomes free, at a cost that does not grow with those that wait."""

    def __init__(self, cpus: int | None = None, memory_gib: int | None = None) -> None:
        self.cpus = cpus or _host_cpus()
        self.memory_gib = memory_gib or _host_memory_gib()
        self._free_cpus, self._free_memory = self.cpus, self.memory_gib
        self._lock = threading.Lock()
        self._arrivals = itertools.count()
        # By run: what waits, oldest first, with the number of its arrival; and what is held.
        self._waiting: dict[str, OrderedDict[int, tuple[int, Ask]]] = {}
        self._held: dict[str, dict[int, Ask]] = {}
        self._totals: dict[str, _Total] = {}
        self._limits: dict[str, Limits] = {}

    def bound(self, scope: str, limits: Limits) -> None:
        """Set the limits of a scope; what is held already stays held."""
        with self._lock:
            changed = self._limits.get(scope, Limits()) != limits
            self._limits[scope] = limits
        if changed:
            self._grant()

    def ask(self, ask: Ask) -> None:
        with self._lock:
            queue = self._waiting.setdefault(ask.run, OrderedDict())
            queue[ask.key] = (next(self._arrivals), ask)
        self._grant()

    def release(self, run: str, key: int) -> None:
        """A task has ended, or does not want to start any more."""
        with self._lock:
            held = self._held.get(run, {}).pop(key, None)
            if held is not None:
                self._count(held, -1)
            self._waiting.get(run, OrderedDict()).pop(key, None)
        self._grant()

    def forget(self, run: str) -> None:
        """A run has ended, whatever it held or waited for."""
        with self._lock:
            for ask in self._held.pop(run, {}).values():
                self._count(ask, -1)
            self._waiting.pop(run, None)
            self._limits.pop(run, None)
        self._grant()

    def stuck(self) -> set[str]:
        """Runs that hold nothing and whose next task no limit will ever let start."""
        with self._lock:
            return {
                run
                for run, queue in self._waiting.items()
                if queue and not self._held.get(run) and not self._possible(_head(queue)[1])
            }

    def _grant(self) -> None:
        granted: list[Ask] = []
        with self._lock:
            heads = [(_head(queue)[0], run) for run, queue in self._waiting.items() if queue]
            heapq.heapify(heads)
            while heads:
                _, run = heapq.heappop(heads)
                queue = self._waiting[run]
                ask = _head(queue)[1]
                if not self._fits(ask):
                    continue
                del queue[ask.key]
                self._held.setdefault(run, {})[ask.key] = ask
                self._count(ask, 1)
                granted.append(ask)
                if queue:
                    heapq.heappush(heads, (_head(queue)[0], run))
        for ask in granted:
            ask.grant()

    def _count(self, ask: Ask, sign: int) -> None:
        self._free_cpus -= sign * min(ask.cpus, self.cpus)
        self._free_memory -= sign * min(ask.memory_gib, self.memory_gib)
        for scope in ask.scopes:
            total = self._totals.setdefault(scope, _Total())
            total.cpus += sign * ask.cpus
            total.gpus += sign * ask.gpus
            total.tasks += sign
            if not total.tasks:
                del self._totals[scope]

    def _fits(self, ask: Ask) -> bool:
        return (
            min(ask.cpus, self.cpus) <= self._free_cpus
            and min(ask.memory_gib, self.memory_gib) <= self._free_memory
            and all(
                self._totals.get(scope, _Total()).allows(ask, self._limits.get(scope, Limits()))
                for scope in ask.scopes
            )
        )

    def _possible(self, ask: Ask) -> bool:
        return all(_Total().allows(ask, self._limits.get(scope, Limits())) for scope in ask.scopes)


def _head(queue: OrderedDict[int, tuple[int, Ask]]) -> tuple[int, Ask]:
    return next(iter(queue.values()))


def _host_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _host_memory_gib() -> int:
    return max(1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**3)
