"""Run Snakemake workflows on AWS HealthOmics: one run for the whole job graph.

Nothing in here is an interface for other programs but the version; Snakemake comes in through
`snakemake_executor_plugin_omics`, people through `snakemake-omics`.
"""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    # Every `snakemake` command imports this package: the installed metadata is read when asked for.
    if name == "__version__":
        from importlib.metadata import version

        return version("snakemake-executor-plugin-omics")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
