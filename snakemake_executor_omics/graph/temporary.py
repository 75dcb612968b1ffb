"""Which results Snakemake removes by itself when the jobs that read them are done: `temp()`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakemake.io import is_flagged

from ..model import JobKey

Job = Any  # Snakemake's jobs and files carry no types
File = Any

# What Snakemake makes, changes or connects itself.
_ITS_OWN = ("touch", "update", "pipe", "service")


def readers_of(
    file: File, job: Job, key: JobKey, units: Mapping[Job, JobKey]
) -> set[JobKey] | None:
    """The units that need a temporary output of `job`, which belongs to the unit `key`.

    None where it is not temporary, or where somebody else may need it: the user, who asked for
    it, Snakemake's cache, or a job that is not in the graph yet. `units` has the key of each job
    that is to run. As `DAG.handle_temp` decides it.
    """
    dag, workflow = job.dag, job.rule.workflow
    if (
        not is_flagged(file, "temp")
        or any(is_flagged(file, flag) for flag in _ITS_OWN)
        or workflow.storage_settings.notemp
        or getattr(job.rule.cache, "output", False)
        or file in dag.derived_targetfiles  # also those that the user named
        or job in dag.targetjobs
        or dag.checkpoint_jobs
        or dag.has_unfinished_queue_input_jobs()
    ):
        return None
    found: set[JobKey] = set()
    for other, files in dag.depending[job].items():
        if file not in files or not dag.needrun(other) or dag.finished(other):
            continue
        # Snakemake's scheduler asks for the size of an input that its job calls temporary.
        if other not in units or any(is_flagged(f, "temp") for f in files if f == file):
            return None
        found.add(units[other])
    return found - {key}
