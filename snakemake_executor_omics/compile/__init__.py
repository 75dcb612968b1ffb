"""From a wave of tasks to a workflow definition, without a service and without Snakemake."""

from .bundle import WORKFLOW, WORKFLOW_FILE, compile_wave, spill
from .jobs import JOBS_FILE, jobs_of, named_jobs
from .names import names_of, parameter_name, task_name
from .render import python_source

__all__ = [
    "JOBS_FILE",
    "WORKFLOW",
    "WORKFLOW_FILE",
    "compile_wave",
    "jobs_of",
    "named_jobs",
    "names_of",
    "parameter_name",
    "python_source",
    "spill",
    "task_name",
]
