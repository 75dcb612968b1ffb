"""The name by which Snakemake finds the logger plugin; its code is in `snakemake_executor_omics`.

Every `snakemake` command imports this: what draws is imported only with `--logger omics`.
"""

from __future__ import annotations

from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase

__all__ = ["LogHandler"]


class LogHandler(LogHandlerBase):
    """Becomes the handler once Snakemake makes one."""

    def __new__(cls, common_settings: Any, settings: Any) -> Any:
        from snakemake_executor_omics.display.handler import LogHandler as real

        return real(common_settings, settings)

    def emit(self, record: LogRecord) -> None:
        raise NotImplementedError

    writes_to_stream = writes_to_file = has_filter = has_formatter = needs_rulegraph = property(
        lambda self: False
    )
