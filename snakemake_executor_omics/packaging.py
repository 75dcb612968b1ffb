"""Compile a whole workflow to disk, without starting anything and without a service.

Builds Snakemake's graph as if nothing had been run yet, so that the bundle holds every job that
can be decided.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.resources import Resources
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    ExecutionSettings,
    GroupSettings,
    OutputSettings,
    RemoteExecutionSettings,
    ResourceSettings,
)
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from .compile import compile_wave
from .errors import CompileError, SelectionError
from .graph.selection import select
from .graph.sources import write_sources
from .graph.tasks import TaskSettings
from .runs.submission import write_definition


def package(
    snakefile: Path, directory: Path, configfiles: Sequence[Path], output: Path
) -> list[Path]:
    """Write the bundle of `snakefile` into `output`; returns the files written.

    Raises:
        OmicsError: the workflow cannot be compiled.
    """
    output, workdir = output.resolve(), directory.resolve()
    with SnakemakeApi(OutputSettings()) as api:
        try:
            workflow_api = api.workflow(
                resource_settings=ResourceSettings(
                    nodes=1, default_resources=Resources.default("full")
                ),
                config_settings=ConfigSettings(
                    configfiles=[path.resolve() for path in configfiles]
                ),
                snakefile=snakefile.resolve(),
                workdir=workdir,
            )
            workflow_api.dag(DAGSettings(forceall=True))
            workflow = workflow_api._workflow
            workflow._executor_plugin = ExecutorPluginRegistry().get_plugin("omics")
            workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
            workflow.remote_execution_settings = RemoteExecutionSettings()
            workflow.execution_settings = ExecutionSettings()
            workflow.group_settings = GroupSettings()
            workflow._build_dag()
            workflow.async_run(workflow.dag.postprocess(update_needrun=False))
        except Exception as error:
            api.print_exception(error)
            raise CompileError(f"Snakemake cannot build the graph of {snakefile}") from error
        write_sources(workflow, workdir)
        selection = select(workflow.dag, (), TaskSettings(workdir))
    if not selection.wave.tasks:
        reasons = sorted(set(selection.deferred.values()))
        raise SelectionError(
            f"{snakefile}: no job can go to HealthOmics"
            + (f": {'; '.join(reasons[:3])}" if reasons else "")
        )
    definition = compile_wave(selection.wave)
    output.mkdir(parents=True, exist_ok=True)
    written = write_definition(definition, output)
    # The files are not uploaded, so their place is left to whoever starts the workflow.
    uris = {path: ref.uri for path, ref in selection.wave.objects.items()}
    places = {name: uris.get(path, path) for name, path in sorted(definition.parameters.items())}
    parameters = output / "parameters.json"
    parameters.write_text(json.dumps(places, indent=2) + "\n")
    return [*written, parameters]
