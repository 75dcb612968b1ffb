"""The identity of jobs and groups."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from snakemake_executor_omics.graph.units import job_key


def _job(patterns: list[str], wildcards: dict[str, str]) -> Any:
    return SimpleNamespace(
        is_group=lambda: False,
        rule=SimpleNamespace(name="align", output=patterns),
        wildcards_dict=wildcards,
        output=[pattern.format(**wildcards) for pattern in patterns],
    )


def test_wildcards_are_in_the_order_of_the_outputs_whichever_was_asked_for() -> None:
    patterns = ["{sample}/{lane}.bam", "{lane}/{sample}.log"]
    one = job_key(_job(patterns, {"sample": "S1", "lane": "l2"}))
    other = job_key(_job(patterns, {"lane": "l2", "sample": "S1"}))
    assert one.wildcards == (("sample", "S1"), ("lane", "l2"))
    assert one == other


def test_a_group_has_the_wildcards_that_its_jobs_share() -> None:
    jobs = [
        _job(["{sample}/{lane}.bam"], {"sample": "S1", "lane": "l1"}),
        _job(["{sample}/{lane}.bam"], {"sample": "S1", "lane": "l2"}),
        _job(["all.txt"], {}),
    ]
    group = SimpleNamespace(is_group=lambda: True, jobs=jobs)
    assert job_key(group).wildcards == (("sample", "S1"),)
