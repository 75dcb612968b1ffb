"""Tasks of a run become states of jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snakemake_executor_omics.aws.records import RunStatus, RunTask, TaskStatus
from snakemake_executor_omics.model import JobKey, JobState
from snakemake_executor_omics.runs.progress import summary
from snakemake_executor_omics.runs.states import job_states, newest_tasks

KEY = JobKey("align", (("sample", "A"),), ("A.bam",))
NAMES = {KEY: "align_1"}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _task(status: TaskStatus, *, id: str = "1", age: int = 0, hit: bool = False) -> RunTask:
    return RunTask(
        id=id, name="align_1", status=status, created=NOON - timedelta(age), cache_hit=hit
    )


def test_a_job_takes_the_state_of_its_newest_task() -> None:
    tasks = newest_tasks(
        [_task(TaskStatus.RUNNING, id="2"), _task(TaskStatus.FAILED, id="9", age=1)]
    )
    assert tasks["align_1"].id == "2"


@pytest.mark.parametrize(
    ("task", "run", "state"),
    [
        (None, RunStatus.RUNNING, JobState.WAITING),
        (None, RunStatus.FAILED, JobState.CANCELLED),
        (TaskStatus.PENDING, RunStatus.RUNNING, JobState.QUEUED),
        (TaskStatus.RUNNING, RunStatus.RUNNING, JobState.RUNNING),
        # The service may try it again until the run has ended.
        (TaskStatus.FAILED, RunStatus.RUNNING, JobState.RUNNING),
        (TaskStatus.FAILED, RunStatus.FAILED, JobState.FAILED),
        (TaskStatus.RUNNING, RunStatus.FAILED, JobState.CANCELLED),
        (TaskStatus.COMPLETED, RunStatus.FAILED, JobState.DONE),
    ],
)
def test_a_task_and_its_run_give_the_state(
    task: TaskStatus | None, run: RunStatus, state: JobState
) -> None:
    tasks = {} if task is None else {"align_1": _task(task)}
    assert job_states(NAMES, tasks, run) == {KEY: state}


def test_a_cache_hit_is_told_apart() -> None:
    states = job_states(
        NAMES, {"align_1": _task(TaskStatus.COMPLETED, hit=True)}, RunStatus.RUNNING
    )
    assert states == {KEY: JobState.CACHED}
    assert summary(states) == "1 of 1 done (1 cached)"
