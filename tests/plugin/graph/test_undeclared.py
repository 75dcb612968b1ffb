"""What a job reads of the jobs above it without declaring it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.io import AnnotatedString, flag

from snakemake_executor_omics.graph.undeclared import (
    MOST_ABOVE,
    Reads,
    not_gathered,
    removed_before,
)


@dataclass(eq=False)
class Dag:
    dependencies: dict[Job, list[Job]] = field(default_factory=dict)
    depending: dict[Job, dict[Job, list[str]]] = field(default_factory=dict)


@dataclass(eq=False)
class Job:
    dag: Dag
    is_shell: bool = True
    output: list[str] = field(default_factory=list)
    rule: Any = None


@pytest.mark.parametrize(("above", "told"), [(MOST_ABOVE, []), (MOST_ABOVE + 1, ["results/qc"])])
def test_folders_below_too_many_jobs_are_named(tmp_path: Path, above: int, told: list[str]) -> None:
    (tmp_path / "results/qc").mkdir(parents=True)
    dag = Dag()
    jobs = [Job(dag) for _ in range(above)]
    reader = Job(dag)
    dag.dependencies = {reader: jobs, **{job: [] for job in jobs}}
    made_in = {"results", "results/qc"}
    for text, expected in (("multiqc results/qc", told), ("cat declared.txt", [])):
        reads = Reads.of_text(reader, text, set(), made_in, tmp_path)
        assert not_gathered(reader, reads) == expected


@pytest.mark.parametrize(
    ("temp", "notemp", "read_below", "gone"),
    [
        (True, False, False, ["a.txt"]),
        (False, False, False, []),
        (True, True, False, []),  # --notemp
        (True, False, True, []),  # another job may still wait to read it
    ],
)
def test_a_temporary_result_is_gone_once_all_that_declare_it_are_done(
    tmp_path: Path, temp: bool, notemp: bool, read_below: bool, gone: list[str]
) -> None:
    """`run: if os.path.exists("a.txt")` in a last job: its task must not have it either."""
    dag = Dag()
    settings = SimpleNamespace(storage_settings=SimpleNamespace(notemp=notemp))
    rule = SimpleNamespace(name="rule", workflow=settings)
    made = flag(AnnotatedString("a.txt"), "temp") if temp else AnnotatedString("a.txt")
    maker, reader, last = (Job(dag, output=o, rule=rule) for o in ([made], ["b.txt"], []))
    dag.dependencies = {maker: [], reader: [maker], last: [reader]}
    dag.depending = {maker: {reader: [made]}, reader: {last: ["b.txt"]}}
    if read_below:
        dag.depending[maker][Job(dag, rule=rule)] = [made]
    assert list(removed_before(last, {"a.txt"}, tmp_path)) == gone
