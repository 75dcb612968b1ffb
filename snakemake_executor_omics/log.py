"""Where the plugin says what it does: Snakemake's logger is one."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """Takes lines for people."""

    def info(self, message: str, /) -> Any: ...

    def warning(self, message: str, /) -> Any: ...

    def error(self, message: str, /) -> Any: ...
