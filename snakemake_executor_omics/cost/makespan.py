"""How long runs take, on paper: a model of the service, of which each number has its source.

None of them was measured by this project on AWS.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TypeVar

from ..limits import ACTIVE_GPUS, ACTIVE_RUNS, ACTIVE_VCPUS, TASKS_PER_RUN

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Service:
    """What the service does with runs and tasks; seconds unless named otherwise."""

    start_run: float = 1.0  # between two StartRun calls: the documented rate is about one a second
    run_start: float = (
        300.0  # from StartRun to RUNNING; "minutes" until 2025, ~30 s published since
    )
    task_creation: float = 5.0  # between two tasks of a run, as one published run shows
    task_start: float = 180.0  # from a task's creation to its start; 160 to 540 s published
    tasks_per_run: int = TASKS_PER_RUN
    active_runs: int = ACTIVE_RUNS
    active_vcpus: int = ACTIVE_VCPUS
    active_gpus: int = ACTIVE_GPUS
    waiting_counts: bool = False  # whether a task that waits for its instance is "concurrent"


@dataclass(frozen=True, slots=True)
class Work:
    """A task: how long its command takes, and the vCPUs and GPUs of its instance."""

    seconds: float
    vcpus: int = 2
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def spans(
    runs: Sequence[Sequence[K]],
    parents: Mapping[K, Sequence[K]],
    work: Mapping[K, Work],
    service: Service,
    start: float = 0.0,
) -> list[Span]:
    """When each of `runs` is RUNNING, if they may be started together at `start`.

    Parents in other runs are taken as done.
    """
    number = {task: place for place, task in enumerate(task for run in runs for task in run)}
    return _Runs(
        [[number[task] for task in run] for run in runs],
        [
            [number[parent] for parent in parents.get(task, ()) if parent in number]
            for task in number
        ],
        [work[task] for task in number],
        service,
    ).spans(start)


class _Runs:
    """Runs that start together, and the events of their tasks, which are numbers."""

    def __init__(
        self,
        runs: Sequence[Sequence[int]],
        above: Sequence[Sequence[int]],
        work: Sequence[Work],
        service: Service,
    ) -> None:
        self.work, self.service = work, service
        self.run_of = {task: number for number, run in enumerate(runs) for task in run}
        self.missing = [0] * len(work)
        self.below: list[list[int]] = [[] for _ in work]
        for task, found in enumerate(above):
            for parent in found:
                if self.run_of[parent] == self.run_of[task]:
                    self.missing[task] += 1
                    self.below[parent].append(task)
        self.left = [len(run) for run in runs]
        self.ready = [deque(task for task in run if not self.missing[task]) for run in runs]
        self.created_next = [0.0] * len(runs)  # the earliest time of a run's next creation
        self.ended = [0.0] * len(runs)
        self.running = [0.0] * len(runs)
        self.slots = [service.tasks_per_run] * len(runs)
        self.waiting: list[deque[int]] = [deque() for _ in runs]  # created, no slot to start in
        self.unstarted = deque(range(len(runs)))
        # Tasks with a slot, but without an instance: those without GPU do not wait for those with.
        self.starved: tuple[deque[int], deque[int]] = (deque(), deque())
        self.vcpus = max([service.active_vcpus, *(one.vcpus for one in work)])
        self.gpus = max([service.active_gpus, *(one.gpus for one in work)])
        self.events: list[tuple[float, str, int]] = []

    def spans(self, clock: float) -> list[Span]:
        """When each run is RUNNING, if the first is started at `clock`."""
        for number in range(min(self.service.active_runs, len(self.left))):
            self._start_run(clock + number * self.service.start_run)
        while self.events:
            clock, kind, which = heappop(self.events)
            if kind == "create":
                self._create(clock, which)
            elif kind == "start":
                self._start(clock, which)
            else:
                self._end(clock, which)
        return [Span(*both) for both in zip(self.running, self.ended, strict=True)]

    def _start_run(self, clock: float) -> None:
        number = self.unstarted.popleft()
        self.running[number] = self.created_next[number] = clock + self.service.run_start
        self._wake(self.created_next[number], number)

    def _wake(self, clock: float, run: int) -> None:
        """Have one task of `run` created as soon as the pace allows."""
        if self.ready[run] and (self.slots[run] or not self.service.waiting_counts):
            at = max(clock, self.created_next[run])
            self.created_next[run] = at + self.service.task_creation
            task = self.ready[run].popleft()
            self.slots[run] -= self.service.waiting_counts
            heappush(self.events, (at, "create", task))

    def _create(self, clock: float, task: int) -> None:
        heappush(self.events, (clock + self.service.task_start, "start", task))
        self._wake(clock, self.run_of[task])

    def _start(self, clock: float, task: int) -> None:
        run = self.run_of[task]
        if not self.service.waiting_counts:
            if not self.slots[run]:
                self.waiting[run].append(task)
                return
            self.slots[run] -= 1
        self.starved[self.work[task].gpus > 0].append(task)
        self._give_instances(clock)

    def _give_instances(self, clock: float) -> None:
        for waiting in self.starved:
            while waiting:
                work = self.work[waiting[0]]
                if work.vcpus > self.vcpus or work.gpus > self.gpus:
                    break
                self.vcpus -= work.vcpus
                self.gpus -= work.gpus
                heappush(self.events, (clock + work.seconds, "task ends", waiting.popleft()))

    def _end(self, clock: float, task: int) -> None:
        run = self.run_of[task]
        self.vcpus += self.work[task].vcpus
        self.gpus += self.work[task].gpus
        self.slots[run] += 1
        self.left[run] -= 1
        self.ended[run] = clock
        idle = not self.ready[run]
        for child in self.below[task]:
            self.missing[child] -= 1
            if not self.missing[child]:
                self.ready[run].append(child)
        if self.waiting[run]:
            self._start(clock, self.waiting[run].popleft())
        if idle or self.service.waiting_counts:
            self._wake(clock, run)
        if not self.left[run] and self.unstarted:
            self._start_run(clock)
        self._give_instances(clock)
