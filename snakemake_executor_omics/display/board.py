"""How far a call of Snakemake is, rule by rule, from what its log tells. Pure.

Snakemake hears of a run's jobs when the run has ended and their files are here; how far they are
until then only the runs tell. A job is done by whichever of the two says so first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..log import RunProgress
from ..model import JobState


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule's jobs: how many there are, and how many of them are at what."""

    rule: str
    total: int
    done: int
    running: int
    queued: int
    failed: int

    @property
    def is_at_work(self) -> bool:
        return bool(self.running or self.queued)

    @property
    def is_done(self) -> bool:
        return self.done == self.total


@dataclass(slots=True)
class Board:
    """What is known of the jobs; changed by what the log tells, in its order."""

    runs: dict[str, RunProgress] = field(default_factory=dict)
    later: Mapping[str, int] = field(default_factory=dict)
    _planned: dict[str, int] = field(default_factory=dict)
    _rules: dict[int, str] = field(default_factory=dict)  # of the jobs that Snakemake has started
    _here: dict[int, str] = field(default_factory=dict)  # of those that run on this machine
    _finished: Counter[str] = field(default_factory=Counter)
    _finished_here: Counter[str] = field(default_factory=Counter)
    _failed_here: Counter[str] = field(default_factory=Counter)

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Snakemake says how many jobs each rule has; again after a checkpoint."""
        self._planned |= jobs

    def start(self, job: int, rule: str, *, here: bool) -> None:
        self._rules[job] = rule
        if here:
            self._here[job] = rule

    def finish(self, job: int) -> None:
        rule = self._rules.get(job)
        if rule is None:
            return
        self._finished[rule] += 1
        if self._here.pop(job, None) is not None:
            self._finished_here[rule] += 1

    def fail(self, job: int) -> None:
        rule = self._here.pop(job, None)
        if rule is not None:
            self._failed_here[rule] += 1

    def hear(self, run: RunProgress) -> None:
        self.runs[run.run] = run

    @property
    def rows(self) -> list[RuleRow]:
        """The rules in Snakemake's order, those that it has not told of last."""
        in_runs: dict[str, Counter[JobState]] = {}
        for run in self.runs.values():
            for rule, states in run.jobs.items():
                in_runs.setdefault(rule, Counter()).update(states)
        here = Counter(self._here.values())
        return [
            self._row(rule, in_runs.get(rule, Counter()), here[rule])
            for rule in dict.fromkeys([*self._planned, *in_runs, *here])
        ]

    def _row(self, rule: str, in_runs: Counter[JobState], here: int) -> RuleRow:
        done_in_runs = in_runs[JobState.DONE] + in_runs[JobState.CACHED]
        done = max(self._finished[rule], done_in_runs + self._finished_here[rule])
        total = max(self._planned.get(rule, 0), self._finished[rule] + here)
        if rule not in self._planned:
            total = max(total, in_runs.total())
        return RuleRow(
            rule,
            total,
            min(done, total),  # a job that runs again after its results were lost is done twice
            in_runs[JobState.RUNNING] + in_runs[JobState.ENDED] + here,
            in_runs[JobState.QUEUED],
            in_runs[JobState.FAILED] + self._failed_here[rule],
        )


def fitting(rows: list[RuleRow], limit: int) -> tuple[list[RuleRow], list[RuleRow]]:
    """The at most `limit` rows that say most, in their order, and the others."""
    if len(rows) <= limit:
        return rows, []

    def weight(row: RuleRow) -> int:
        return 0 if row.is_at_work else 1 if row.failed else 2 if not row.is_done else 3

    chosen = {id(row) for row in sorted(rows, key=weight)[:limit]}
    shown = [row for row in rows if id(row) in chosen]
    return shown, [row for row in rows if id(row) not in chosen]


def in_all(rows: Iterable[RuleRow]) -> tuple[int, int]:
    """How many jobs are done, of how many."""
    rows = list(rows)
    return sum(row.done for row in rows), sum(row.total for row in rows)
