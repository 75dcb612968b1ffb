"""Cut a wave that is too large for one run, or that shall be spread, into several runs.

A run cannot wait for another one: a task's parents within the wave are in its own run, or the task
is deferred to the next wave. So branches that share nothing (samples) go to different runs, and
what gathers across runs waits. The cut is a function of the graph, its order and the runs that an
earlier call left in flight, since the run cache and the attaching to those runs rely on meeting
the same cut again.

Branches grow from the sources. A task below one branch joins it; a task below several is put
aside until nothing else is left, then the narrowest join comes first: the two lanes of a sample
are joined before all samples are gathered, and a gather that would be too large is deferred.
Linear in tasks and dependencies, but for a heap of the joins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

from ..cost.quotas import Quotas

K = TypeVar("K", bound=Hashable)

# How many levels below the sources are looked at for a hub, a stem that all branches grow from.
_HUB_LEVELS = 3

# A run of 100 tasks needs 500 s to create them at the pace that a published run shows (5.0 s each),
# about what a run of its own needs to start: fewer are not worth one.
SMALLEST_RUN = 100
_DEFAULT = Quotas()
# Each run takes a version of the workflow, of which there are 1,000, and a StartRun, of which one
# document lets pass one in ten seconds: what more runs would save is less than they take.
_MOST_RUNS = 50


@dataclass(frozen=True, slots=True)
class Partition(Generic[K]):
    """Runs that may start now, each in the order of the graph, and what waits for them."""

    runs: tuple[tuple[K, ...], ...]
    deferred: tuple[K, ...]


def partition(
    order: Sequence[K],
    parents: Mapping[K, Sequence[K]],
    max_tasks: int,
    parallel_runs: int | None = 1,
    left: Sequence[Collection[K]] = (),
    tasks: Mapping[K, K] | None = None,
    quotas: Quotas = _DEFAULT,
) -> Partition[K]:
    """Cut `order`, which is topological, into runs of at most `max_tasks` tasks.

    Parents that are not in `order` are taken as done. With `parallel_runs`, so many runs are made
    if the graph has so many branches; they may be more if `max_tasks` asks for it. None is as many
    as the graph is worth by the account's `quotas`. `left` are the tasks of each run that is in
    flight already: they stay together, whatever else there is, so that the run is met again.
    `tasks` names a task for those of the order that share one, which counts for how many runs the
    graph is worth.
    """
    if max_tasks < 1 or (parallel_runs is not None and parallel_runs < 1):
        raise ValueError("max_tasks and parallel_runs must be at least 1")
    if left:
        return _beside(order, parents, max_tasks, parallel_runs, left, tasks, quotas)
    if parallel_runs is None:
        parallel_runs = enough_runs(order, parents, tasks=tasks, quotas=quotas)
    if len(order) <= max_tasks and parallel_runs == 1:
        return Partition((tuple(order),) if order else (), ())
    positions = {task: position for position, task in enumerate(order)}
    if len(positions) != len(order):
        raise ValueError("a task is in the order twice")
    graph = [
        sorted({positions[parent] for parent in parents.get(task, ()) if parent in positions})
        for task in order
    ]
    if any(above and above[-1] >= position for position, above in enumerate(graph)):
        raise ValueError("the order is not topological")

    every = range(len(order))
    # One run may be filled to its limit; runs that shall be parallel get a fair share each.
    joined = min(max_tasks, -(-len(order) // parallel_runs))
    branches = _branches(every, graph, max_tasks, joined)
    wanted = max(parallel_runs, len(order) // max_tasks)
    if 2 * len(branches) <= wanted:
        branches = [_above_hub(branch, graph, max_tasks, joined, wanted) for branch in branches]
    packed = _pack(branches, max_tasks, parallel_runs)
    chosen = {position for run in packed for position in run}
    return Partition(
        tuple(tuple(order[position] for position in run) for run in packed),
        tuple(order[position] for position in every if position not in chosen),
    )


def _beside(
    order: Sequence[K],
    parents: Mapping[K, Sequence[K]],
    max_tasks: int,
    parallel_runs: int | None,
    left: Sequence[Collection[K]],
    tasks: Mapping[K, K] | None,
    quotas: Quotas,
) -> Partition[K]:
    """The runs that are `left`, as far as their tasks are in `order`, and a cut of the rest."""
    wanted = set(order)
    run_of: dict[K, int] = {}
    for number, together in enumerate(left):
        for task in together:
            run_of.setdefault(task, number)
    kept: dict[int, list[K]] = {}
    placed: dict[K, int | None] = {}
    rest: list[K] = []
    deferred: list[K] = []
    for task in order:
        above = [parent for parent in parents.get(task, ()) if parent in wanted]
        run = run_of.get(task)
        if run is not None and all(placed.get(parent) == run for parent in above):
            kept.setdefault(run, []).append(task)
            placed[task] = run
        elif any(parent in placed for parent in above):
            deferred.append(task)
            placed[task] = None  # of no run: what is below it waits as well
        else:
            rest.append(task)
    cut = partition(rest, parents, max_tasks, parallel_runs, tasks=tasks, quotas=quotas)
    waits = {*deferred, *cut.deferred}
    return Partition(
        (*(tuple(run) for run in kept.values()), *cut.runs),
        tuple(task for task in order if task in waits),
    )


def enough_runs(
    order: Sequence[K],
    parents: Mapping[K, Sequence[K]],
    *,
    tasks: Mapping[K, K] | None = None,
    quotas: Quotas = _DEFAULT,
) -> int:
    """How many runs the tasks of `order`, which is topological, are worth: 1 for most workflows.

    A run creates one task at a time and lets few work at once, so a wide wave waits for its run.
    More runs mean more starts, and a later wave for what gathers across them. They are worth it
    until the longest chain of tasks, which no number of runs shortens, is what is waited for.
    How long a task works is not asked: the longer, the more a chain of them weighs as well.
    """
    tasks = tasks or {}
    depth: dict[K, int] = {}
    for job in order:
        task = tasks.get(job, job)
        above = (tasks.get(parent, parent) for parent in parents.get(job, ()))
        deep = 1 + max((depth.get(parent, 0) for parent in above if parent != task), default=0)
        depth[task] = max(deep, depth.get(task, 0))
    longest = max(depth.values(), default=0)
    wide = len(depth) // max(longest * quotas.tasks_per_run, SMALLEST_RUN)
    return max(1, min(quotas.active_runs, _MOST_RUNS, wide))


def _branches(
    tasks: Sequence[int], graph: Sequence[Sequence[int]], largest: int, joined: int
) -> list[list[int]]:
    """Groups of `tasks` closed under dependencies, each of at most `largest` tasks.

    Several groups become one, through a task below them, only up to `joined` tasks.
    """
    inside = set(tasks)
    above = {task: [parent for parent in graph[task] if parent in inside] for task in tasks}
    below: dict[int, list[int]] = {task: [] for task in tasks}
    for task in tasks:
        for parent in above[task]:
            below[parent].append(task)
    missing = {task: len(above[task]) for task in tasks}
    groups = _Groups()
    ready = deque(task for task in tasks if not above[task])
    joins: list[tuple[int, int]] = []
    while ready or joins:
        if ready:
            task = ready.popleft()
            roots = {groups.find(parent) for parent in above[task]}
            if len(roots) > 1:
                heappush(joins, (len(roots), task))
                continue
        else:
            _, task = heappop(joins)
            roots = {groups.find(parent) for parent in above[task]}
        size = 1 + sum(groups.size[root] for root in roots)
        if size > (joined if len(roots) > 1 else largest):
            continue  # deferred: what is below it never becomes ready
        groups.add(task, roots, size)
        for child in below[task]:
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    members: dict[int, list[int]] = {}
    for task in tasks:
        if task in groups.size:
            members.setdefault(groups.find(task), []).append(task)
    return list(members.values())


class _Groups:
    """Disjoint sets of tasks; the size is right at a set's root."""

    def __init__(self) -> None:
        self.size: dict[int, int] = {}
        self._parent: dict[int, int] = {}

    def add(self, task: int, roots: set[int], size: int) -> None:
        """Put `task` and the sets at `roots` into one set, under the largest of them."""
        root = max(roots, key=lambda root: (self.size[root], -root), default=task)
        self.size[task] = 1
        for joined in (task, *roots):
            self._parent[joined] = root
        self.size[root] = size

    def find(self, task: int) -> int:
        while self._parent[task] != task:
            self._parent[task] = self._parent[self._parent[task]]
            task = self._parent[task]
        return task


def _above_hub(
    branch: list[int], graph: Sequence[Sequence[int]], largest: int, joined: int, wanted: int
) -> list[int]:
    """The first levels of `branch` alone, if what is below them falls into `wanted` branches.

    A reference index that every sample needs would otherwise hold all samples in one run: with
    the index out of the way first, the next wave can be spread.
    """
    level: dict[int, int] = {}
    for task in branch:
        level[task] = 1 + max((level[parent] for parent in graph[task]), default=0)
    for depth in range(1, _HUB_LEVELS + 1):
        rest = [task for task in branch if level[task] > depth]
        if len(_branches(rest, graph, largest, joined)) >= wanted:
            return [task for task in branch if level[task] <= depth]
    return branch


def _pack(branches: list[list[int]], max_tasks: int, parallel_runs: int) -> list[list[int]]:
    """Branches over runs of about the same size: the largest first, each to the emptiest run."""
    total = sum(map(len, branches))
    count = max(-(-total // max_tasks), min(parallel_runs, len(branches)))
    runs: list[list[int]] = [[] for _ in range(count)]
    emptiest = [(0, number) for number in range(count)]  # a heap: equal loads, rising numbers
    for branch in sorted(branches, key=lambda branch: (-len(branch), branch[0])):
        load, number = emptiest[0]
        if load + len(branch) > max_tasks:
            runs.append([])
            load, number = 0, len(runs) - 1
        else:
            heappop(emptiest)
        runs[number].extend(branch)
        heappush(emptiest, (load + len(branch), number))
    return sorted(sorted(run) for run in runs if run)
