"""The plots of a report, as Vega-Lite specifications: data and what is shown of it. Pure.

Colours that depend on light and dark are the page's, which hands them over when it draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model import JobState
from .model import ReportedRun
from .rule_graph import RuleGraph, rule_graph
from .summaries import RuleSummary, Summary
from .texts import counted, dollars, duration, number
from .timeline import Timeline, at_once, timeline

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name: nothing is read from there
_MOST_RULES = 60  # in one plot; the tables have all
# Of rules; none is the red of a failure. Those with the most work have one of their own.
_COLOURS = (
    *("#4c78a8", "#72b7b2", "#f2a541", "#8a6fc0", "#54a24b"),
    *("#9d755d", "#e58fb1", "#b5a03f", "#5fb3d9", "#9aa3ad"),
)
_STATES = {
    JobState.DONE: "#3987cf",
    JobState.CACHED: "#8d99ae",
    JobState.FAILED: "#d8453b",
    JobState.CANCELLED: "#dd9532",
    JobState.RUNNING: "#4ba164",
    JobState.QUEUED: "#b9a13c",
}
_STORAGE, _HALF = "(storage)", "half of the tasks"
_NODE = (132, 40)  # pixels of a rule in the graph
_STEP = (_NODE[0] + 18, _NODE[1] + 34)  # from one rule to the next, and to the next layer


def charts(summary: Summary) -> dict[str, Spec]:
    """The plots that there is something to show in, by name."""
    found: dict[str, Spec | None] = {
        "timeline": None,
        "at-once": None,
        "cpus": _use(summary, "vCPUs", "cpus", "cpus_used", "cpus_average"),
        "memory": _use(summary, "GiB of memory", "memory_gib", "memory_used", None),
        "cost": _cost(summary),
        "queues": _queues(summary),
        "graph": None,
    }
    times = timeline(summary.report, summary.rules)
    if times is not None:
        found["timeline"] = _timeline(times, summary.report.runs)
        found["at-once"] = _at_once(times, summary.rules)
    graph = rule_graph(summary.report.tasks)
    if graph is not None and len(graph.places) <= 2 * _MOST_RULES:
        found["graph"] = _graph(graph, summary.rules)
    return {name: spec for name, spec in found.items() if spec is not None}


def _timeline(times: Timeline, runs: Sequence[ReportedRun]) -> Spec:
    rows = [
        (
            bar.task.job,
            bar.task.state.value,
            bar.created,
            bar.started,
            bar.stopped,
            bar.top,
            bar.bottom,
        )
        for bar in times.bars
    ]
    states = [state for state in _STATES if any(bar.task.state is state for bar in times.bars)]
    x = {"type": "quantitative", "scale": {"domain": [0, times.end], "nice": False}}
    y = _position(times.height, reverse=True)
    unit = times.clock.name
    tooltip = [
        {"field": "job"},
        {"field": "state"},
        {"field": "queued", "title": f"queued ({unit})", "format": ".3~f"},
        {"field": "took", "title": f"worked ({unit})", "format": ".3~f"},
    ]
    return {
        **_head(f"Tasks by rule: pale while queued. {_since(times)}"),
        "height": round(times.height),
        "data": _table(("job", "state", "c", "s", "e", "t", "b"), rows),
        "transform": [
            {"calculate": "datum.s - datum.c", "as": "queued"},
            {"calculate": "datum.e - datum.s", "as": "took"},
        ],
        "layer": [
            {
                "mark": {"type": "rect", "opacity": 0.3},
                "encoding": {
                    "x": {**x, "field": "c", "title": _since(times)},
                    "x2": {"field": "s"},
                    "y": {**y, "field": "t"},
                    "y2": {"field": "b"},
                    "color": _by_state(states),
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "rect", "strokeWidth": 0.4},
                "encoding": {
                    "x": {**x, "field": "s"},
                    "x2": {"field": "e"},
                    "y": {**y, "field": "t"},
                    "y2": {"field": "b"},
                    "color": _by_state(states),
                    "stroke": {**_by_state(states), "legend": None},
                    "tooltip": tooltip,
                },
            },
            {
                "data": _table(("what", "x"), _moments(times, runs)),
                "mark": {"type": "rule", "strokeDash": [3, 3], "opacity": 0.6, "strokeWidth": 1.5},
                "encoding": {"x": {**x, "field": "x"}, "tooltip": [{"field": "what"}]},
            },
            {
                "data": _table(("rule", "y"), times.labels),
                "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 3},
                "encoding": {
                    "x": {"datum": 0, "type": "quantitative"},
                    "y": {**y, "field": "y"},
                    "text": {"field": "rule"},
                },
            },
        ],
    }


def _moments(times: Timeline, runs: Sequence[ReportedRun]) -> list[tuple[str, float]]:
    """When each run was made, began and ended."""
    return [
        (f"run {run.id} {what}", times.clock.at(moment))
        for run in runs
        for what, moment in (
            ("created", run.created),
            ("started", run.started),
            ("stopped", run.stopped),
        )
        if moment is not None
    ]


def _at_once(times: Timeline, rules: Sequence[RuleSummary]) -> Spec:
    heavy = sorted(rules, key=lambda rule: -(rule.seconds.total if rule.seconds else 0))
    room = len(_COLOURS) if len(rules) <= len(_COLOURS) else len(_COLOURS) - 1
    shown = {rule.rule for rule in heavy[:room]}
    names = [rule.rule for rule in rules if rule.rule in shown]
    rows = at_once(times, names)
    kinds = list(dict.fromkeys(kind for _, kind, _ in rows))
    return {
        **_head("How many tasks worked at once, by rule"),
        "height": 200,
        "data": _table(("x", "rule", "n"), rows),
        "mark": {"type": "area", "interpolate": "step-after"},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": _since(times),
                "scale": {"domain": [0, times.end], "nice": False},
            },
            "y": {"field": "n", "type": "quantitative", "title": "tasks", "stack": True},
            "color": {
                "field": "rule",
                "type": "nominal",
                "scale": {"domain": kinds, "range": list(_COLOURS[: len(kinds)])},
                "legend": {"orient": "bottom", "columns": 3, "title": None},
            },
            "tooltip": [{"field": "rule"}, {"field": "n", "title": "tasks", "format": ".3~g"}],
        },
    }


_BAR = {"type": "bar", "height": 13}
_WIDE = {"type": "bar", "height": 13, "opacity": 0.7}
_NARROW = {"type": "bar", "height": 7}
_TICK = {"type": "tick", "thickness": 2, "height": 13}


def _use(summary: Summary, what: str, asked: str, used: str, average: str | None) -> Spec | None:
    rows: list[_Row] = []
    for rule in _dearest(summary.rules):
        most, request = getattr(rule, used), getattr(rule, asked)
        if most is None or request is None:
            continue
        rows += [_row(rule.rule, "asked for", request), _row(rule.rule, "most used", most.largest)]
        middle = most.median if average is None else getattr(rule, average)
        if middle is not None:
            rows.append(_row(rule.rule, "average" if average else "middle task", middle))
    return _by_rule(
        f"{what}: the most that a task of the rule used, of what it asked for",
        what,
        rows,
        {
            "asked for": ("#b5bcc9", _WIDE),
            "most used": ("#3987cf", _NARROW),
            "average" if average else "middle task": ("#dd9532", _TICK),
        },
    )


def _cost(summary: Summary) -> Spec | None:
    rules = [rule for rule in _dearest(summary.rules) if rule.dollars or rule.saved]
    told = [(rule.rule, "instances", rule.dollars) for rule in rules]
    told += [(rule.rule, "saved", rule.saved) for rule in rules]
    told.append((_STORAGE, "storage", summary.totals.storage_dollars))
    if summary.estimated is not None:
        expected = summary.estimated.rules
        told += [(rule.rule, "estimated", expected.get(rule.rule, 0.0)) for rule in rules]
        told.append((_STORAGE, "estimated", summary.estimated.storage_dollars))
    return _by_rule(
        "Dollars by rule and kind, and what the run cache saved",
        "dollars",
        [(name, kind, round(n, 6), dollars(n)) for name, kind, n in told if n],
        {
            "instances": ("#3987cf", _BAR),
            "storage": ("#8a6fc0", _BAR),
            "saved": ("#4ba164", _NARROW),
            "estimated": ("#dd9532", _TICK),
        },
    )


def _queues(summary: Summary) -> Spec | None:
    spreads = [(rule.queued, rule.rule) for rule in summary.rules if rule.queued is not None]
    spreads.sort(key=lambda one: -one[0].median)
    return _by_rule(
        "How long tasks waited for their start",
        "minutes",
        [
            (rule, kind, round(seconds / 60, 3), duration(seconds))
            for queued, rule in spreads[:_MOST_RULES]
            if queued.total
            for kind, seconds in ((_HALF, queued.median), ("longest", queued.largest))
        ],
        {_HALF: ("#dd9532", _BAR), "longest": ("#8d99ae", _TICK)},
    )


_Row = tuple[str, str, float, str]  # rule, kind, number, and the number as people read it


def _row(rule: str, kind: str, n: float) -> _Row:
    return rule, kind, round(n, 3), number(n)


def _by_rule(
    description: str, title: str, rows: Sequence[_Row], kinds: Mapping[str, tuple[str, Spec]]
) -> Spec | None:
    """A row for each rule, in which each kind has a colour and a mark; the last is on top."""
    shown = [kind for kind in kinds if any(row[1] == kind for row in rows)]
    if not shown:
        return None
    encoding = {
        "x": {"field": "n", "type": "quantitative", "title": title},
        "y": {
            "field": "rule",
            "type": "nominal",
            "sort": list(dict.fromkeys(row[0] for row in rows)),
            "title": None,
            "axis": {"labelLimit": 130},
        },
        "color": {
            "field": "kind",
            "type": "nominal",
            "scale": {"domain": shown, "range": [kinds[kind][0] for kind in shown]},
            "legend": {"orient": "top", "title": None, "symbolType": "square"},
        },
        "tooltip": [{"field": "rule"}, {"field": "kind"}, {"field": "told", "title": title}],
    }
    return {
        **_head(description),
        "height": {"step": 20},
        "data": _table(("rule", "kind", "n", "told"), rows),
        "encoding": encoding,
        "layer": [
            {"transform": [{"filter": {"field": "kind", "equal": kind}}], "mark": kinds[kind][1]}
            for kind in shown
        ],
    }


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Where a graph of rules is drawn, in pixels."""

    graph: RuleGraph

    @property
    def width(self) -> int:
        return round(_STEP[0] * self.graph.width)

    @property
    def height(self) -> int:
        return _STEP[1] * self.graph.layers

    def centre(self, layer: int, place: float) -> tuple[float, float]:
        return self.width / 2 + place * _STEP[0], layer * _STEP[1] + _STEP[1] / 2


def _graph(graph: RuleGraph, rules: Sequence[RuleSummary]) -> Spec:
    drawing = _Drawing(graph)
    x, y = _position(drawing.width), _position(drawing.height, reverse=True)
    states = {_worst(rule) for rule in rules}
    colour = _by_state([state for state in _STATES if state in states])
    tooltip = [
        {"field": "rule"},
        {"field": "states", "title": "tasks"},
        {"field": "cost"},
    ]
    edges: Spec = {
        "data": _table(("edge", "step", "x", "y"), _edges(drawing)),
        "mark": {"type": "line", "strokeWidth": 1.3, "opacity": 0.6},
        "encoding": {
            "x": {**x, "field": "x"},
            "y": {**y, "field": "y"},
            "detail": {"field": "edge"},
            "order": {"field": "step"},
        },
    }
    boxes: Spec = {
        "mark": {"type": "rect", "cornerRadius": 5, "fillOpacity": 0.25, "strokeWidth": 1.5},
        "encoding": {
            "x": {**x, "field": "l"},
            "x2": {"field": "r"},
            "y": {**y, "field": "t"},
            "y2": {"field": "b"},
            "color": colour,
            "stroke": {**colour, "legend": None},
            "tooltip": tooltip,
        },
    }
    texts: list[Spec] = [
        {
            "mark": {"type": "text", "dy": dy, "fontWeight": weight, "fontSize": 11},
            "encoding": {
                "x": {**x, "field": "x"},
                "y": {**y, "field": "y"},
                "text": {"field": field},
                "tooltip": tooltip,
            },
        }
        for field, dy, weight in (("short", -7, "bold"), ("what", 8, "normal"))
    ]
    return {
        **_head("Which rule reads from which"),
        "width": drawing.width,
        "height": drawing.height,
        "data": _table(
            ("rule", "short", "what", "states", "cost", "state", "x", "y", "l", "r", "t", "b"),
            _nodes(drawing, rules),
        ),
        "layer": [edges, boxes, *texts],
    }


def _nodes(drawing: _Drawing, rules: Sequence[RuleSummary]) -> Iterator[Sequence[object]]:
    """Of each rule what is told of it, its centre, and the sides of its box."""
    by_name = {rule.rule: rule for rule in rules}
    wide, high = _NODE
    for name, (layer, place) in drawing.graph.places.items():
        x, y = drawing.centre(layer, place)
        rule = by_name[name]
        short = name if len(name) <= 20 else f"{name[:19]}…"
        what = f"{rule.tasks:,}"
        if rule.seconds:
            what += f" × {duration(rule.seconds.median)}"
        told = (name, short, what, counted(rule.states), dollars(rule.dollars), _worst(rule).value)
        yield (*told, x, y, x - wide / 2, x + wide / 2, y - high / 2, y + high / 2)


def _edges(drawing: _Drawing) -> Iterator[Sequence[object]]:
    """The points of each edge, numbered; it passes each layer on its way from top to bottom."""
    for edge, way in enumerate(drawing.graph.edges.values()):
        centres = [drawing.centre(layer, place) for layer, place in way]
        points = [(x, y + side * _NODE[1] / 2) for x, y in centres for side in (-1, 1)]
        # It begins below the one rule and ends above the other.
        for step, (x, y) in enumerate(points[1:-1]):
            yield edge, step, round(x), round(y)


def _worst(rule: RuleSummary) -> JobState:
    for state in (JobState.FAILED, JobState.RUNNING, JobState.QUEUED, JobState.CANCELLED):
        if rule.count(state):
            return state
    return JobState.CACHED if rule.count(JobState.CACHED) == rule.tasks else JobState.DONE


def _dearest(rules: Sequence[RuleSummary]) -> list[RuleSummary]:
    ordered = sorted(rules, key=lambda rule: (-rule.dollars, -rule.tasks, rule.rule))
    return ordered[:_MOST_RULES]


def _head(description: str) -> Spec:
    return {
        "$schema": _SCHEMA,
        "description": description,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
    }


def _position(end: float, **scale: object) -> Spec:
    """A place on a plot as it is drawn, without axis."""
    return {
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, end], **scale, "nice": False},
    }


def _by_state(states: Sequence[JobState]) -> Spec:
    return {
        "field": "state",
        "type": "nominal",
        "scale": {
            "domain": [state.value for state in states],
            "range": [_STATES[state] for state in states],
        },
        "legend": {"orient": "top", "title": None, "symbolOpacity": 1},
    }


def _since(times: Timeline) -> str:
    return f"{times.clock.name} since {times.clock.zero:%Y-%m-%d %H:%M} UTC"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Spec:
    """Rows as they are: to read other formats takes code made of text, which the page forbids."""
    return {"values": [dict(zip(columns, row, strict=True)) for row in rows]}
