"""Which rule reads from which, laid out in layers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .model import ReportedTask

_SWEEPS = 4  # over the layers, each of which makes fewer edges cross


@dataclass(frozen=True, slots=True)
class RuleGraph:
    """The place of each rule, as layer and place in it, and the edges between rules."""

    places: Mapping[str, tuple[int, float]]
    edges: Sequence[tuple[str, str]]

    @property
    def layers(self) -> int:
        return 1 + max(layer for layer, _ in self.places.values())

    @property
    def width(self) -> int:
        return 1 + round(2 * max(abs(place) for _, place in self.places.values()))


def rule_graph(tasks: Iterable[ReportedTask]) -> RuleGraph | None:
    """The graph of the rules; None where no task tells what it reads from."""
    tasks = list(tasks)
    rules = {task.name: task.rule for task in tasks}
    found = dict.fromkeys(
        (rules[parent], task.rule) for task in tasks for parent in task.parents if parent in rules
    )
    edges = [(parent, rule) for parent, rule in found if parent != rule]
    if not edges:
        return None
    names = list(dict.fromkeys(task.rule for task in tasks))
    return RuleGraph(_places(_layers(names, edges), edges), edges)


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each rule one below the lowest that it reads from; what closes a circle counts not."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    for parent, rule in edges:
        parents[rule].append(parent)
    depth: dict[str, int] = {}
    for name in names:
        stack, open_ = [name], set[str]()
        while stack:
            rule = stack[-1]
            open_.add(rule)
            waiting = [
                parent for parent in parents[rule] if parent not in depth and parent not in open_
            ]
            if waiting and rule not in depth:
                stack.append(waiting[0])
                continue
            stack.pop()
            if rule not in depth:
                depth[rule] = 1 + max(
                    (depth.get(parent, -1) for parent in parents[rule]), default=-1
                )
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for name in names:
        layers[depth[name]].append(name)
    return layers


def _places(
    layers: list[list[str]], edges: Sequence[tuple[str, str]]
) -> dict[str, tuple[int, float]]:
    """Rules stand near those that they have edges with: the mean of their places decides."""
    near: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for parent, rule in edges:
        near[parent].append(rule)
        near[rule].append(parent)
    at = {name: float(place) for layer in layers for name, place in _centred(layer)}
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            mean = {
                name: sum(at[other] for other in near[name]) / len(near[name])
                if near[name]
                else at[name]
                for name in layer
            }
            layer.sort(key=lambda name: (mean[name], name))
            at |= dict(_centred(layer))
    return {name: (number, at[name]) for number, layer in enumerate(layers) for name in layer}


def _centred(layer: Sequence[str]) -> list[tuple[str, float]]:
    return [(name, place - (len(layer) - 1) / 2) for place, name in enumerate(layer)]
