"""Run Snakemake workflows on AWS HealthOmics: one run for the whole job graph.

Nothing in here is an interface for other programs but the version; Snakemake comes in through
`snakemake_executor_plugin_omics`, people through `snakemake-omics`.
"""

from importlib.metadata import version

__version__ = version("snakemake-executor-plugin-omics")

__all__ = ["__version__"]
