"""One run in flight: what it carries, how far it is, and what it left when it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..aws.records import Run, RunStatus, RunTask
from ..aws.runs import get_run, list_tasks
from ..aws.session import Services
from ..aws.transfer import Download, write_bytes
from ..compile import task_name
from ..files.place import deliver
from ..model import Definition, JobKey, JobState, Wave
from . import results
from .results import Failure
from .states import job_states, newest_tasks


@dataclass(slots=True)
class Flight:
    """A run and its jobs; `poll` moves it on until it has `landed` with its files in place.

    `stale` are jobs that did not run, because the run cache had their failure of an earlier run.
    """

    run: Run
    wave: Wave
    definition: Definition
    states: Mapping[JobKey, JobState] = field(default_factory=dict)
    failures: dict[JobKey, Failure] = field(default_factory=dict)
    stale: set[JobKey] = field(default_factory=set)
    had_failures: bool = False
    landed: bool = False

    def has(self, key: JobKey) -> bool:
        """Whether the results of a job of this run are where Snakemake looks for them."""
        return self.landed and self.states[key].is_success

    @property
    def elapsed(self) -> timedelta:
        """Time since the run was made, by the service's clock where it has ended."""
        begin = self.run.created or datetime.now(UTC)
        return timedelta(
            seconds=int(((self.run.stopped or datetime.now(UTC)) - begin).total_seconds())
        )

    def poll(
        self,
        services: Services,
        workdir: Path,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Read the run and its tasks once, and deliver everything when it has ended.

        Tasks are listed after the run is read, so that the listing of an ended run is complete.
        """
        self.run = get_run(services, self.run.id)
        tasks = newest_tasks(list_tasks(services, self.run.id))
        states = job_states(
            self.definition.names,
            tasks,
            self.run.status,
            may_fail={task.key for task in self.wave.tasks if task.may_fail},
        )
        if self.run.status.is_final:
            self._land(services, workdir, tasks, states, say, warn)
        self.states = states

    def _land(
        self,
        services: Services,
        workdir: Path,
        tasks: Mapping[str, RunTask],
        states: dict[JobKey, JobState],
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        downloads: list[Download] = []
        if self.run.status is RunStatus.COMPLETED:
            export = results.exported(services, self.run, self.wave.tasks)
            downloads = export.downloads
            for task in self.wave.tasks:
                run_task = tasks.get(task_name(task.key))
                if task.key not in export.codes:
                    if not states[task.key].is_success:
                        states[task.key] = JobState.DONE
                elif (code := export.codes[task.key]) is None:
                    states[task.key] = JobState.CANCELLED
                elif run_task is not None and run_task.cache_hit:
                    states[task.key] = JobState.CANCELLED
                    self.stale.add(task.key)
                else:
                    states[task.key] = JobState.FAILED
                    self.failures[task.key] = results.failure(
                        services, self.run, task, run_task, code
                    )
        else:
            for task in self.wave.tasks:
                run_task = tasks.get(task_name(task.key))
                if states[task.key].is_success and run_task is not None:
                    kept = results.cached(services, task, run_task)
                    if kept is None:
                        # Done but nowhere to be had: it runs again, or is a cache hit then.
                        states[task.key] = JobState.CANCELLED
                    else:
                        downloads += kept
                elif states[task.key] is JobState.FAILED:
                    self.failures[task.key] = results.failure(services, self.run, task, run_task)
        done = {key for key, state in states.items() if state.is_success}
        deliver(services, self.wave, done, downloads, workdir, self.run.created, say, warn)
        self._leave_logs(services, workdir)
        self.had_failures = bool(self.failures or self.stale)
        self.landed = True

    def _leave_logs(self, services: Services, workdir: Path) -> None:
        """The log files of failed jobs, which only their task's output has."""
        stored = self.wave.s3_targets
        for failed in self.failures.values():
            for log, text in failed.logs.items():
                if log in stored:
                    write_bytes(services, stored[log], text.encode())
                    continue
                path = workdir / log
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
