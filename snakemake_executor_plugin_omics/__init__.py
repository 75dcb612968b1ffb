"""The name by which Snakemake finds the plugin; all code is in `snakemake_executor_omics`.

Every `snakemake` command imports this, whichever executor it uses, with whatever version of
Snakemake is there: so the executor, and boto3 with it, is imported only when a workflow uses it.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cache
from typing import Any

from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor

from snakemake_executor_omics.settings import declared
from snakemake_executor_omics.settings.declared import common_settings
from snakemake_executor_omics.versions import SUPPORTED, is_supported, requirement

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


@dataclass
class ExecutorSettings(declared.ExecutorSettings):
    """The settings. Snakemake makes them for each command of this executor, a dry run too."""

    def __post_init__(self) -> None:
        from snakemake import __version__

        if is_supported(__version__):
            from snakemake_executor_omics.doctor.dry_run import tell_dry_runs

            tell_dry_runs(self)


class Executor(AbstractExecutor):
    """Becomes the executor once Snakemake makes one."""

    def __new__(cls, workflow: Any, logger: Any) -> Any:
        """The executor itself.

        Raises:
            ApiError: with a version of Snakemake that the plugin does not know.
        """
        refuse_other_snakemakes()
        if _executor.cache_info().currsize:
            gc.unfreeze()  # of many workflows in one process the first is garbage by now
        return _executor()(workflow, logger)


@cache
def _executor() -> Any:
    """Load it. The collector of garbage leaves alone what is there then: it stays in most cases."""
    collects = gc.isenabled()
    gc.disable()
    try:
        from snakemake_executor_omics.executor import Executor
    finally:
        gc.freeze()
        if collects:
            gc.enable()
    return Executor


def refuse_other_snakemakes() -> None:
    """Say in one line that this version of Snakemake is too old or too new."""
    from snakemake import __version__

    if not is_supported(__version__):
        first, end = SUPPORTED
        raise ApiError(
            f"snakemake-executor-plugin-omics works with Snakemake {first} and later, but before "
            f"{end}; this is {__version__}: install '{requirement()}'"
        )
