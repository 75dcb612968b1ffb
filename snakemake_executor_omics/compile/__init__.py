"""From a wave of tasks to a workflow definition, without a service and without Snakemake."""

from .bundle import WORKFLOW, check_parameters, compile_wave
from .names import parameter_name, task_name
from .render import script_source

__all__ = [
    "WORKFLOW",
    "check_parameters",
    "compile_wave",
    "parameter_name",
    "script_source",
    "task_name",
]
