"""Snakemake's cache between workflows: `cache:` of a rule, with `--cache`.

Snakemake looks there where a job runs; a task cannot, so it is done here, before and after.
"""

from __future__ import annotations

from typing import Any

from ..model import JobKey
from .internals import fetch_from_cache, is_in_cache, store_in_cache
from .units import job_key


class OutputCache:
    """What was fetched for the jobs of one workflow."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._looked_for: set[JobKey] = set()
        self._fetched: set[JobKey] = set()

    def has(self, key: JobKey) -> bool:
        """Whether the results of a job were fetched."""
        return key in self._fetched

    async def fetch(self) -> int:
        """Fetch the results of jobs that need to run, producers first; returns of how many."""
        if self._workflow.workflow_settings.cache is None:
            return 0
        dag, before = self._workflow.dag, len(self._fetched)
        for level in dag.toposorted(set(dag.needrun_jobs())):
            for job in level:
                if not self._is_cached(job) or (key := job_key(job)) in self._looked_for:
                    continue
                self._looked_for.add(key)
                if await fetch_from_cache(job):
                    self._fetched.add(key)
        return len(self._fetched) - before

    async def there(self) -> frozenset[JobKey]:
        """The jobs that need to run, and whose results could be fetched."""
        if self._workflow.workflow_settings.cache is None:
            return frozenset()
        jobs = [job for job in self._workflow.dag.needrun_jobs() if self._is_cached(job)]
        return frozenset([job_key(job) for job in jobs if await is_in_cache(job)])

    async def store(self, job: Any) -> None:
        """Put a job's new results there."""
        if self._is_cached(job) and not self.has(job_key(job)):
            await store_in_cache(job)

    def _is_cached(self, job: Any) -> bool:
        return self._workflow.workflow_settings.cache is not None and bool(
            getattr(job.rule.cache, "output", False)
        )
