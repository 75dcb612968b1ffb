"""Which jobs share a task: chains and siblings that are short, in one container. Pure.

A task waits minutes for its instance, and at least a minute of it is billed. So jobs that take
seconds go into one task together, where they run one after the other. They are as if each had a
task of its own in everything else; see `compile.render.render_pack`.

- A *chain*: the second reads from the first and from no other, and is the only one that does.
- *Siblings*: jobs that wait for the same tasks, or that the same jobs wait for, so that hardly
  anything waits longer than it would otherwise. Chains are siblings of chains.

Only jobs of one level of the graph become siblings, and a chain has one way in and out: so tasks
never wait for each other in a circle. Linear in jobs and dependencies, but for sorting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from ..model import JobKey, OutputKind, Task, Wave
from .durations import Duration

# What a task is billed at least: a longer pack of siblings saves nothing and works less at once.
SIBLINGS_SECONDS = 60.0
# What the start of a task takes at least, by published runs: each link of a chain waits so long.
CHAIN_SECONDS = 160.0
# A pack that has worked for so long begins no more: what is known of its jobs was wrong, as where
# those of other data are of the same rule.
LONGEST_SECONDS = 600
# A job of no measurable time: its files have to come to their places all the same.
_LEAST_SECONDS = 1.0


def pack(
    wave: Wave,
    durations: Mapping[JobKey, Duration],
    most: int | None = None,
    *,
    before: Iterable[Collection[JobKey]] = (),
) -> Wave:
    """The wave with its jobs in packs.

    Up to `most` jobs share a task, whatever is known of how long they take; None is for those that
    are known to be short, as many as are worth it. Local rules go along with the only job that
    reads from them, if that reads from nothing else. `before` are the jobs of each task of the runs
    that are in flight: they stay as they are, so that those runs are met again.
    """
    packing = _Packing(wave, durations, most)
    packing.keep(before)
    packing.take_along()
    if most != 1:
        packing.join_chains()
        packing.join_siblings()
        packing.join_chains()
    # Where none is made, one that is there is of a run in flight, by what is known of its jobs.
    longest = LONGEST_SECONDS if most in (None, 1) else None
    return replace(wave, packs=packing.packs, longest=longest)


@dataclass(slots=True)
class _Unit:
    """Jobs that share a task, as it stands; `seconds` is None where nobody knows."""

    members: list[int]
    kind: Hashable  # of its container and what else must be the same; None for what stays alone
    seconds: float | None
    sizes: set[tuple[int, int | None]]  # CPUs and memory that its jobs ask for


@dataclass(slots=True)
class _Graph:
    """What each unit waits for, and what waits for it."""

    above: dict[int, set[int]] = field(default_factory=dict)
    below: dict[int, set[int]] = field(default_factory=dict)

    def topological(self) -> list[int] | None:
        """The units, parents first; None if some wait for each other."""
        try:
            return list(TopologicalSorter(self.above).static_order())
        except CycleError:
            return None


class _Packing:
    """The jobs of a wave as units that are joined step by step. One is named by a job of it."""

    def __init__(self, wave: Wave, durations: Mapping[JobKey, Duration], most: int | None) -> None:
        self._keys = [task.key for task in wave.tasks]
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._most = most
        self._local = {number for number, task in enumerate(wave.tasks) if task.local}
        self._parents = [
            [self._numbers[key] for key in task.parents if key in self._numbers]
            for task in wave.tasks
        ]
        self._unit_of = list(range(len(self._keys)))
        self._units = {
            number: _Unit(
                [number],
                _kind(task),
                max(_LEAST_SECONDS, durations[task.key].seconds) if task.key in durations else None,
                {(task.resources.cpus, _number(task.resources.memory_mb))},
            )
            for number, task in enumerate(wave.tasks)
        }

    @property
    def packs(self) -> tuple[tuple[JobKey, ...], ...]:
        """The units of several jobs, each in the order in which they run."""
        found = sorted(sorted(unit.members) for unit in self._units.values())
        return tuple(
            tuple(self._keys[number] for number in members) for members in found if len(members) > 1
        )

    def keep(self, before: Iterable[Collection[JobKey]]) -> None:
        """Jobs of a run in flight share tasks as they did, if the graph still lets them."""
        were: dict[Hashable, list[int]] = defaultdict(list)
        seen: set[int] = set()
        for task, keys in enumerate(before):
            for number in sorted({self._numbers[key] for key in keys if key in self._numbers}):
                kind = self._units[number].kind
                if number not in seen:  # of two runs that have it the first counts
                    were[number if kind is None else (task, kind)].append(number)
                seen.add(number)
        if not were:
            return
        unit_of = list(self._unit_of)
        for members in were.values():
            for number in members:
                unit_of[number] = members[0]
        if self._graph(unit_of).topological() is not None:
            for members in were.values():
                for number in members[1:]:
                    self._join(members[0], number)
        for number in seen:
            self._units[self._unit_of[number]].kind = None  # nothing more joins them

    def take_along(self) -> None:
        """Local rules join the only job that reads from them, if it reads from nothing else.

        They are short by their author's word, and keep no short job from others that are short.
        """
        if not self._local:
            return
        graph = self._graph(self._unit_of)
        for name in graph.topological() or ():
            kind, parents = self._units[name].kind, sorted(graph.above[name])
            if kind is None or not parents:
                continue
            if not all(
                parent in self._local
                and graph.below[parent] == {name}
                and self._units[parent].kind == kind
                for parent in parents
            ):
                continue
            above = set().union(*(graph.above[parent] for parent in parents))
            for parent in parents:
                self._units[parent].seconds = self._units[parent].seconds or _LEAST_SECONDS
                for needed in graph.above.pop(parent):
                    graph.below[needed].remove(parent)
                    graph.below[needed].add(name)
                self._join(name, parent)
            graph.above[name] = above

    def join_chains(self) -> None:
        """A unit joins the one that it alone waits for, if it waits for no other."""
        graph = self._graph(self._unit_of)
        for name in graph.topological() or ():
            if len(graph.above[name]) != 1:
                continue
            (parent,) = graph.above[name]
            if graph.below[parent] == {name} and self._fit(parent, name, CHAIN_SECONDS):
                self._join(parent, name)
                graph.below[parent] = graph.below[name]
                for child in graph.below[name]:
                    graph.above[child].remove(name)
                    graph.above[child].add(parent)

    def join_siblings(self) -> None:
        """Units join that wait for the same ones, then of the others those that the same await."""
        graph = self._graph(self._unit_of)
        levels: dict[int, list[int]] = defaultdict(list)
        level: dict[int, int] = {}
        for name in graph.topological() or ():
            level[name] = max((level[parent] + 1 for parent in graph.above[name]), default=0)
            levels[level[name]].append(name)
        for _, names in sorted(levels.items()):
            needs = {
                name: frozenset(self._unit_of[parent] for parent in graph.above[name])
                for name in names
            }
            alone = self._fill(sorted(names), needs)
            self._fill(alone, {name: frozenset(graph.below[name]) for name in alone})

    def _fill(self, names: Iterable[int], alike: Mapping[int, frozenset[int]]) -> list[int]:
        """Join units of which the same is told, one after the other; those that stay alone."""
        filling: dict[Hashable, int] = {}
        joined: set[int] = set()
        names = [name for name in names if self._is_short(name)]
        for name in names:
            group = (self._units[name].kind, alike[name])
            unit = filling.get(group)
            if unit is not None and self._fit(unit, name, SIBLINGS_SECONDS):
                self._join(unit, name)
                joined.update((unit, name))
            else:
                filling[group] = name
        return [name for name in names if name not in joined]

    def _is_short(self, name: int) -> bool:
        """Whether there may be siblings that fit beside it."""
        seconds = self._units[name].seconds
        return self._most is not None or (seconds is not None and seconds < SIBLINGS_SECONDS)

    def _fit(self, one: int, other: int, seconds: float) -> bool:
        """Whether two units may share a task that works for at most so many seconds.

        Where they ask for different instances the larger one is paid for while both work: that
        costs no more only within the minute that each would be billed at least.
        """
        first, second = self._units[one], self._units[other]
        if first.kind is None or first.kind != second.kind:
            return False
        same = first.sizes == second.sizes and len(first.sizes) == 1
        if self._most is not None:
            return same and len(first.members) + len(second.members) <= self._most
        if first.seconds is None or second.seconds is None:
            return False
        return first.seconds + second.seconds <= (seconds if same else SIBLINGS_SECONDS)

    def _join(self, one: int, other: int) -> None:
        """Make one unit of two, named by the first."""
        first, second = self._units[one], self._units.pop(other)
        first.members += second.members
        first.sizes |= second.sizes
        known = first.seconds is not None and second.seconds is not None
        first.seconds = (first.seconds or 0) + (second.seconds or 0) if known else None
        for number in second.members:
            self._unit_of[number] = one

    def _graph(self, unit_of: Sequence[int]) -> _Graph:
        graph = _Graph()
        for name in unit_of:
            graph.above.setdefault(name, set())
            graph.below.setdefault(name, set())
        for number, parents in enumerate(self._parents):
            name = unit_of[number]
            for parent in parents:
                if unit_of[parent] != name:
                    graph.above[name].add(unit_of[parent])
                    graph.below[unit_of[parent]].add(name)
        return graph


def _kind(task: Task) -> Hashable:
    """What the jobs of a task must have in common; None for one that has a task to itself.

    A group is a task as its author wants it. One without files cannot tell by them whether it has
    failed; one that the run cache may not serve would keep the others from it; what has failed
    once has its next try alone. What only its inputs will tell it asks for alone.
    """
    asked = task.resources
    if (
        len(task.steps) != 1
        or not task.files
        or task.volatile
        or task.is_retry
        or task.cache_buster is not None
        or any(output.kind in _JOINED for step in task.steps for output in step.outputs)
        or any(isinstance(it, str) for it in (asked.memory_mb, asked.disk_gib, asked.timeout))
    ):
        return None
    return (
        task.container,
        task.environment,
        asked.gpus,
        asked.accelerator,
        asked.fallbacks,
        asked.disk_gib is None,
        asked.timeout is None,
    )


_JOINED = (OutputKind.PIPE, OutputKind.SERVICE)


def _number(value: int | str | None) -> int | None:
    return value if isinstance(value, int) else None
