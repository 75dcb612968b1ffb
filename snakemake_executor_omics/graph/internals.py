"""Give jobs back to Snakemake's scheduler, all at once: the one place that uses its private parts.

Its interface takes one failed job after another, and acts on the first before it hears of the
second: a run for each retry would come of that. And it has no call for a job that did not fail but
was stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def give_back(workflow: Any, failed: Iterable[Any], stopped: Iterable[Any]) -> None:
    """Let Snakemake retry or give up the jobs that failed; what was stopped is ready again."""
    scheduler = workflow.scheduler
    with scheduler._lock:
        scheduler._toerror.extend(failed)
        for job in stopped:
            scheduler.running.remove(job)
            scheduler._free_resources(job)
            workflow.dag._ready_jobs.add(job)
    scheduler._open_jobs.release()
