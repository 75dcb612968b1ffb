"""Where the plugin says what it does: Snakemake's logger is one.

A line may carry the facts that it tells, for a display that draws them instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .model import JobState

FACT = "omics"  # the attribute of a log record that has them


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is: of each rule, how many jobs are in each state.

    `page` is its web page; `dollars` are what its instances cost so far, where that is known, by
    the prices of `priced_as` if those of its own region are not known.
    """

    run: str
    status: str
    jobs: Mapping[str, Mapping[JobState, int]]
    page: str | None = None
    is_over: bool = False
    dollars: float | None = None
    priced_as: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """How many jobs do not go into the runs that start now, by what they are for."""

    jobs: Mapping[str, int]


class Log(Protocol):
    """Takes lines for people."""

    def info(self, message: str, /, *, extra: Mapping[str, object] | None = None) -> Any: ...

    def warning(self, message: str, /) -> Any: ...

    def error(self, message: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class WithoutProgress:
    """A log for who does not want to hear how far runs are (`--quiet progress`)."""

    log: Log

    def info(self, message: str, /, *, extra: Mapping[str, object] | None = None) -> None:
        if not isinstance((extra or {}).get(FACT), RunProgress):
            self.log.info(message)

    def warning(self, message: str, /) -> None:
        self.log.warning(message)

    def error(self, message: str, /) -> None:
        self.log.error(message)
