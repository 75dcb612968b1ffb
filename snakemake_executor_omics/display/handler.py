"""Snakemake's logger plugin `omics`: a display that takes in the records of its log."""

from __future__ import annotations

from logging import LogRecord

from rich.console import Console
from snakemake.logging import is_quiet_about
from snakemake_interface_logger_plugins.base import LogHandlerBase

from .display import Display


class LogHandler(LogHandlerBase):
    """Is called with one record after the other, in a thread of its own."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        console = Console(
            stderr=not settings.stdout,
            no_color=settings.nocolor or None,
            highlight=False,
            soft_wrap=True,
        )
        self._display = Display(
            console,
            self.format,
            is_drawn=console.is_terminal
            and not console.is_dumb_terminal
            and not settings.dryrun
            and not is_quiet_about(settings.quiet or (), "progress"),
            tells_jobs=settings.dryrun,
        )

    def emit(self, record: LogRecord) -> None:
        try:
            self._display.take_in(record)
        except Exception:  # as every handler of `logging` has to
            self.handleError(record)

    def close(self) -> None:
        self._display.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return False  # Snakemake's own, which knows --quiet and --printshellcmds

    @property
    def has_formatter(self) -> bool:
        return False

    @property
    def needs_rulegraph(self) -> bool:
        return False
