"""From the tasks that `ListRunTasks` lists to the state of each job. Pure.

A retry by the service is a new task of the same name, so a job's state is that of its newest
task. A job without a task has not started: the engine makes tasks when their inputs are ready.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..aws.records import RunStatus, RunTask, TaskStatus
from ..model import JobKey, JobState

STATES: Mapping[TaskStatus, JobState] = {
    TaskStatus.PENDING: JobState.QUEUED,
    TaskStatus.STARTING: JobState.QUEUED,
    TaskStatus.RUNNING: JobState.RUNNING,
    TaskStatus.STOPPING: JobState.RUNNING,
    TaskStatus.COMPLETED: JobState.DONE,
    TaskStatus.CANCELLED: JobState.CANCELLED,
    TaskStatus.FAILED: JobState.FAILED,
}


def newest_tasks(tasks: Iterable[RunTask]) -> dict[str, RunTask]:
    """The newest attempt of each task name."""
    newest: dict[str, RunTask] = {}
    for task in tasks:
        known = newest.get(task.name)
        if known is None or _age(task) > _age(known):
            newest[task.name] = task
    return newest


def _age(task: RunTask) -> tuple[float, float, str]:
    """Ids are random: an id only settles a tie."""
    created, started = (
        0.0 if moment is None else moment.timestamp() for moment in (task.created, task.started)
    )
    return created, started, task.id


def job_states(
    names: Mapping[JobKey, str],
    tasks: Mapping[str, RunTask],
    run: RunStatus,
    may_fail: Collection[JobKey] = (),
) -> dict[JobKey, JobState]:
    """The state of every job of a run; `names` are those of their tasks, which some share.

    A FAILED task is final only when the run is: the service may try it again until then. Nor is a
    `may_fail` job that completed: whether it failed is told when the run has ended.
    """
    states = {}
    for key, name in names.items():
        task = tasks.get(name)
        if task is None:
            states[key] = JobState.CANCELLED if run.is_final else JobState.WAITING
            continue
        state = STATES[task.status]
        if state is JobState.DONE and key in may_fail and not run.is_final:
            state = JobState.ENDED
        elif state is JobState.DONE and task.cache_hit:
            state = JobState.CACHED
        elif state is JobState.FAILED and not run.is_final:
            state = JobState.RUNNING
        elif run.is_final and not state.is_final:
            state = JobState.CANCELLED
        states[key] = state
    return states
