"""What the folder that started a run remembers of it."""

import json
from pathlib import Path

from snakemake_executor_omics.compile import task_name
from snakemake_executor_omics.model import JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.runs.journal import Journal, Start
from snakemake_executor_omics.runs.known import JOBS_FILE, jobs_of, tasks_in_flight
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
    assert tasks_in_flight(journal, tmp_path) == [frozenset(), {task_name(KEY)}]
    journal.close()
