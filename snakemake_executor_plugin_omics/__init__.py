"""The name by which Snakemake finds the plugin; all code is in `snakemake_executor_omics`.

Every `snakemake` command imports this, whichever executor it uses, with whatever version of
Snakemake is there: so the executor, and boto3 with it, is imported only when a workflow uses it.
"""

from __future__ import annotations

import re
from typing import Any

from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor

from snakemake_executor_omics.settings.declared import ExecutorSettings, common_settings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

# Of Snakemake, as in pyproject.toml: from the first version up to, but not with, the second.
SUPPORTED = ("9.18.1", "10")


class Executor(AbstractExecutor):
    """Becomes the executor once Snakemake makes one."""

    def __new__(cls, workflow: Any, logger: Any) -> Any:
        """The executor itself.

        Raises:
            ApiError: with a version of Snakemake that the plugin does not know.
        """
        refuse_other_snakemakes()
        from snakemake_executor_omics.executor import Executor as real

        return real(workflow, logger)


def refuse_other_snakemakes() -> None:
    """Say in one line that this version of Snakemake is too old or too new."""
    from snakemake import __version__

    first, end = SUPPORTED
    if not _numbers(first) <= _numbers(__version__) < _numbers(end):
        raise ApiError(
            f"snakemake-executor-plugin-omics works with Snakemake {first} and later, but before "
            f"{end}; this is {__version__}: install 'snakemake>={first},<{end}'"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: `9.20.0+3.gabc` is (9, 20, 0)."""
    digits = re.match(r"[\d.]*\d", version)
    return tuple(map(int, digits[0].split("."))) if digits else ()
