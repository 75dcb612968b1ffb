"""What a graph of jobs takes and costs on HealthOmics, on paper: makespan and bill.

python benchmarks/simulate.py            the table of docs/performance.md
python benchmarks/simulate.py --json     the same for programs

The cut into runs is the plugin's own (`graph/partition.py`); the service is the model below. It
is a model: every number has its source, and none was measured by this project on AWS.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from heapq import heappop, heappush

from snakemake_executor_omics.graph.partition import enough_runs, partition

# Dollars an hour, us-east-1, Price List service code AmazonOmics; sizes are proportional to vCPUs.
PRICE_PER_VCPU_HOUR = {2: 0.1148 / 2, 4: 0.1296 / 2, 8: 0.1701 / 2}  # by GiB per vCPU: c, m, r
VCPUS = (2, 4, 8, 16, 32, 48, 64, 96)


@dataclass(frozen=True)
class Service:
    """What the service does with runs and tasks; seconds unless named otherwise."""

    start_run: float = 1.0  # between two StartRun calls: the documented rate is about one a second
    run_start: float = (
        300.0  # from StartRun to RUNNING; "minutes" until 2025, ~30 s published since
    )
    task_creation: float = 5.0  # between two tasks of a run, as one published run shows
    task_start: float = 180.0  # from a task's creation to its start; 160 to 540 s published
    tasks_per_run: int = 25  # quota "concurrent tasks per run", L-25504C8C
    active_runs: int = 10  # quota "concurrent active runs", the smaller one (static storage)
    active_vcpus: int = 3_000  # quota "active CPUs"
    waiting_counts: bool = False  # whether a task that waits for its instance is "concurrent"
    billed_at_least: float = 60.0  # user guide, prices: a task is billed a minute at least


@dataclass(frozen=True)
class SimulatedTask:
    """A task: how long its command takes, and what it asks for."""

    seconds: float
    cpus: int = 1
    memory_gib: int = 2


@dataclass(frozen=True)
class Outcome:
    """What came out: hours until the last job is done, dollars for instances, runs, waves."""

    hours: float
    dollars: float
    runs: int
    waves: int


def simulate(
    order: Sequence[int],
    parents: Mapping[int, Sequence[int]],
    tasks: Mapping[int, SimulatedTask],
    service: Service,
    *,
    parallel_runs: int | None = None,
    max_tasks: int = 1_000,
) -> Outcome:
    """The waves of a graph one after the other, each cut as the plugin cuts it.

    What a wave defers starts when all of that wave's runs have ended: the plugin itself goes on
    as soon as the runs above a job have ended, so this is an upper bound.
    """
    left, clock, runs, waves = list(order), 0.0, 0, 0
    while left:
        count = parallel_runs or enough_runs(left, parents, at_most=service.active_runs)
        cut = partition(left, parents, max_tasks, count)
        clock = _Wave(cut.runs, parents, tasks, service).end(clock)
        runs, waves = runs + len(cut.runs), waves + 1
        left = list(cut.deferred)
    return Outcome(clock / 3600, bill(tasks.values(), service), runs, waves)


def bill(tasks: Collection[SimulatedTask], service: Service) -> float:
    """Dollars for the instances of the tasks, each billed for its minute at least."""
    return sum(
        max(service.billed_at_least, task.seconds) / 3600 * instance(task)[1] for task in tasks
    )


def instance(task: SimulatedTask) -> tuple[int, float]:
    """vCPUs and dollars an hour of the smallest instance that fits; of one size c, m, r.

    Raises:
        ValueError: none is large enough.
    """
    for vcpus in VCPUS:
        for gib_per_vcpu, price in PRICE_PER_VCPU_HOUR.items():
            if vcpus >= task.cpus and vcpus * gib_per_vcpu >= task.memory_gib:
                return vcpus, vcpus * price
    raise ValueError(f"no instance has {task.cpus} vCPUs and {task.memory_gib} GiB")


class _Wave:
    """Runs that start together, and the events of their tasks."""

    def __init__(
        self,
        runs: Sequence[Sequence[int]],
        parents: Mapping[int, Sequence[int]],
        tasks: Mapping[int, SimulatedTask],
        service: Service,
    ) -> None:
        self.tasks, self.service = tasks, service
        self.run_of = {task: number for number, run in enumerate(runs) for task in run}
        above = {
            task: [parent for parent in parents.get(task, ()) if parent in self.run_of]
            for task in self.run_of
        }
        self.missing = {task: len(found) for task, found in above.items()}
        self.below: dict[int, list[int]] = {task: [] for task in self.run_of}
        for task, found in above.items():
            for parent in found:
                self.below[parent].append(task)
        self.left = [len(run) for run in runs]
        self.ready = [deque(task for task in run if not self.missing[task]) for run in runs]
        self.created_next = [0.0] * len(runs)  # the earliest time of a run's next creation
        self.slots = [service.tasks_per_run] * len(runs)
        self.waiting: list[deque[int]] = [deque() for _ in runs]  # created, no slot to start in
        self.unstarted = deque(range(len(runs)))
        self.starved: deque[int] = deque()  # tasks with a slot, but without vCPUs
        self.vcpus = service.active_vcpus
        self.events: list[tuple[float, str, int]] = []

    def end(self, clock: float) -> float:
        """When the last run has ended, if the first is started at `clock`."""
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
        return clock

    def _start_run(self, clock: float) -> None:
        number = self.unstarted.popleft()
        self.created_next[number] = clock + self.service.run_start
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
        self.starved.append(task)
        self._give_vcpus(clock)

    def _give_vcpus(self, clock: float) -> None:
        while self.starved and instance(self.tasks[self.starved[0]])[0] <= self.vcpus:
            task = self.starved.popleft()
            self.vcpus -= instance(self.tasks[task])[0]
            heappush(self.events, (clock + self.tasks[task].seconds, "task ends", task))

    def _end(self, clock: float, task: int) -> None:
        run = self.run_of[task]
        self.vcpus += instance(self.tasks[task])[0]
        self.slots[run] += 1
        self.left[run] -= 1
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
        self._give_vcpus(clock)


# --- shapes of graphs ---------------------------------------------------------------------------

Graph = tuple[list[int], dict[int, list[int]]]


def cohort(samples: int, steps: int, *, gather: bool = True) -> Graph:
    """`samples` chains of `steps` jobs, breadth first, and one job that gathers their ends."""
    parents = {
        step * samples + sample: [(step - 1) * samples + sample] if step else []
        for step in range(steps)
        for sample in range(samples)
    }
    if gather:
        parents[len(parents)] = list(range((steps - 1) * samples, steps * samples))
    return list(parents), parents


def behind(first: int, graph: Graph) -> Graph:
    """`graph` with a chain of `first` jobs before everything: a reference and its index."""
    order, parents = graph
    shifted: dict[int, list[int]] = {job: [job - 1] if job else [] for job in range(first)}
    for job in order:
        shifted[first + job] = [first + above for above in parents[job]] or [first - 1]
    return list(shifted), shifted


def rows() -> list[dict[str, object]]:
    """The table: each workload in one run, in a fixed number of runs, and as `auto` cuts it."""
    service, found = Service(), []
    for name, graph, seconds in (
        ("quickstart: 6 samples x 4 steps, 1 minute each", cohort(6, 4), 60.0),
        ("100 samples x 5 steps, 5 minutes each", cohort(100, 5), 300.0),
        ("the same behind an index", behind(2, cohort(100, 5)), 300.0),
        ("1,000 independent jobs of 10 minutes", cohort(1_000, 1, gather=False), 600.0),
        ("500 samples x 20 steps, 10 minutes each", cohort(500, 20), 600.0),
        ("10,000 independent jobs of 5 seconds", cohort(10_000, 1, gather=False), 5.0),
        ("a chain of 50 jobs of 10 minutes", cohort(1, 50, gather=False), 600.0),
    ):
        order, parents = graph
        tasks = dict.fromkeys(order, SimulatedTask(seconds))
        for runs in (1, 5, 10, 0):
            outcome = simulate(
                order, parents, tasks, service, parallel_runs=runs or None, max_tasks=len(order)
            )
            found.append({"workload": name, "runs asked for": runs or "auto", **asdict(outcome)})
    return found


def main() -> None:
    table = rows()
    if "--json" in sys.argv:
        print(json.dumps(table, indent=2))
        return
    print(
        "| workload | runs asked for | runs | waves | hours | dollars |\n|---|---|---|---|---|---|"
    )
    for row in table:
        print(
            f"| {row['workload']} | {row['runs asked for']} | {row['runs']} | {row['waves']} "
            f"| {row['hours']:.2f} | {row['dollars']:.2f} |"
        )


if __name__ == "__main__":
    main()
