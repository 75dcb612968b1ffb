"""Ask the service and the journal for what a report tells: the door of this room.

The run and its tasks must be there. All else is a courtesy: what is not to be had becomes a line of
`Report.gaps`, with the right that is missing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath

from ..aws.logs import LOG_GROUP, log_tail
from ..aws.manifest import Manifest, read_manifest
from ..aws.records import OWNER_TAG, Run, RunTask, TaskStatus
from ..aws.runs import list_tasks
from ..cost.prices import Prices
from ..model import JobState
from ..runs.console import Console, KnownRun
from ..runs.courtesy import Courtesy
from ..runs.failures import TAIL, ask_why, names_another, places
from ..runs.known import KnownTask
from ..runs.printed_logs import split_logs
from ..runs.reasons import advice
from ..runs.states import STATES, newest_tasks
from .bills import price_source, storage_bill, task_bill
from .model import Report, ReportedFailure, ReportedRun, ReportedTask

_MOST_FAILURES = 20  # that are asked for reason and log: two requests each
_MOST_ORIGINS = 10  # runs that made what the run cache had, and are asked what it took
_READ_LINES = 2_000  # of the log of a failed task: its log files are between other lines
_LOG_LINES = 60  # of each log file that are shown
# `<location>/<cache uuid>/<run id>/<task id>/<entry uuid>`, user guide, "Contents of a run cache".
_ENTRY = re.compile(r"/(?P<run>\d+)/(?P<task>\d+)/[^/]+/?$")
_SHARD = re.compile(r"(-\d+)+$")  # what the service appends to a call that is scattered


@dataclass(slots=True)
class _Gaps:
    """A log whose warnings become lines of the report."""

    lines: list[str] = field(default_factory=list)

    def info(self, message: str, /, *, extra: Mapping[str, object] | None = None) -> None:
        pass

    def warning(self, message: str, /) -> None:
        self.lines.append(message.removeprefix("omics: "))

    error = warning


def gather(console: Console, runs: Sequence[KnownRun], prices: Prices, now: datetime) -> Report:
    """What is known of these runs.

    Raises:
        ServiceError: a run's tasks cannot be listed.
    """
    services = console.services
    endpoint = str(services.omics.meta.endpoint_url)
    gathering = _Gathering(console, prices)
    for known in runs:
        gathering.add(known)
    start = runs[0].start
    ours = {known.run.id for known in runs if OWNER_TAG in known.run.tags}
    tasks = _with_retries(gathering.tasks, ours)
    found = {(task.run, task.id): task for task in tasks}
    return Report(
        made=now,
        where=console.where,
        command=shlex.join(start.command) if start is not None else "",
        by_rule=any(OWNER_TAG in known.run.tags for known in runs),
        runs=tuple(gathering.runs),
        tasks=tuple(tasks),
        failures=tuple(
            replace(failure, task=found[failure.task.run, failure.task.id])
            for failure in gathering.failures
        ),
        gaps=tuple(gathering.gaps.lines),
        prices=price_source(prices, is_aws=".amazonaws." in endpoint),
    )


class _Gathering:
    """What has been gathered so far, run by run."""

    def __init__(self, console: Console, prices: Prices) -> None:
        self.runs: list[ReportedRun] = []
        self.tasks: list[ReportedTask] = []
        self.failures: list[ReportedFailure] = []
        self.gaps = _Gaps()
        self._console, self._services, self._prices = console, console.services, prices
        self._courtesy = Courtesy(self.gaps)
        self._origins: dict[str, dict[str, RunTask]] = {}
        self._makers: dict[str, str] = {}  # of files and directories, by path

    def add(self, known: KnownRun) -> None:
        run_tasks = list_tasks(self._services, known.run.id)
        manifest = self._manifest(known.run)
        newest = {task.id for task in newest_tasks(run_tasks).values()}
        failed = self._console.failed_though_completed(known)
        if OWNER_TAG in known.run.tags and not known.tasks:
            self.gaps.lines.append(
                f"run {known.run.id}: its definition does not tell its jobs, so its tasks are told "
                "by their own names"
            )
        pairs = [
            (
                run_task,
                self._task(
                    known, run_task, manifest, run_task.id not in newest, run_task.name in failed
                ),
            )
            for run_task in run_tasks
        ]
        explained = self._explain(known, pairs, failed)
        found = [explained.get(task.id, task) for _, task in pairs]
        # The service promises no order.
        self.tasks += sorted(found, key=lambda task: task.age)
        self.runs.append(self._run(known, manifest))
        self._makers |= {path: name for name, job in known.tasks.items() for path in job.files}

    def _manifest(self, run: Run) -> Manifest:
        if not run.status.is_final:
            self.gaps.lines.append(
                f"run {run.id} is {run.status}: this is how it stands now; what its tasks used is "
                "known some minutes after its end"
            )
            return Manifest()
        found = self._courtesy.ask(
            "what tasks used is",
            f"logs:GetLogEvents on log group {LOG_GROUP}, streams manifest/run/*",
            lambda: read_manifest(self._services, run),
            None,
        )
        if found is None:
            return Manifest()
        if not found:
            why = (
                "its log level is OFF (--omics-log-level)"
                if run.log_level == "OFF"
                else "the service writes it some minutes after the run's end"
            )
            self.gaps.lines.append(
                f"run {run.id} has no manifest, so what its tasks used is not known: {why}"
            )
        return found

    def _run(self, known: KnownRun, manifest: Manifest) -> ReportedRun:
        run = known.run
        links = [place for place in places(self._services, run) if place.startswith("run: ")]
        return ReportedRun(
            id=run.id,
            name=run.name or "",
            status=run.status,
            workflow=" version ".join(filter(None, (run.workflow_id, run.version_name))),
            created=run.created,
            started=run.started,
            stopped=run.stopped,
            jobs=known.jobs,
            storage_type=run.storage_type or "",
            storage_gib=run.storage_gib,
            storage=manifest.storage,
            storage_dollars=storage_bill(self._prices, run, manifest.storage),
            why=": ".join(filter(None, (run.failure_reason, run.status_message))),
            link=links[0].removeprefix("run: ") if links else "",
        )

    def _task(
        self, known: KnownRun, run_task: RunTask, manifest: Manifest, superseded: bool, failed: bool
    ) -> ReportedTask:
        job = known.tasks.get(run_task.name)
        use = manifest.tasks.get(run_task.id)
        return ReportedTask(
            run=known.run.id,
            id=run_task.id,
            name=run_task.name,
            job=job.job if job else run_task.name,
            rule=job.rule if job else _SHARD.sub("", run_task.name),
            is_of_one=job is not None and job.rules == (job.rule,),
            state=_state(run_task, known.run, failed),
            superseded=superseded,
            created=run_task.created,
            started=run_task.started,
            stopped=run_task.stopped,
            cpus=run_task.cpus,
            memory_gib=run_task.memory_gib,
            gpus=run_task.gpus,
            instance=run_task.instance,
            use=use,
            dollars=task_bill(self._prices, run_task, use),
            saved=self._saved(run_task) if run_task.cache_hit else None,
            parents=self._parents(job) if job else (),
        )

    def _parents(self, job: KnownTask) -> tuple[str, ...]:
        """The tasks that a job reads from, of its run and of those before."""
        earlier = [
            self._makers[place]
            for path in job.reads
            for place in (path, *map(str, PurePosixPath(path).parents))
            if place in self._makers
        ]
        return tuple(dict.fromkeys((*job.parents, *earlier)))

    def _saved(self, run_task: RunTask) -> float | None:
        """What the task was billed in the run that made what the run cache had."""
        entry = _ENTRY.search(run_task.cache_s3_uri or "")
        if entry is None:
            return None
        origin = entry["run"]
        if origin not in self._origins:
            if len(self._origins) == _MOST_ORIGINS:
                return None
            run_tasks = self._courtesy.ask(
                f"what the cached tasks took in run {origin} is",
                "omics:ListRunTasks",
                lambda: list_tasks(self._services, origin),
                list[RunTask](),
            )
            self._origins[origin] = {task.id: task for task in run_tasks}
        made = self._origins[origin].get(entry["task"])
        if made is None or made.name != run_task.name:  # ids of runs are used again
            return None
        return task_bill(self._prices, made, None)

    def _explain(
        self,
        known: KnownRun,
        pairs: Sequence[tuple[RunTask, ReportedTask]],
        jobs: Mapping[str, Sequence[str]],
    ) -> dict[str, ReportedTask]:
        """Tell why tasks failed; those that another one's failure ended are given back as that."""
        failed = sorted(
            (pair for pair in pairs if pair[1].state is JobState.FAILED and not pair[1].superseded),
            key=lambda pair: (pair[0].stopped is None, pair[0].stopped, pair[0].name),
        )
        ended = {}
        room = max(0, _MOST_FAILURES - len(self.failures))
        for run_task, task in failed[:room]:
            found = self._failure(known, run_task, task, jobs.get(run_task.name, ()))
            if found.task.state is JobState.FAILED:
                self.failures.append(found)
            else:
                ended[task.id] = found.task
        if len(failed) > room:
            self.gaps.lines.append(
                f"{len(failed) - room} more tasks of run {known.run.id} failed: only of the first "
                f"{_MOST_FAILURES} reason and log are told; `snakemake-omics logs` shows any"
            )
        return ended

    def _failure(
        self, known: KnownRun, run_task: RunTask, task: ReportedTask, jobs: Sequence[str]
    ) -> ReportedFailure:
        job = known.tasks.get(run_task.name)
        completed = run_task.status is TaskStatus.COMPLETED
        detail = None
        if not completed:
            detail = ask_why(self._services, known.run, run_task, self._courtesy)
            if detail and not detail.log_stream and names_another(known.run, run_task):
                return ReportedFailure(task=replace(task, state=JobState.CANCELLED))
        stream = (detail.log_stream if detail else None) or f"run/{known.run.id}/task/{run_task.id}"
        lines = self._courtesy.ask(
            "the logs of tasks are",
            f"logs:GetLogEvents on log group {LOG_GROUP}",
            lambda: log_tail(self._services, stream, _READ_LINES),
            list[str](),
        )
        logs, rest = split_logs(lines, job.logs if job else ())
        reason = (detail.failure_reason if detail else None) or ""
        hint = advice(reason)
        return ReportedFailure(
            task=task,
            reason=reason,
            message=f"the run went on without {', '.join(jobs)}"
            if completed
            else (detail.status_message if detail else None) or "",
            hints=(hint,) if hint else (),
            lines=tuple(rest[-TAIL:]),
            logs={path: _tail(text) for path, text in logs.items()},
            places=places(self._services, known.run, run_task, stream),
        )


def _with_retries(tasks: Sequence[ReportedTask], ours: Collection[str]) -> list[ReportedTask]:
    """The tasks; of a job that Snakemake tried again in another run, the last one counts.

    Its task has the same name there. In runs of others a name says nothing of the kind.
    """
    last: dict[str, ReportedTask] = {}
    for task in tasks:
        if task.run in ours:
            last[task.name] = max(task, last.get(task.name, task), key=lambda one: one.age)
    return [
        replace(task, superseded=True) if last.get(task.name, task).run != task.run else task
        for task in tasks
    ]


def _state(run_task: RunTask, run: Run, failed: bool) -> JobState:
    if failed and run_task.status is TaskStatus.COMPLETED:
        return JobState.FAILED
    if run_task.status is TaskStatus.COMPLETED and run_task.cache_hit:
        return JobState.CACHED
    state = STATES[run_task.status]
    return JobState.CANCELLED if run.status.is_final and not state.is_final else state


def _tail(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[-_LOG_LINES:])
