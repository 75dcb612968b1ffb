"""Which results Snakemake removes by itself when the jobs that read them are done: `temp()`, and
`pipe()` where it is a file between two tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakemake.io import is_flagged

from ..model import JobKey

Job = Any  # Snakemake's jobs carry no types

# What Snakemake makes, changes or connects itself.
_ITS_OWN = ("touch", "update", "pipe", "service")


def readers_of(job: Job, key: JobKey, units: Mapping[Job, JobKey]) -> dict[str, set[JobKey]]:
    """The units that need each temporary output of `job`, which belongs to the unit `key`.

    Those are left out that somebody else may need: the user, who asked for them, Snakemake's
    cache, or a job that is not in the graph yet. `units` has the key of each job that is to run.
    As `DAG.handle_temp` decides it.
    """
    dag, workflow = job.dag, job.rule.workflow
    pipes: dict[str, set[JobKey]] = {
        str(file): {units[other] for other, files in dag.depending[job].items() if file in files}
        for file in job.output
        if is_flagged(file, "pipe")  # which has one reader, and is never there for another
    }
    if (
        workflow.storage_settings.notemp
        or getattr(job.rule.cache, "output", False)
        or job in dag.targetjobs
        or dag.checkpoint_jobs
        or dag.has_unfinished_queue_input_jobs()
    ):
        return pipes
    found: dict[str, set[JobKey]] = {
        str(file): set()
        for file in job.output
        if is_flagged(file, "temp")
        and not any(is_flagged(file, flag) for flag in _ITS_OWN)
        and file not in dag.derived_targetfiles  # also those that the user named
    }
    for other, files in dag.depending[job].items() if found else ():
        if not dag.needrun(other) or dag.finished(other):
            continue
        for file in files:
            # Snakemake's scheduler asks for the size of an input that its job calls temporary.
            if other not in units or is_flagged(file, "temp"):
                found.pop(str(file), None)
            elif str(file) in found and units[other] != key:
                found[str(file)].add(units[other])
    return found | pipes
