"""A run as it was when it was last looked at, and how it is looked at once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ..aws.records import Run, RunTask
from ..aws.runs import get_run, list_tasks
from ..aws.session import Services
from ..model import JobKey, JobState, Wave
from .courtesy import Courtesy
from .progress import is_listed
from .states import job_states, newest_tasks


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """A run with its wave, and how far it was when it was last looked at.

    `names` has the task of each job.
    """

    run: Run
    wave: Wave
    names: Mapping[JobKey, str]
    tasks: Mapping[str, RunTask] = field(default_factory=dict)
    states: Mapping[JobKey, JobState] = field(default_factory=dict)
    identities: Mapping[JobKey, str] = field(default_factory=dict)
    polls: int = 1  # since its tasks were listed, with the one that comes
    page: str | None = None  # in AWS's console

    @property
    def elapsed(self) -> timedelta:
        """Time since the run was made, by the service's clock where it has ended."""
        now = datetime.now(UTC)
        age = (self.run.stopped or now) - (self.run.created or now)
        return timedelta(seconds=max(0, int(age.total_seconds())))  # this clock may be behind


def look(services: Services, seen: FollowedRun, courtesy: Courtesy) -> FollowedRun:
    """Read the run, and its tasks if it has ended or they are not many.

    Tasks are listed after the run is read, so that the listing of an ended run is complete.
    """
    run = get_run(services, seen.run.id)
    if not run.status.is_final and not is_listed(len(seen.tasks), seen.polls):
        return replace(seen, run=run, polls=seen.polls + 1)
    listed = courtesy.ask(
        "the tasks of a run are",
        "omics:ListRunTasks",
        lambda: list_tasks(services, run.id),
        list(seen.tasks.values()),
        again=True,
    )
    tasks = newest_tasks(listed)
    states = job_states(
        seen.names,
        tasks,
        run.status,
        may_fail=seen.wave.may_fail,
    )
    return replace(seen, run=run, tasks=tasks, states=states, polls=1)
