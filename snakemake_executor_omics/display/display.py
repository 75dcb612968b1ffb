"""What Snakemake's log tells, as a calm board on a terminal or as few lines elsewhere.

Snakemake writes some ten lines of each job, and all of it is in its own log file as well. Here a
job is a number on the board, or nothing; what went wrong and what people are to know is written as
Snakemake writes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import LogRecord

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text
from snakemake.logging import get_event
from snakemake_interface_logger_plugins.common import LogEvent

from ..log import FACT, Later, RunProgress
from ..terminal import give_back, take
from .board import Board
from .drawing import drawn

# What tells of single jobs: by its event, or by how its text begins.
_OF_JOBS = {
    LogEvent.JOB_INFO,
    LogEvent.GROUP_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.PROGRESS,
    LogEvent.RESOURCES_INFO,
}
_CHATTER = ("Select jobs to execute", "Removing temporary output", "Storing output in storage")
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
_PER_SECOND = 4  # drawings
_TENTHS = 10  # of the workflow, each worth a line in a log


@dataclass
class Display:
    """`text_of` gives a record's text as Snakemake formats it; `is_drawn` on a terminal.

    With `tells_jobs` what tells of single jobs is written too: a dry run has nothing else to say.
    """

    console: Console
    text_of: Callable[[LogRecord], str | None]
    is_drawn: bool
    tells_jobs: bool = False
    clock: Callable[[], float] = time.monotonic
    _board: Board = field(default_factory=Board)
    _live: Live | None = None
    _tenths: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def take_in(self, record: LogRecord) -> None:
        """Learn from a record, and write it if it is worth it."""
        event = get_event(record)
        self._learn(event, record)
        fact = getattr(record, FACT, None)
        if self.is_drawn:
            if event == LogEvent.JOB_STARTED or fact is not None:
                self._draw()
            if event == LogEvent.RUN_INFO or isinstance(fact, RunProgress):
                return  # it is on the board
        elif event == LogEvent.PROGRESS and not self.tells_jobs:
            self._write_tenth(record)
        is_of_jobs = event in _OF_JOBS or str(record.msg).startswith(_CHATTER)
        if self.tells_jobs or not is_of_jobs:
            self._write(record)

    def close(self) -> None:
        """Leave the last drawing where it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            give_back()

    def _learn(self, event: LogEvent | None, record: LogRecord) -> None:
        board, said = self._board, record.__dict__
        match event:
            case LogEvent.RUN_INFO:
                stats = said.get("stats") or {}
                board.plan({rule: jobs for rule, jobs in stats.items() if rule != "total"})
            case LogEvent.JOB_INFO:
                board.start(said["jobid"], said["rule_name"], here=bool(said.get("local")))
            case LogEvent.JOB_FINISHED:
                board.finish(said["job_id"])
            case LogEvent.JOB_ERROR:
                board.fail(said["jobid"])
        match said.get(FACT):
            case RunProgress() as run:
                board.hear(run)
            case Later(jobs):
                board.later = jobs

    def _write(self, record: LogRecord) -> None:
        text = self.text_of(record)
        if text and text != "None":  # what Snakemake's formatter makes of nothing
            self.console.print(Text(text, style=_STYLES.get(record.levelname, "")))

    def _write_tenth(self, record: LogRecord) -> None:
        """Snakemake tells after each job how many are done: a line for each tenth of them."""
        done, total = record.__dict__["done"], record.__dict__["total"]
        tenths = _TENTHS * done // max(total, 1)
        if tenths > self._tenths:
            self._tenths = tenths
            self._write(record)

    def _draw(self) -> None:
        if self._live is None and take():
            self._live = Live(
                get_renderable=self._drawn,
                console=self.console,
                refresh_per_second=_PER_SECOND,
            )
            self._live.start()
            self.console.show_cursor(True)  # should this process be killed

    def _drawn(self) -> RenderableType:
        return drawn(self._board, self.clock() - self._began, self.console.height)
