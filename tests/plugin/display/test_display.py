"""What is written of Snakemake's log on a terminal, and what elsewhere."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from rich.console import Console
from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_executor_omics import terminal
from snakemake_executor_omics.display.display import Display
from snakemake_executor_omics.log import FACT, Later, RunProgress
from snakemake_executor_omics.model import JobState


def record(text: str = "", level: int = logging.INFO, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "levelno": level,
                                  "levelname": logging.getLevelName(level), **more})  # fmt: skip


PLAN = record("Job stats: …", event=LogEvent.RUN_INFO, stats={"align": 40, "all": 1, "total": 41})
RUNNING = RunProgress("77", "RUNNING", {"align": {JobState.DONE: 12, JobState.RUNNING: 3}})


def progress(done: int) -> logging.LogRecord:
    return record(event=LogEvent.PROGRESS, done=done, total=40)


class Screen:
    """A display, and what is on it."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.file = io.StringIO()
        console = Console(
            file=self.file, width=90, height=24, force_terminal=is_terminal, soft_wrap=True,
            _environ={"TERM": "xterm"},
        )  # fmt: skip
        self.display = Display(console, DefaultFormatter().format, is_terminal, clock=lambda: 0.0)

    def take_in(self, *records: logging.LogRecord) -> str:
        for one in records:
            self.display.take_in(one)
        self.display.close()
        return self.file.getvalue()


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen(is_terminal=True)
    yield made
    made.display.close()


def test_a_terminal_shows_the_rules_of_a_run(screen: Screen) -> None:
    shown = screen.take_in(PLAN, record("omics: run 77 …", **{FACT: RUNNING}))
    assert "12 of 40" in shown
    assert "3 running" in shown
    assert "run 77 RUNNING" in shown
    assert "omics: run 77 …" not in shown
    assert "Job stats" not in shown


def test_what_the_runs_cost_so_far_is_their_sum(screen: Screen) -> None:
    runs = [RunProgress(name, "RUNNING", {}, "https://…", dollars=1.25) for name in "ab"]
    shown = screen.take_in(*(record(**{FACT: run}) for run in runs))
    assert "about $2.50 of instances so far" in shown


def test_what_runs_cost_says_whose_prices_stand_for_unknown_ones(screen: Screen) -> None:
    run = RunProgress("a", "RUNNING", {}, "https://…", dollars=1.25, priced_as="us-east-1")
    assert "dollars by the prices of us-east-1" in screen.take_in(record(**{FACT: run}))


def test_jobs_that_come_later_are_told_with_their_reason(screen: Screen) -> None:
    later = record("omics: …", **{FACT: Later({"local rule all runs here": 1})})
    shown = screen.take_in(PLAN, record(**{FACT: RUNNING}), later)
    assert "later: 1, local rule all runs here" in shown


def test_what_went_wrong_is_written_above(screen: Screen) -> None:
    shown = screen.take_in(PLAN, record(**{FACT: RUNNING}), record("it broke", logging.ERROR))
    assert "it broke" in shown


def test_markup_in_names_is_text(screen: Screen) -> None:
    odd = RunProgress("7", "RUNNING", {"[red]rule": {JobState.DONE: 1}})
    assert "[red]rule" in screen.take_in(record(**{FACT: odd}), record("[bold]see[/bold]"))


def test_files_are_told_in_lines_while_the_board_is_drawn(screen: Screen) -> None:
    screen.display.take_in(record(**{FACT: RUNNING}))
    assert not terminal.take()
    screen.display.close()
    assert terminal.take()
    terminal.give_back()


def test_a_log_has_a_line_for_each_tenth_of_the_jobs() -> None:
    written = Screen(is_terminal=False).take_in(PLAN, *map(progress, range(1, 41)))
    assert "Job stats" in written
    assert len([line for line in written.splitlines() if "steps" in line]) == 10


def test_a_log_has_nothing_of_single_jobs_but_their_failures() -> None:
    info = {"jobid": 1, "rule_name": "align", "local": False}
    written = Screen(is_terminal=False).take_in(
        record(event=LogEvent.JOB_INFO, **info),
        record("Select jobs to execute..."),
        record("Removing temporary output x.bam."),
        record("omics: run 77 RUNNING", **{FACT: RUNNING}),
    )
    assert written == "omics: run 77 RUNNING\n"


def test_a_dry_run_tells_every_job() -> None:
    file = io.StringIO()
    display = Display(Console(file=file), lambda record: str(record.msg), False, tells_jobs=True)
    display.take_in(record("rule align", event=LogEvent.JOB_INFO, jobid=1, rule_name="align"))
    display.take_in(record("1 of 1 steps", event=LogEvent.PROGRESS, done=1, total=1))
    assert file.getvalue() == "rule align\n1 of 1 steps\n"
