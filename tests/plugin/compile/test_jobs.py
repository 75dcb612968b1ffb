"""Which job each task is: told in few words, and known again as it was."""

from __future__ import annotations

import json

import pytest

from snakemake_executor_omics.compile import JOBS_FILE, WORKFLOW_FILE, compile_wave, jobs_of
from snakemake_executor_omics.compile.jobs import named_jobs
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task, Wave


def _task(rule: str, output: str, *inputs: FileRef, logs: tuple[str, ...] = ()) -> Task:
    step = Step(
        key=JobKey(rule, (("s", output),), (output,)),
        command="task t {\n  call none\n",
        outputs=(OutputFile(output),),
        logs=logs,
    )
    return Task(key=step.key, layers=((step,),), inputs=inputs, container="debian:12")


ALIGN = _task("align", "a.bam", FileRef("genome.fa"), FileRef("a.fq"), logs=("a.log",))
SORT = _task("sort", "a.sorted.bam", FileRef("a.bam", ALIGN.key))
GATHER = _task("gather", "all.txt", FileRef("a.sorted.bam", SORT.key), FileRef("a.bam", ALIGN.key))
# It reads what was there before the run of the job that makes it anew.
BEFORE = _task("count", "before.txt", FileRef("a.bam"))
GROUP = Task(
    key=JobKey("group_align_sort", (), ("a.bam", "a.sorted.bam")),
    layers=((ALIGN.steps[0],), (SORT.steps[0],)),
    container="debian:12",
)


@pytest.mark.parametrize(
    "wave",
    [
        Wave(()),
        Wave((ALIGN, SORT, GATHER)),
        Wave((ALIGN, BEFORE)),
        Wave((GROUP,)),
        Wave((ALIGN, SORT, GATHER), ((ALIGN.key, SORT.key),)),
    ],
    ids=["none", "chain", "read before", "group", "pack"],
)
def test_what_is_told_of_jobs_is_known_from_the_definition(wave: Wave) -> None:
    files = compile_wave(wave).files
    assert named_jobs(files[JOBS_FILE], lambda: files[WORKFLOW_FILE]) == jobs_of(wave)


def test_the_file_of_an_older_version_is_read_without_the_workflow() -> None:
    told = jobs_of(Wave((ALIGN,)))
    assert named_jobs(json.dumps(told), lambda: pytest.fail("it is read")) == told


def test_names_of_tasks_are_those_of_the_workflow_alone() -> None:
    text = compile_wave(Wave((ALIGN, SORT, GATHER))).files[JOBS_FILE]
    assert len(json.loads(text)) == 3
    assert not [name for name in jobs_of(Wave((ALIGN, SORT, GATHER))) if name in text]
