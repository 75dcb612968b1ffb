"""The module name by which Snakemake finds executor plugins; all code is in the package it names."""

from snakemake_executor_omics.executor import Executor, common_settings
from snakemake_executor_omics.settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
