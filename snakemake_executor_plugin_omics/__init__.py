"""The name by which Snakemake finds the plugin; all code is in `snakemake_executor_omics`."""

from snakemake_executor_omics.executor import Executor, common_settings
from snakemake_executor_omics.settings.declared import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
