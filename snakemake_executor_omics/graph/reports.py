"""Tell people and Snakemake how jobs ended, in words that are true."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..log import Log
from ..model import JobKey
from . import internals
from .output_cache import OutputCache
from .paths import project_path
from .storage import forget_absent, is_stored
from .tasks import job_key, members


def keys_of(unit: Any) -> list[JobKey]:
    """The jobs of a unit."""
    return [job_key(job) for job in members(unit)]


def units_by_key(workflow: Any) -> Mapping[JobKey, Any]:
    """The jobs and groups that need to run, by each key that a task of them may have."""
    found: dict[JobKey, Any] = {}
    for job in internals.needed_jobs(workflow):
        unit = workflow.dag.get_job_group(job) or job
        found[job_key(job)] = found[job_key(unit)] = unit
    return found


def tell_failure(job: Any, external_jobid: str | None, why: Iterable[str], log: Log) -> None:
    """As Snakemake tells of a job that failed."""
    text = "".join(why)
    if job.is_group():
        log.error(f"omics: {text}")  # Snakemake has no place for it
    told = {} if external_jobid is None else {"external_jobid": external_jobid}
    job.log_error(text, **told)


async def settle(
    dag: Any, unit: Any, cache: OutputCache, absent: Collection[str], workdir: Path
) -> None:
    """What Snakemake leaves to where a job ran, after it has succeeded.

    Results that are `absent` stayed in the run.
    """
    for job in members(unit):
        stayed = [
            file for file in job.output if project_path(file, workdir, job.rule.name) in absent
        ]
        if stayed:
            internals.finish_without(job, stayed)
        await cache.store(job)
        forget_absent(dag, job)
        # S3 has no write protection; Snakemake itself would look for a local copy.
        if not any(is_stored(file) for file in job.protected_output):
            internals.write_protect(dag, job)
