"""The identity of jobs and groups."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake_executor_omics.graph.inputs import _results
from snakemake_executor_omics.graph.task_settings import TaskSettings
from snakemake_executor_omics.graph.units import job_key
from snakemake_executor_omics.model import FileRef, JobKey


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


def test_results_that_a_command_names_are_those_that_are_made_or_here(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done/here.txt").touch()
    (tmp_path / "old.txt").touch()
    produced = frozenset(
        {"a.txt", "word", "done/here.txt", "old.txt", "local.txt", "index", "gone.txt"}
    )
    settings = TaskSettings(
        tmp_path, produced=produced, pending=produced - {"done/here.txt", "gone.txt"}
    )
    maker = JobKey("r", (), ("a.txt",))
    made = {
        "word": FileRef("word", maker),
        "a.txt": FileRef("a.txt", maker),
        "index": FileRef("index", maker, directory=True),
    }
    names = [
        "word",
        "a.txt",
        "index",
        "done/here.txt",
        "old.txt",
        "local.txt",
        "gone.txt",
        "data/x",
    ]
    assert list(_results(names, settings, made)) == [
        FileRef("a.txt", maker),
        FileRef("index", maker, directory=True),
        FileRef("done/here.txt"),
    ]
