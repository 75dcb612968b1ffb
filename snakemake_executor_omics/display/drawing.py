"""A board as lines of a terminal, for rich to draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .board import Board, RuleRow, fitting, in_all

_BAR = 24  # columns
_RULE = 28  # columns of the longest name
_RUNS = 3  # that are told one by one
_REASONS = 3
_AROUND = 10  # lines that are no rules


def drawn(board: Board, seconds: float, height: int) -> RenderableType:
    """The board after `seconds`, for a terminal of `height` lines."""
    rows = board.rows
    shown, others = fitting(rows, max(3, height - _AROUND))
    done, total = in_all(rows)
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=_RULE, no_wrap=True, overflow="ellipsis")
    table.add_column(width=_BAR)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row(
        Text("all jobs", style="bold"),
        _bar(done, total),
        Text(f"{done:,} of {total:,}", style="bold"),
        Text("  ".join([str(timedelta(seconds=int(seconds))), *_dollars(board)])),
    )
    for row in shown:
        table.add_row(
            Text(row.rule), _bar(row.done, row.total), f"{row.done:,} of {row.total:,}", _at(row)
        )
    if others:
        done, total = in_all(others)
        table.add_row(
            Text(f"{len(others)} more rules", style="dim"),
            _bar(done, total),
            f"{done:,} of {total:,}",
        )
    return Group(table, *_runs(board), *_whose_prices(board), *_later(board))


def _dollars(board: Board) -> list[str]:
    known = [run.dollars for run in board.runs.values() if run.dollars is not None]
    return [f"about ${sum(known):,.2f} of instances so far"] if known else []


def _whose_prices(board: Board) -> Iterator[Text]:
    if region := next((run.priced_as for run in board.runs.values() if run.priced_as), None):
        yield Text(f"dollars by the prices of {region}", style="dim")


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=done, width=_BAR)


def _at(row: RuleRow) -> Text:
    parts = [
        Text(f"{count:,} {what}", style=style)
        for count, what, style in (
            (row.running, "running", "green"),
            (row.queued, "queued", "yellow"),
            (row.failed, "failed", "red"),
        )
        if count
    ]
    return Text(", ").join(parts)


def _runs(board: Board) -> Iterator[Text]:
    runs = [run for run in board.runs.values() if not run.is_over]
    if len(runs) > _RUNS:
        counts = Counter(run.status for run in runs)
        told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        yield Text(f"{len(runs)} runs: {told}", style="dim")
        return
    for run in runs:
        yield Text(
            f"run {run.run} {run.status}  {run.page or ''}".rstrip(),
            style="dim",
            no_wrap=True,
            overflow="ellipsis",
        )


def _later(board: Board) -> Iterator[Text]:
    if all(run.is_over for run in board.runs.values()):
        return  # it is now
    reasons = sorted(board.later.items(), key=lambda item: -item[1])
    for reason, count in reasons[:_REASONS]:
        text = f"later: {count:,}, {reason}"
        yield Text(text, style="dim", no_wrap=True, overflow="ellipsis")
    if rest := sum(count for _, count in reasons[_REASONS:]):
        yield Text(f"later: {rest:,} for other reasons", style="dim")
