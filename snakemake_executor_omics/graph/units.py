"""Snakemake's jobs, and groups of them that go into one task: who they are, by stable keys."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from snakemake.io import WILDCARD_REGEX

from ..model import JobKey
from .internals import line_of

Job = Any  # Snakemake's jobs carry no types
Unit = Any  # a job, or a group of jobs that go into one task


def members(unit: Unit) -> list[Job]:
    """The jobs of a unit, in a stable order."""
    return sorted(unit.jobs, key=job_key) if unit.is_group() else [unit]


def job_key(unit: Unit) -> JobKey:
    """The identity of a Snakemake job, or of a group of jobs."""
    if unit.is_group():
        # Snakemake names some groups at random.
        rules = "_".join(sorted({job.rule.name for job in unit.jobs}))
        outputs = sorted(str(path) for job in unit.jobs for path in job.output)
        return JobKey(f"group_{rules}", _shared_wildcards(unit.jobs), tuple(outputs))
    values = unit.wildcards_dict
    order = _wildcards_of(tuple(map(str, unit.rule.output)))
    return JobKey(
        rule=unit.rule.name,
        wildcards=tuple((name, str(values[name])) for name in order if name in values),
        outputs=tuple(str(path) for path in unit.output),
    )


@lru_cache(maxsize=10_000)
def _wildcards_of(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The wildcards' names in the order of a rule's outputs.

    A job has them in the order of the output that was asked for first.
    """
    return tuple(
        dict.fromkeys(match["name"] for match in WILDCARD_REGEX.finditer("\n".join(patterns)))
    )


def _shared_wildcards(jobs: Iterable[Job]) -> tuple[tuple[str, str], ...]:
    """The wildcards that have one value in all jobs of a group that have them."""
    values: dict[str, set[str]] = {}
    for job in jobs:
        for name, value in job.wildcards_dict.items():
            values.setdefault(name, set()).add(str(value))
    return tuple((name, min(found)) for name, found in sorted(values.items()) if len(found) == 1)


def place_of(rule: Any) -> str:
    """Where a rule is defined, for people."""
    file = str(rule.snakefile)
    inside = os.path.relpath(file) if os.path.isabs(file) else file
    return f"{file if inside.startswith('..') else inside}, line {line_of(rule)}"
