"""What the folder that started a run remembers of it."""

import json
from pathlib import Path

from snakemake_executor_omics.compile import (
    JOBS_FILE,
    WORKFLOW_FILE,
    compile_wave,
    jobs_of,
    task_name,
)
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.runs.journal import Journal, Start
from snakemake_executor_omics.runs.known import read_jobs, tasks_in_flight, unpacked_jobs
from snakemake_executor_omics.settings.options import Place

KEY = JobKey("align", (("sample", "S1"),), ("S1.bam",))
STEP = Step(key=KEY, command="true", outputs=(OutputFile("S1.bam"),))
WAVE = Wave((Task(key=KEY, layers=((STEP,),), container="x/y:1"),))


def test_the_tasks_of_runs_that_an_earlier_call_left_are_known_by_name(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    for run_id in ("77", "78", "79"):
        journal.started(journal.open(run_id), run_id)
        journal.remember_start(Start(run_id, run_id, Place(), f"definitions/{run_id}", ".", ()))
    for run_id in ("77", "78"):  # the definition of 79 was removed by its user
        folder = tmp_path / "definitions" / run_id
        folder.mkdir(parents=True)
        (folder / JOBS_FILE).write_text(json.dumps(jobs_of(WAVE)))
    journal.ended("77")
    assert tasks_in_flight(journal, tmp_path) == [[], [(task_name(KEY),)]]
    journal.close()


def test_a_definition_tells_its_jobs_as_the_folder_does(tmp_path: Path) -> None:
    definition = compile_wave(WAVE)
    for name in (JOBS_FILE, WORKFLOW_FILE):
        (tmp_path / name).write_text(definition.files[name])
    told = unpacked_jobs(definition.zip)
    assert told == read_jobs(tmp_path)
    assert told[task_name(KEY)].files == ("S1.bam",)
    assert unpacked_jobs(b"no zip") == {}


def test_jobs_that_share_a_task_are_known_with_it(tmp_path: Path) -> None:
    keys = [JobKey("call", (("s", name),), (f"{name}.vcf",)) for name in "ab"]
    tasks = [
        Task(
            key=key,
            layers=((Step(key=key, command="true", outputs=(OutputFile(key.outputs[0]),)),),),
            inputs=(FileRef("S1.bam", KEY),),
            container="x/y:1",
        )
        for key in keys
    ]
    wave = Wave((*WAVE.tasks, *tasks), (tuple(keys),))
    definition = compile_wave(wave)
    task = unpacked_jobs(definition.zip)[definition.names[keys[0]]]
    assert (task.job, task.rule, task.files) == ("2 jobs of call", "call", ("a.vcf", "b.vcf"))
    assert task.parents == (task_name(KEY),)
    assert list(task.jobs) == [task_name(key) for key in keys]


def test_a_definition_tells_which_tasks_a_task_reads_from(tmp_path: Path) -> None:
    call = JobKey("call", (), ("S1.vcf",))
    step = Step(key=call, command="true", outputs=(OutputFile("S1.vcf"),))
    reads = (FileRef("S1.bam", KEY), FileRef("genome.fa"))
    wave = Wave((*WAVE.tasks, Task(key=call, layers=((step,),), inputs=reads, container="x/y:1")))
    told = unpacked_jobs(compile_wave(wave).zip)
    assert told[task_name(call)].parents == (task_name(KEY),)
    assert told[task_name(call)].reads == ("genome.fa",)
    assert told[task_name(call)].rules == ("call",)
    assert told[task_name(KEY)].parents == ()
    # The definitions of an older version do not tell.
    older = {name: {**job} for name, job in jobs_of(wave).items()}
    for job in older.values():
        del job["parents"], job["reads"], job["rules"]
    (tmp_path / JOBS_FILE).write_text(json.dumps(older))
    assert read_jobs(tmp_path)[task_name(call)].parents == ()
    assert read_jobs(tmp_path)[task_name(call)].reads == ()
    assert read_jobs(tmp_path)[task_name(call)].rules == ("call",)


def test_nothing_is_known_where_the_workflow_beside_the_jobs_was_removed(tmp_path: Path) -> None:
    (tmp_path / JOBS_FILE).write_text(compile_wave(WAVE).files[JOBS_FILE])
    assert read_jobs(tmp_path) == {}
    (tmp_path / WORKFLOW_FILE).write_text("version 1.1\n")
    assert read_jobs(tmp_path) == {}
