"""Tell people and Snakemake how jobs ended, in words that are true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..log import Log
from ..model import JobKey
from . import internals
from .output_cache import OutputCache
from .paths import project_path
from .storage import forget_absent, is_stored
from .units import job_key, members


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


def tell_failures(
    workflow: Any,
    failures: Mapping[JobKey, Iterable[str]],
    infos: Mapping[JobKey, Any],
    give_up: Callable[[Iterable[JobKey]], None],
    log: Log,
) -> tuple[list[Any], bool]:
    """Tell of units that failed, each with why; `infos` has those that Snakemake waits for.

    The others have not begun for it: what they need may be lost, and then it would never ask.
    `give_up` is told the jobs that it does not try again. Returns the jobs that it waits for, and
    whether it starts more: it does not after a failure for good, but with `--keep-going`.
    """
    units = {} if failures.keys() <= infos.keys() else units_by_key(workflow)
    goes_on = internals.goes_on(workflow)
    asked: list[Any] = []
    told: set[int] = set()
    for unit, why in failures.items():
        info = infos.get(unit)
        job = units.get(unit) if info is None else info.job
        if job is None or id(job) in told:
            continue  # of a group that was told, or of a graph that Snakemake has changed
        told.add(id(job))
        _tell_failure(job, info and info.external_jobid, why, log)
        if not internals.is_tried_again(job):
            give_up([job_key(job), *keys_of(job)])
            goes_on = goes_on and workflow.execution_settings.keep_going
        if info is None:
            internals.fail_before_start(workflow, job)
        else:
            asked.append(job)
    return asked, goes_on


def _tell_failure(job: Any, external_jobid: str | None, why: Iterable[str], log: Log) -> None:
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
        internals.know_environment(dag, job)
        await cache.store(job)
        forget_absent(dag, job)
        # S3 has no write protection; Snakemake itself would look for a local copy.
        if not any(is_stored(file) for file in job.protected_output):
            internals.write_protect(dag, job)
