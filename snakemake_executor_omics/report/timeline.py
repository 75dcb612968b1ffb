"""Where a task stands in the timeline, and how many work at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from .model import Report, ReportedTask
from .summaries import RuleSummary

_LABEL = 15  # pixels, above the bars of a rule
_GAP = 7
_LANE = 7.0
_MOST = 90.0  # of a rule, however many of its tasks there are at once
_MOST_ROWS = 150  # rules; a canvas cannot be of any height
OTHERS = "(other rules)"
_BINS = 240  # of the time axis, for how many work at once


@dataclass(frozen=True, slots=True)
class Clock:
    """The time axis: since `zero`, in units that people read."""

    zero: datetime
    seconds: int
    name: str

    def at(self, moment: datetime) -> float:
        return round((moment - self.zero).total_seconds() / self.seconds, 4)


@dataclass(frozen=True, slots=True)
class Bar:
    """A task that was made: from where to where it waited and worked, and between which pixels."""

    task: ReportedTask
    created: float
    started: float
    stopped: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bars of all tasks, and each rule with the pixel that its label stands at."""

    clock: Clock
    bars: Sequence[Bar]
    labels: Sequence[tuple[str, float]]
    height: float
    end: float


def clock(report: Report) -> Clock | None:
    """None where nothing has happened yet."""
    known = [run.created for run in report.runs if run.created is not None]
    known += [task.created for task in report.tasks if task.created is not None]
    if not known:
        return None
    zero = min(known)
    ends = [run.stopped or report.made for run in report.runs]
    seconds = (max([*ends, *known]) - zero).total_seconds()
    for unit, name, until in ((1, "seconds", 180), (60, "minutes", 3 * 3600)):
        if seconds <= until:
            return Clock(zero, unit, name)
    return Clock(zero, 3600, "hours")


def timeline(report: Report, rules: Sequence[RuleSummary]) -> Timeline | None:
    """The tasks by rule; of a rule those that are there at once stand below each other.

    Of very many rules those with the least work are together, as `OTHERS`.
    """
    ticks = clock(report)
    heavy = sorted(rules, key=lambda rule: -(rule.seconds.total if rule.seconds else 0.0))
    own = {rule.rule for rule in heavy[:_MOST_ROWS]}
    spans: dict[str, list[tuple[datetime, datetime, datetime, ReportedTask]]] = {
        rule.rule: [] for rule in rules if rule.rule in own
    }
    spans[OTHERS] = []
    for task in report.tasks:
        begin = task.created or task.started
        if begin is not None:
            end = task.stopped or report.made
            start = min(task.started or end, end)
            spans[task.rule if task.rule in own else OTHERS].append(
                (begin, start, max(begin, end), task)
            )
    if ticks is None or not any(spans.values()):
        return None
    bars: list[Bar] = []
    labels = []
    below = 0.0
    for rule, tasks in spans.items():
        if not tasks:
            continue  # all from the run cache, which has no times
        lanes = _lanes([(begin, end) for begin, _, end, _ in tasks])
        height = min(_MOST, _LANE * (max(lanes) + 1))
        lane = height / (max(lanes) + 1)
        labels.append((rule, below + _LABEL / 2))
        below += _LABEL
        for (begin, start, end, task), number in zip(tasks, lanes, strict=True):
            top = round(below + number * lane, 2)
            bottom = round(below + (number + 1) * lane - min(1.0, lane / 5), 2)
            bars.append(Bar(task, ticks.at(begin), ticks.at(start), ticks.at(end), top, bottom))
        below += height + _GAP
    ends = [run.stopped or report.made for run in report.runs]
    return Timeline(ticks, bars, labels, below, max([*map(ticks.at, ends), bars[-1].stopped]))


def _lanes(spans: Sequence[tuple[datetime, datetime]]) -> list[int]:
    """The first free lane of each span."""
    lanes = [0] * len(spans)
    busy: list[tuple[datetime, int]] = []
    free: list[int] = []
    for place in sorted(range(len(spans)), key=lambda place: spans[place]):
        begin, end = spans[place]
        while busy and busy[0][0] <= begin:
            heappush(free, heappop(busy)[1])
        lane = heappop(free) if free else len(busy)
        lanes[place] = lane
        heappush(busy, (end, lane))
    return lanes


def at_once(found: Timeline, names: Sequence[str]) -> list[tuple[float, str, float]]:
    """How many tasks work in each of equal parts of the time: part, rule, tasks on the average.

    Rules that are none of `names` count as `OTHERS`.
    """
    width = found.end / _BINS if found.end else 1.0
    kinds = [*names, OTHERS]
    place = {name: number for number, name in enumerate(names)}
    sums = [[0.0] * _BINS for _ in kinds]
    for bar in found.bars:
        of = sums[place.get(bar.task.rule, len(names))]
        first = min(int(bar.started / width), _BINS - 1)
        last = min(int(bar.stopped / width), _BINS - 1)
        for part in range(first, last + 1):
            begin, end = part * width, (part + 1) * width
            of[part] += max(0.0, min(end, bar.stopped) - max(begin, bar.started)) / width
    return [
        (round(part * width, 4), kind, round(of[part], 3))
        for kind, of in zip(kinds, sums, strict=True)
        if any(of)
        for part in range(_BINS)
    ]
