"""Results of Snakemake's cache between workflows are fetched before a run and stored after it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from snakemake_executor_omics.graph import output_cache
from snakemake_executor_omics.graph.output_cache import OutputCache
from snakemake_executor_omics.model import JobKey


class _Job:
    def __init__(self, name: str, is_cached: bool) -> None:
        self.name = name
        self.rule = SimpleNamespace(cache=SimpleNamespace(output=is_cached))


class _Project:
    """A chain of jobs, the cache that `has` the results of some, and what is done to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, has: set[str], cached: set[str]) -> None:
        self.fetched: list[str] = []
        self.stored: list[str] = []
        self.jobs = [_Job(name, name in cached) for name in "abc"]
        self.workflow = SimpleNamespace(
            workflow_settings=SimpleNamespace(cache=["a"]),
            dag=SimpleNamespace(
                needrun_jobs=lambda: reversed(self.jobs),
                toposorted=lambda jobs: [[job] for job in self.jobs if job in jobs],
            ),
        )

        async def fetch(job: _Job) -> bool:
            self.fetched.append(job.name)
            return job.name in has

        async def is_there(job: _Job) -> bool:
            return job.name in has

        async def store(job: _Job) -> None:
            self.stored.append(job.name)

        monkeypatch.setattr(output_cache, "fetch_from_cache", fetch)
        monkeypatch.setattr(output_cache, "is_in_cache", is_there)
        monkeypatch.setattr(output_cache, "store_in_cache", store)
        monkeypatch.setattr(output_cache, "job_key", _key)


def _key(job: _Job) -> JobKey:
    return JobKey(job.name, (), ())


def test_results_that_the_cache_has_are_fetched_once_producers_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = _Project(monkeypatch, has={"a", "b"}, cached={"a", "b", "c"})
    cache = OutputCache(project.workflow)
    assert asyncio.run(cache.fetch()) == 2
    assert asyncio.run(cache.fetch()) == 0
    assert project.fetched == ["a", "b", "c"]
    assert [cache.has(_key(job)) for job in project.jobs] == [True, True, False]


def test_what_could_be_fetched_is_told_without_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    project = _Project(monkeypatch, has={"a", "c"}, cached={"a", "b"})
    found = asyncio.run(OutputCache(project.workflow).there())
    assert found == {_key(project.jobs[0])}
    assert project.fetched == []


def test_only_rules_that_say_so_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    project = _Project(monkeypatch, has={"a", "b"}, cached={"b"})
    assert asyncio.run(OutputCache(project.workflow).fetch()) == 1
    assert project.fetched == ["b"]


def test_without_the_option_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    project = _Project(monkeypatch, has={"a"}, cached={"a"})
    project.workflow.workflow_settings.cache = None
    cache = OutputCache(project.workflow)
    assert asyncio.run(cache.fetch()) == 0
    asyncio.run(cache.store(project.jobs[0]))
    assert project.fetched == project.stored == []


def test_new_results_are_stored_and_fetched_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    project = _Project(monkeypatch, has={"a"}, cached={"a", "b"})
    cache = OutputCache(project.workflow)
    asyncio.run(cache.fetch())
    for job in project.jobs:
        asyncio.run(cache.store(job))
    assert project.stored == ["b"]
