"""What a person asks of a project's runs from another shell, or from another machine.

Runs are found by their name and by the plugin's tag, so those that a colleague started are seen as
well; what only the folder that started a run knows (its jobs' files, the command) is in the
journal. Nothing is guessed: what neither the service nor the journal tells is left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from ..aws.logs import read_on
from ..aws.records import JOBS_TAG, OWNER_TAG, Run, RunTask, TaskStatus
from ..aws.runs import (
    cancel_run,
    get_run,
    get_task,
    list_tasks,
    our_runs,
    read_definition,
)
from ..aws.session import Services, connect
from ..errors import LocalServiceError, NotFound, OmicsError, ServiceError
from ..model import JobKey
from ..settings.options import Place
from .connection import local_package, standing_service
from .journal import Journal, Start
from .known import KnownTask, read_jobs, unpacked_jobs
from .printed_logs import lines_of_job
from .states import newest_tasks

_FOLLOW_SECONDS = 2.0
_TOLD = 12  # names in one message


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run of this project; `start` is there if it was started from this folder."""

    run: Run
    start: Start | None = None
    tasks: Mapping[str, KnownTask] = field(default_factory=dict)

    @property
    def age(self) -> timedelta:
        now = datetime.now(UTC)
        return timedelta(
            seconds=int(((self.run.stopped or now) - (self.run.created or now)).total_seconds())
        )

    @property
    def jobs(self) -> int | None:
        """How many jobs went into the run."""
        told = self.run.tags.get(JOBS_TAG, "")
        return int(told) if told.isdigit() else None

    @property
    def plan(self) -> str:
        return self.run.tags.get(OWNER_TAG, "")

    def took(self, task: RunTask) -> timedelta | None:
        """How long a task has run, None before it does."""
        if task.started is None:
            return None
        end = task.stopped or datetime.now(UTC)
        return timedelta(seconds=int((end - task.started).total_seconds()))

    def title(self, task: str) -> str:
        """A task, as a person calls it."""
        return self.tasks[task].job if task in self.tasks else task


class Console:
    """A project's runs at the service that they went to."""

    def __init__(self, folder: Path, place: Place, *, start_local: bool = False) -> None:
        """`place` has what the user said of the service; the journal knows the rest.

        With `start_local` the local service of the project is started where it does not run, until
        `close`: what is only read of it needs no service that stays.

        Raises:
            OmicsError: there is no such service.
        """
        self._folder = folder
        self._state = folder / ".snakemake" / "omics"
        path = self._state / "journal.sqlite"
        self._starts: Sequence[Start] = ()
        self._failures: Mapping[JobKey, str] = {}
        if path.exists():
            with closing(Journal(path)) as journal:
                self._starts = journal.starts()
                self._failures = journal.failures()
        last = self._starts[0].place if self._starts else Place()
        self._place = place.or_else(last)
        names = [self._place.name or folder.resolve().name]
        if place.name is None:
            names += [start.place.name for start in self._starts if start.place.name]
        self._names = list(dict.fromkeys(names))
        self._started: Any = None
        self.services, self.where = self._open(start_local)

    def close(self) -> None:
        """Stop the local service, if it was started here."""
        if self._started is not None:
            self._started.stop()

    def _open(self, start_local: bool) -> tuple[Services, str]:
        place = self._place
        if place.endpoint is None or place.endpoint == "local":
            state = self._state / "local"
            local = standing_service(self._state)
            if local is None and start_local and place.endpoint == "local" and state.is_dir():
                local = self._started = _start(state)
            if local is not None:
                services = connect(
                    local.region, None, local.endpoint_url, environment=local.environment
                )
                return services, f"the local HealthOmics at {local.endpoint_url}"
        if place.endpoint == "local":
            raise LocalServiceError(
                "the local HealthOmics of this project does not run: one that Snakemake starts "
                "lives only as long as that Snakemake",
                hint="`snakemake-omics local up` starts one that stays, with the runs that were "
                "here before",
            )
        services = connect(place.region, place.profile, place.endpoint)
        return services, place.endpoint or f"AWS HealthOmics in {services.region}"

    def runs(self, last: int = 10) -> list[KnownRun]:
        """The project's runs, newest first: all that are active, and the `last` ended ones."""
        found = {
            run.id: run for name in self._names for run in our_runs(self.services, name, ended=last)
        }
        newest = sorted(found.values(), key=lambda run: run.created or _NEVER, reverse=True)
        return [self._known(run) for run in newest]

    def run(self, run_id: str | None, *, active: bool = False) -> KnownRun:
        """The run of that id, or the newest one.

        Raises:
            NotFound: there is none.
        """
        if run_id is not None:
            return self._with_jobs(self._known(get_run(self.services, run_id)))
        for known in self.runs(last=0 if active else 1):
            if not active or not known.run.status.is_final:
                return self._with_jobs(known)
        raise NotFound(
            f"{' and '.join(self._names)}: no {'active ' if active else ''}run at {self.where}",
            hint="a workflow with a name of its own is told with --omics-workflow-name",
        )

    def last_call(self) -> list[KnownRun]:
        """The runs of the last call from this folder that started any, in their order.

        Without a journal here it is the project's newest run, whoever started it.

        Raises:
            NotFound: there is none, or the service has none of them any more.
        """
        if not self._starts:
            return [self.run(None)]
        last = self._starts[0]
        ours = [start for start in self._starts if last.call and start.call == last.call] or [last]
        found = []
        for start in reversed(ours):
            try:
                known = self._known(get_run(self.services, start.run_id))
            except NotFound:
                continue  # deleted since
            if known.start is not None:
                found.append(self._with_jobs(known))
        if not found:
            raise NotFound(
                f"{self.where} has no more of the last call's runs: "
                f"{', '.join(start.run_id for start in reversed(ours))}",
                hint="the service removes the oldest runs where --omics-retention is REMOVE; "
                "`snakemake-omics runs` lists those that are there",
            )
        return found

    def _known(self, run: Run) -> KnownRun:
        """Ids are used again: the tag tells whether it is the run that we know."""
        for start in self._starts:
            if start.run_id == run.id and start.plan == run.tags.get(OWNER_TAG):
                return KnownRun(run, start, read_jobs(self._state / start.definition))
        return KnownRun(run)

    def _with_jobs(self, known: KnownRun) -> KnownRun:
        """With what the run's definition tells of its jobs, if another folder started it."""
        if known.tasks:
            return known
        try:
            definition = read_definition(self.services, known.run.id)
        except ServiceError:
            return known  # no right to it, or none there: jobs are found by their rules
        return known if definition is None else replace(known, tasks=unpacked_jobs(definition))

    def tasks(self, known: KnownRun) -> dict[str, RunTask]:
        """The newest attempt of each task of a run, by its name."""
        return newest_tasks(list_tasks(self.services, known.run.id))

    def failed_though_completed(self, known: KnownRun) -> dict[str, list[str]]:
        """The jobs of each task that failed in a run that went on, as the journal has it."""
        failed: dict[str, list[JobKey]] = {}
        for key, run_id in self._failures.items():
            if run_id == known.run.id and known.start is not None:
                failed.setdefault(str(key), []).append(key)
        found: dict[str, list[str]] = {}
        for name, task in known.tasks.items():
            for job in task.jobs.values() or [task]:
                if any(set(key.outputs) <= set(job.files) for key in failed.get(job.job, ())):
                    found.setdefault(name, []).append(job.job)
        return found

    def cancel(self, run_id: str | None) -> str:
        """Cancel a run that this plugin started, and tell what comes of it."""
        if run_id is None:
            active = [known for known in self.runs(last=0) if not known.run.status.is_final]
            if len(active) > 1:
                raise OmicsError(
                    f"{len(active)} runs are active: {', '.join(known.run.id for known in active)}",
                    hint="say which one to cancel",
                )
        known = self.run(run_id, active=run_id is None)
        if OWNER_TAG not in known.run.tags:
            raise OmicsError(
                f"run {known.run.id} ({known.run.name}) was not started by this plugin",
                hint=f"if it is yours: aws omics cancel-run --id {known.run.id}",
            )
        if not cancel_run(self.services, known.run.id):
            return f"run {known.run.id} has ended already: {known.run.status}"
        return (
            f"run {known.run.id} is being cancelled, which takes minutes; what its finished jobs "
            "made is in the run cache"
        )

    def find_task(self, target: str, run_id: str | None) -> tuple[KnownRun, RunTask]:
        """The newest task that `target` names: a job, its rule, one of its files, or its task.

        Raises:
            NotFound: none does, or several.
        """
        knowns = self.runs() if run_id is None else [self.run(run_id)]
        for known in map(self._with_jobs, knowns):
            tasks = self.tasks(known)
            chosen = [name for name in tasks if _names(target, name, known.tasks.get(name))]
            if len(chosen) > 1:
                titles = sorted(known.title(name) for name in chosen)
                more = f" and {len(titles) - _TOLD} more" if len(titles) > _TOLD else ""
                raise NotFound(
                    f"{len(chosen)} jobs of run {known.run.id} are meant by {target}",
                    hint=f"name one of {', '.join(titles[:_TOLD])}{more}"
                    + (", or a file of it" if known.tasks else ""),
                )
            if chosen:
                return known, tasks[chosen[0]]
        raise NotFound(
            f"no run of {' and '.join(self._names)} has a job or file {target} that has started",
            hint="`snakemake-omics status RUN --all` lists the jobs of a run",
        )

    def log_of_run(self, known: KnownRun, follow: bool) -> Iterator[str]:
        """The service's log of a run; with `follow` until it ends."""

        def ended() -> bool:
            return get_run(self.services, known.run.id).status.is_final

        yield from self._lines(f"run/{known.run.id}", ended, follow)

    def log_of_task(
        self, known: KnownRun, task: RunTask, follow: bool, target: str | None = None
    ) -> Iterator[str]:
        """What a task printed; with `follow` until it ends.

        Where jobs share the task and `target` names one of them, what that printed.
        """
        detail = get_task(self.services, known.run.id, task.id)

        def ended() -> bool:
            return get_task(self.services, known.run.id, task.id).task.status.is_final

        stream = detail.log_stream or f"run/{known.run.id}/task/{task.id}"
        lines = self._lines(stream, ended, follow)
        jobs = known.tasks[task.name].jobs if task.name in known.tasks else {}
        named = [
            number for number, job in enumerate(jobs.items(), 1) if target and _names(target, *job)
        ]
        yield from lines if len(named) != 1 else lines_of_job(lines, named[0])

    def _lines(self, stream: str, ended: Callable[[], bool], follow: bool) -> Iterator[str]:
        token: str | None = None
        while True:
            is_last = not follow or ended()  # asked first: what was printed until then is read
            while True:
                lines, following = read_on(self.services, stream, token)
                yield from lines
                if following == token:
                    break
                token = following
            if is_last:
                return
            time.sleep(_FOLLOW_SECONDS)


_NEVER = datetime.min.replace(tzinfo=UTC)


def _start(state: Path) -> Any:
    """Start the local service of the project."""
    local = local_package()
    try:
        return local.start(state)
    except local.LocalError as error:
        raise LocalServiceError(str(error)) from error


def _names(target: str, name: str, task: KnownTask | None) -> bool:
    if target == name:
        return True
    if task is None:  # of a run that was started elsewhere: names begin with rule and wildcards
        hashed = r"_[0-9a-f]{6}([0-9a-f]{4})?"
        return re.fullmatch(rf"{re.escape(target)}(_\w+)?{hashed}", name) is not None
    path = PurePosixPath(target).as_posix()
    if path in (*task.files, *task.logs):
        return True
    return any(target in (job.job, job.rule) for job in (task, *task.jobs.values()))


def done(known: KnownRun, tasks: Mapping[str, RunTask]) -> int:
    """How many jobs have ended well; one that --keep-going goes on from counts as well."""
    return sum(
        max(1, len(known.tasks[name].jobs)) if name in known.tasks else 1
        for name, task in tasks.items()
        if task.status is TaskStatus.COMPLETED
    )
