"""Numbers as people read them, and the report as lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model import JobState
from ..table import table
from .estimate import Estimated
from .model import Report
from .summaries import RuleSummary, Summary, Totals, Wait

_HOUR = 3600
MOST_RULES = 300  # in the table; JSON has all


def duration(seconds: float | None) -> str:
    """As `4.2 s`, `3:05 min` or `27:04 h`."""
    if seconds is None:
        return ""
    if seconds < 60 and round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // _HOUR}:{whole % _HOUR // 60:02} h"


def dollars(amount: float | None) -> str:
    """To the cent, of less than ten cents to a hundredth of it."""
    if amount is None:
        return ""
    return f"${amount:.4f}" if 0.00005 <= amount < 0.1 else f"${amount:,.2f}"


def number(amount: float | None) -> str:
    """To two digits after the point, without those that say nothing."""
    return "" if amount is None else f"{amount:,.2f}".rstrip("0").rstrip(".")


def share(part: float | None) -> str:
    return "" if part is None else f"{100 * part:.0f} %"


def counted(states: dict[JobState, int]) -> str:
    """As `25 done, 2 cached`."""
    return ", ".join(f"{count:,} {state}" for state, count in states.items())


def runs_of(report: Report) -> Iterable[str]:
    """A line for each run."""
    for run in report.runs:
        took = ""
        if run.created is not None:
            end = run.stopped or report.made
            took = f", {duration((end - run.created).total_seconds())} since its creation"
            took = took if run.stopped is None else took.removesuffix("since its creation") + "long"
        yield f"run {run.id} ({run.name}) {run.status}{took}, at {report.where}"
        if run.why:
            yield f"    {run.why}"


def cost_of(report: Report, total: Totals) -> str:
    """What it cost, by kind, with what is not in it."""
    line = (
        f"{dollars(total.dollars)} (instances {dollars(total.instance_dollars)}, storage "
        f"{dollars(total.storage_dollars)})"
    )
    if total.saved:
        line += f"; {dollars(total.saved)} saved by the run cache"
    if total.unpriced:
        line += f"; not in it: {total.unpriced} tasks or file systems whose cost is not known"
    if report.prices is not None and report.prices.assumed:
        line += f"; {report.prices.assumed}"
    return line


def against(estimated: Estimated, total: Totals) -> str:
    """What was expected, and how far off that was."""
    off = ""
    if estimated.dollars and total.dollars:
        off = f", of which it cost {100 * total.dollars / estimated.dollars:.0f} %"
    assumed = ""
    if estimated.assumed:
        assumed = (
            f"; nothing told how long {estimated.assumed:,} of {estimated.jobs:,} jobs take, for "
            f"which {estimated.minutes:g} min each were taken"
        )
    return (
        f"{dollars(estimated.dollars)} (instances {dollars(estimated.instance_dollars)}, storage "
        f"{dollars(estimated.storage_dollars)}){off}; {duration(estimated.seconds)} from start to "
        f"end, of which it took {duration(total.seconds) or '?'}{assumed}"
    )


_RULE_COLUMNS = (
    "tasks",
    "ended",
    "time",
    "longest",
    "queued",
    "vCPUs used",
    "GiB used",
    "instance",
    "cost",
)


def note_of(wait: Wait) -> str:
    """What else is to be said of a wait."""
    if wait.of is None:
        return wait.note
    return (
        f"half of {wait.of.count:,} tasks, or longer; at most {duration(wait.of.largest)}, "
        f"together {duration(wait.of.total)}"
    )


def rule_table(summary: Summary) -> list[tuple[str, ...]]:
    """The head and a row for each rule, of very many the dearest; and what was estimated."""
    estimated = summary.estimated
    head = ("rule" if summary.report.by_rule else "task", *_RULE_COLUMNS)
    dearest = sorted(summary.rules, key=lambda rule: (-rule.dollars, -rule.tasks))[:MOST_RULES]
    shown = {rule.rule for rule in dearest}
    rows = [(rule.rule, *_cells(rule)) for rule in summary.rules if rule.rule in shown]
    if estimated is None:
        return [head, *rows]
    return [
        (*head, "estimated"),
        *((*row, dollars(estimated.rules.get(row[0]))) for row in rows),
    ]


def left_out(summary: Summary) -> str:
    """What the table of the rules does not have."""
    more = len(summary.rules) - MOST_RULES
    return f"and {more:,} more, which cost less: --json has them" if more > 0 else ""


def _cells(rule: RuleSummary) -> tuple[str, ...]:
    """The cells of a rule below `_RULE_COLUMNS`."""
    return (
        f"{rule.tasks:,}" + (f" (+{rule.retries:,} retries)" if rule.retries else ""),
        counted(rule.states),
        duration(rule.seconds.median if rule.seconds else None),
        duration(rule.seconds.largest if rule.seconds else None),
        duration(rule.queued.median if rule.queued else None),
        of(rule.cpus_used.largest if rule.cpus_used else None, rule.cpus),
        of(rule.memory_used.largest if rule.memory_used else None, rule.memory_gib),
        ", ".join(name.removeprefix("omics.") for name in rule.instances),
        dollars(rule.dollars),
    )


def of(used: float | None, asked: float | None) -> str:
    """What was used of what was asked for."""
    if used is None:
        return f"? of {number(asked)}" if asked is not None else ""
    return f"{number(used)} of {number(asked)}" if asked is not None else number(used)


def lines(summary: Summary, advice: Sequence[str], profile: str) -> Iterable[str]:
    """The report, for a terminal; `advice` and `profile` are what to change."""
    report, total = summary.report, summary.totals
    yield from runs_of(report)
    yield ""
    yield from table(rule_table(summary))
    if len(summary.rules) > MOST_RULES:
        yield left_out(summary)
    yield ""
    yield f"tasks: {counted(total.states) or 'none yet'}"
    yield f"cost: {cost_of(report, total)}"
    if summary.estimated is not None:
        yield f"estimated: {against(summary.estimated, total)}"
    if total.cpu_share is not None or total.memory_share is not None:
        yield (
            f"in use of what was reserved: vCPUs {share(total.cpu_share) or '?'}, memory "
            f"{share(total.memory_share) or '?'}"
        )
    for failure in report.failures:
        again = " (tried again)" if failure.task.superseded else ""
        yield f"failed: {failure.task.job}{again}: {failure.reason or failure.message}"
    for text in advice:
        yield f"advice: {text}"
    for gap in report.gaps:
        yield f"not known: {gap}"
    if profile:
        yield ""
        yield profile.rstrip()
