"""Who needs a temporary file, told from Snakemake's real graph."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, OutputSettings, ResourceSettings, StorageSettings

from snakemake_executor_omics.graph.temporary import readers_of
from snakemake_executor_omics.graph.units import job_key

SNAKEFILE = """
rule all:
    input: "end.txt", "asked.txt"
rule make:
    input: "data.txt"
    output: temp("one.txt"), temp(directory("folder")), temp("unread.txt"), "kept.txt",
        temp(touch("touched.txt")), temp("asked.txt"), temp("called.txt")
    shell: "true"
rule left:
    input: "one.txt", "folder", "touched.txt"
    output: "left.txt"
    shell: "true"
rule right:
    input: "one.txt", temp("called.txt")
    output: "right.txt"
    shell: "true"
rule end:
    input: "left.txt", "right.txt", "kept.txt"
    output: "end.txt"
    shell: "true"
"""
CHECKPOINT = """
checkpoint decide:
    output: "decided.txt"
    shell: "true"
"""


@contextmanager
def graph(
    folder: Path, snakefile: str = SNAKEFILE, *targets: str, notemp: bool = False
) -> Iterator[dict[str, Any]]:
    """The jobs of a workflow that is about to run, by rule."""
    (folder / "Snakefile").write_text(snakefile)
    (folder / "data.txt").write_text("data\n")
    with pytest.MonkeyPatch.context() as patch, SnakemakeApi(OutputSettings(dryrun=True)) as api:
        patch.chdir(folder)
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            storage_settings=StorageSettings(notemp=notemp),
            snakefile=folder / "Snakefile",
        )
        with contextlib.redirect_stdout(io.StringIO()):
            workflow_api.dag(DAGSettings(targets=set(targets))).printrulegraph()
        yield {job.rule.name: job for job in workflow_api._workflow.dag.jobs}


def read(jobs: dict[str, Any], *, without: str | None = None) -> dict[str, list[str] | None]:
    """The rules that need each output of `make`; the job of one rule is not to run."""
    units = {job: job_key(job) for name, job in jobs.items() if name != without}
    make = jobs["make"]
    found = readers_of(make, job_key(make), units)
    return {
        path: sorted(key.rule for key in found[path]) if path in found else None
        for path in map(str, make.output)
    }


def test_the_readers_of_a_temporary_file_are_told_where_nobody_else_needs_it(
    tmp_path: Path,
) -> None:
    with graph(tmp_path) as jobs:
        assert read(jobs) == {
            "one.txt": ["left", "right"],
            "folder": ["left"],
            "unread.txt": [],
            "kept.txt": None,
            "touched.txt": None,  # Snakemake makes it itself
            "asked.txt": None,  # a target
            "called.txt": None,  # its reader calls it temporary, and Snakemake asks for its size
        }
        assert read(jobs, without="right")["one.txt"] is None


@pytest.mark.parametrize(
    ("targets", "notemp"), [(["all", "one.txt"], False), (["make"], False), (["all"], True)]
)
def test_a_file_that_the_user_wants_is_not_for_jobs_alone(
    tmp_path: Path, targets: list[str], notemp: bool
) -> None:
    with graph(tmp_path, SNAKEFILE, *targets, notemp=notemp) as jobs:
        assert read(jobs)["one.txt"] is None


def test_while_a_checkpoint_may_add_jobs_nobody_knows_all_readers(tmp_path: Path) -> None:
    text = SNAKEFILE.replace('"asked.txt"\nrule make', '"asked.txt", "decided.txt"\nrule make')
    with graph(tmp_path, text + CHECKPOINT) as jobs:
        assert set(read(jobs).values()) == {None}


PIPED = """
rule read:
    input: "stream"
    output: "read.txt"
    container: "docker://alpine"
    shell: "true"
rule make:
    output: pipe("stream"), "kept.txt"
    container: "docker://debian"
    shell: "true"
"""


@pytest.mark.parametrize("notemp", [False, True])
def test_what_a_pipe_holds_is_for_its_reader_alone(tmp_path: Path, notemp: bool) -> None:
    with graph(tmp_path, PIPED, notemp=notemp) as jobs:
        assert read(jobs) == {"stream": ["read"], "kept.txt": None}
