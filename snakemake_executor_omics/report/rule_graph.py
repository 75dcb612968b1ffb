"""Which rule reads from which, laid out in layers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .model import ReportedTask

_SWEEPS = 8  # over the layers, each of which makes fewer edges cross
_NARROW = 0.25  # of a rule's place, for an edge that passes by


@dataclass(frozen=True, slots=True)
class RuleGraph:
    """The place of each rule, as layer and place in it, and the way of each edge.

    An edge that passes by layers has a place of its own in each. Places are rules apart.
    """

    places: Mapping[str, tuple[int, float]]
    edges: Mapping[tuple[str, str], Sequence[tuple[int, float]]]

    @property
    def layers(self) -> int:
        return 1 + max(layer for layer, _ in self.places.values())

    @property
    def width(self) -> float:
        known = [*self.places.values(), *(place for way in self.edges.values() for place in way)]
        return 1 + 2 * max(abs(place) for _, place in known)


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
    depth = _depths(list(dict.fromkeys(task.rule for task in tasks)), edges)
    ways = {edge: _way(*edge, depth) for edge in edges}
    places = _places(depth, ways)
    return RuleGraph(
        {rule: places[rule] for rule in depth},
        {edge: [places[node] for node in way] for edge, way in ways.items()},
    )


def _depths(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
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
    return depth


_Node = str | tuple[str, str, int]  # a rule, or where an edge passes by a layer


def _way(parent: str, rule: str, depth: Mapping[str, int]) -> list[_Node]:
    """The nodes of an edge, from above to below."""
    above, below = sorted((parent, rule), key=lambda name: depth[name])
    between = range(depth[above] + 1, depth[below])
    return [above, *((parent, rule, layer) for layer in between), below]


def _places(
    depth: Mapping[str, int], ways: Mapping[tuple[str, str], Sequence[_Node]]
) -> dict[_Node, tuple[int, float]]:
    """Nodes stand near those that they have edges with: the mean of their places decides."""
    layers: list[list[_Node]] = [[] for _ in range(1 + max(depth.values()))]
    near: dict[_Node, list[_Node]] = {}
    for name, number in depth.items():
        layers[number].append(name)
        near[name] = []
    for way in ways.values():
        for node in way:
            if not isinstance(node, str):
                layers[node[2]].append(node)
                near[node] = []
        for node, following in pairwise(way):
            near[node].append(following)
            near[following].append(node)
    at = {node: place for layer in layers for node, place in _centred(layer)}
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            mean = {
                node: sum(at[other] for other in near[node]) / len(near[node])
                if near[node]
                else at[node]
                for node in layer
            }
            layer.sort(key=lambda node: (mean[node], str(node)))
            at |= dict(_centred(layer))
    return {node: (number, at[node]) for number, layer in enumerate(layers) for node in layer}


def _centred(layer: Sequence[_Node]) -> list[tuple[_Node, float]]:
    widths = [1.0 if isinstance(node, str) else _NARROW for node in layer]
    ends = list(accumulate(widths))
    return [
        (node, end - width / 2 - ends[-1] / 2)
        for node, width, end in zip(layer, widths, ends, strict=True)
    ]
