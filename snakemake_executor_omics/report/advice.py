"""What to change, by what was measured: resources to paste, rules to pack, waits. Pure.

Only what changes the bill or the risk is proposed: a task pays for its instance, so that a smaller
request which leads to the same instance saves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import yaml

from ..cost.instances import smallest
from ..cost.prices import Prices
from ..model import JobState
from ..runs.reasons import is_out_of_memory
from .model import Report
from .summaries import RuleSummary, Summary
from .texts import dollars, duration, number

MEMORY_HEAD_ROOM = 0.25  # beyond the most that any task of the rule used
CPU_HEAD_ROOM = 0.1
_CLOSE = 0.9  # of the memory asked for: the next larger input may be killed
_MB_PER_GIB = 1024**3 / 10**6
_STEP_MB = 100
_WORTH = 0.005  # dollars; a smaller saving is none
MOST_PROPOSALS = 50  # that people are told
_MANY = 10  # tasks that are worth packing
_LONG_WAIT = 60.0  # seconds in a queue that are worth a word
_TOLD = 3  # rules in one word


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Resources for a rule: what it is to ask for where that is not None, and why."""

    rule: str
    threads: int | None = None
    mem_mb: int | None = None
    why: str
    instance: str = ""
    saves: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Proposals, the profile that has them, and what else is worth a change."""

    proposals: tuple[Proposal, ...] = ()
    profile: str = ""
    packing: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """All of it but the profile, for a terminal: of very many proposals the first."""
        told = [f"{one.rule}: {one.why}" for one in self.proposals[:MOST_PROPOSALS]]
        return [*told, *filter(None, [self.left_out]), *self.packing, *self.waiting]

    @property
    def left_out(self) -> str:
        """How many proposals are too many to be told."""
        more = len(self.proposals) - MOST_PROPOSALS
        return f"{more:,} more proposals, which save less: --json has them" if more > 0 else ""


def advise(summary: Summary, prices: Prices) -> Advice:
    """What follows from a report."""
    killed = _killed(summary.report)
    proposals = [
        found
        for rule in summary.rules
        if (found := _proposal(rule, prices, rule.rule in killed)) is not None
    ]
    proposals.sort(key=lambda found: (-found.saves, found.rule))
    return Advice(
        proposals=tuple(proposals),
        profile=_profile(summary, proposals),
        packing=tuple(filter(None, map(_packing, summary.rules))),
        waiting=tuple(filter(None, [_waiting(summary.rules)])),
    )


def _killed(report: Report) -> set[str]:
    """The rules of which a task was killed for its memory."""
    return {
        found.task.rule
        for found in report.failures
        if is_out_of_memory(found.reason) and not found.task.superseded
    }


def _proposal(rule: RuleSummary, prices: Prices, killed: bool) -> Proposal | None:
    if rule.memory_gib is None or rule.cpus is None:
        return None
    if killed:
        return Proposal(
            rule=rule.rule,
            mem_mb=_megabytes(2 * rule.memory_gib),
            why=f"a task was killed for its memory at {number(rule.memory_gib)} GiB",
        )
    if rule.memory_used is None:
        return None
    needed = rule.memory_used.largest * (1 + MEMORY_HEAD_ROOM)
    if rule.memory_used.largest > _CLOSE * rule.memory_gib:
        return Proposal(
            rule=rule.rule,
            mem_mb=_megabytes(needed),
            why=f"a task used {number(rule.memory_used.largest)} of the {rule.memory_gib} GiB that "
            "it asked for: a larger input may be killed for its memory",
        )
    if rule.gpus or not rule.count(JobState.DONE):
        return None  # a task that failed early has used little
    return _smaller(rule, rule.cpus, rule.memory_gib, rule.memory_used.largest, prices)


def _smaller(
    rule: RuleSummary, cpus: int, memory_gib: int, used_gib: float, prices: Prices
) -> Proposal | None:
    """The fewest changes that lead to the cheapest instance with room for what was used."""
    now = _hourly(rule, prices)
    threads = cpus
    if rule.cpus_used is not None:
        threads = min(threads, max(1, math.ceil(rule.cpus_used.largest * (1 + CPU_HEAD_ROOM))))
    mem_mb = _megabytes(used_gib * (1 + MEMORY_HEAD_ROOM))
    best: tuple[float, int, Proposal] | None = None
    for changes, few, much in (
        (1, threads, None),
        (1, None, mem_mb),
        (2, threads, mem_mb),
    ):
        if few == cpus:
            continue
        gib = memory_gib if much is None else much / _MB_PER_GIB
        instance = smallest(few or cpus, gib)
        hourly = prices.of_instance(instance.name) if instance is not None else None
        if now is None or instance is None or hourly is None or hourly >= now:
            continue
        found = Proposal(
            rule=rule.rule,
            # All of the instance is paid for, so all of it may be asked for.
            threads=None if few is None else min(cpus, instance.vcpus),
            mem_mb=None if much is None else _megabytes(instance.memory_gib, down=True),
            instance=instance.name,
            saves=rule.dollars * (1 - hourly / now),
            why="",
        )
        if best is None or (hourly, changes) < best[:2]:
            best = hourly, changes, found
    if best is None or best[2].saves < _WORTH:
        return None
    found = best[2]
    used = [
        f"at most {number(rule.cpus_used.largest)} of {cpus} vCPUs"
        if found.threads is not None and rule.cpus_used is not None
        else "",
        f"at most {number(used_gib)} of {memory_gib} GiB" if found.mem_mb is not None else "",
    ]
    return replace(
        found,
        why=f"its tasks used {' and '.join(filter(None, used))}: {found.instance} is enough in "
        f"place of {', '.join(rule.instances)}, which saves {dollars(found.saves)} of "
        f"{dollars(rule.dollars)}",
    )


def _hourly(rule: RuleSummary, prices: Prices) -> float | None:
    """What an hour of the rule's dearest instance costs."""
    known = [prices.of_instance(name) for name in rule.instances]
    return max((hourly for hourly in known if hourly is not None), default=None)


def _megabytes(gib: float, *, down: bool = False) -> int:
    steps = gib * _MB_PER_GIB / _STEP_MB
    return (math.floor(steps) if down else math.ceil(steps)) * _STEP_MB


def _profile(summary: Summary, proposals: Sequence[Proposal]) -> str:
    """YAML for a profile of Snakemake; empty where there is nothing to propose, or no rule."""
    report = summary.report
    rules = {rule.rule for rule in summary.rules if rule.is_of_one}
    proposals = [found for found in proposals if found.rule in rules]
    threads = {found.rule: found.threads for found in proposals if found.threads is not None}
    memory = {
        found.rule: {"mem_mb": found.mem_mb} for found in proposals if found.mem_mb is not None
    }
    sections = {
        name: section
        for name, section in (("set-threads", threads), ("set-resources", memory))
        if section
    }
    if not sections or not report.by_rule:
        return ""
    runs = ", ".join(run.id for run in report.runs)
    return (
        f"# Measured in run {runs}, {report.made:%Y-%m-%d}, with head-room "
        f"of {MEMORY_HEAD_ROOM:.0%} of memory and {CPU_HEAD_ROOM:.0%} of vCPUs.\n"
        "# A mem_mb that grows with the attempt does so no more where it is set here.\n"
        + yaml.safe_dump(sections, sort_keys=True, allow_unicode=True)
    )


def _packing(rule: RuleSummary) -> str | None:
    """A word on tasks that are billed for longer than they work."""
    ran = rule.tasks - rule.count(JobState.CACHED)
    if rule.seconds is None or ran < _MANY:
        return None
    if rule.billed_seconds < 2 * rule.seconds.total:
        return None
    return (
        f"{rule.rule}: {ran:,} tasks worked for {duration(rule.seconds.median)} each, together "
        f"{duration(rule.seconds.total)}, and are billed {duration(rule.billed_seconds)}, since a "
        "minute is the least: several in one task, which --omics-pack makes, are billed less"
    )


def _waiting(rules: Sequence[RuleSummary]) -> str | None:
    """A word on rules whose tasks stood in a queue for longer than they worked."""
    slow = [
        (rule.queued.total, rule.rule, rule.queued, rule.seconds.median)
        for rule in rules
        if rule.queued is not None
        and rule.seconds is not None
        and rule.queued.median > max(_LONG_WAIT, rule.seconds.median)
    ]
    if not slow:
        return None
    slow.sort(key=lambda one: (-one[0], one[1]))
    told = [
        f"{rule} {duration(queued.median)} to work for {duration(worked)}"
        for _, rule, queued, worked in slow[:_TOLD]
    ]
    more = f" and {len(slow) - _TOLD} more rules" if len(slow) > _TOLD else ""
    return (
        f"half of the tasks waited longer than they worked of {', '.join(told)}{more}: a run "
        "creates its tasks one by one and lets some work at once, so that fewer and longer tasks, "
        "or more runs (--omics-parallel-runs), wait less"
    )
