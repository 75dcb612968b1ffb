"""What a job reads of the jobs above it without declaring it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from snakemake_executor_omics.graph.undeclared import MOST_ABOVE, Reads, not_gathered


@dataclass(eq=False)
class Dag:
    dependencies: dict[Job, list[Job]] = field(default_factory=dict)


@dataclass(eq=False)
class Job:
    dag: Dag
    is_shell: bool = True


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
