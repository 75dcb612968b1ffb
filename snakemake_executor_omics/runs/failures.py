"""Why a job failed, in words: the service's reason, the job's last lines, and where there is more.

All of it is a courtesy: a failure is told whether or not the service says why.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from ..aws.logs import LOG_GROUP, task_log
from ..aws.records import Run, RunTask, TaskDetail
from ..aws.runs import get_task
from ..aws.session import Services
from ..model import Task
from .courtesy import Courtesy
from .missing import missing_advice
from .printed_logs import JobLines, are_complete, job_at_work, split_jobs, split_logs
from .reasons import advice, is_fault, is_out_of_memory, memory_advice

TAIL = 30  # lines of a failed task's log that are shown
_MISSING = 3  # outputs that are named
# What a task that ended with an error of its own is told as.
_BY_ITSELF = (None, "RUN_TASK_FAILED", "WORKFLOW_RUN_FAILED")
_NAMED = re.compile(r"\btask: .*, id: (\d+), failure")  # published statusMessage of failed runs
_ALONE = (
    "the job shared a task with others, which was ended while it ran: --omics-pack off gives each "
    "job a task of its own"
)
# As the template of a job prints it, and then fails the job, which ended well itself.
_WITHOUT = re.compile(r"The job ended without its output (?:file|directory) (.+)$")
_LOG_LAG_SECONDS = 30.0  # CloudWatch delivers late
_LOG_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed: reason and message, what to change, its last log lines, its log files.

    `fault` tells that it was the service that failed, `stopped` that the job did not: another one
    failed the run. `places` are where there is more to read.
    """

    reason: str = ""
    message: str = ""
    hints: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    fault: bool = False
    stopped: bool = False

    def __str__(self) -> str:
        head = ": ".join(part for part in (self.reason, self.message) if part)
        return "\n".join(
            [
                head or "the service does not say why",
                *(f"    {line}" for line in self.lines[-TAIL:]),
                *(f"hint: {hint}" for hint in self.hints),
                *self.places,
                "",
            ]
        )


def failure(
    services: Services,
    run: Run,
    task: Task,
    run_task: RunTask | None,
    courtesy: Courtesy,
    workdir: Path,
    code: int | None = None,
    number: int | None = None,
    of: int = 1,
) -> Failure:
    """Why a job failed, with its log files where the task could print them.

    `workdir` is the project's folder, which may have what the job lacked. `code` is what a task
    that completed all the same told of its job. `number` is the job's in a task `of` several, one
    after the other: where that ended in the middle, only the job that it was at has failed.
    """
    if run_task is None:
        return Failure(
            reason=run.failure_reason or "",
            message=run.status_message or "",
            hints=_hints(run.failure_reason, task, code),
            places=places(services, run),
            fault=is_fault(run.failure_reason),
        )
    detail = ask_why(services, run, run_task, courtesy)
    stream = (detail.log_stream if detail else None) or f"run/{run.id}/task/{run_task.id}"
    reason = (detail.failure_reason if detail else None) or run.failure_reason
    by_itself = code is not None or reason in _BY_ITSELF
    if detail and not detail.log_stream and by_itself and names_another(run, run_task):
        return Failure(reason="stopped", message=run.status_message or "", stopped=True)
    lines = courtesy.ask(
        "the logs of tasks are",
        f"logs:GetLogEvents on log group {LOG_GROUP}",
        lambda: _complete_log(services, stream, task, run_task, by_itself, number),
        list[str](),
    )
    alone: tuple[str, ...] = ()
    if number is not None:
        parts = split_jobs(lines)
        if code is None and parts and number != job_at_work(parts, of):
            return Failure(reason="stopped", message=run.status_message or "", stopped=True)
        lines = parts[number].lines if number in parts else lines
        alone = () if code is not None else (_ALONE,)
    logs, rest = split_logs(lines, task.logs)
    told = None if code is None else _told(code, rest)
    message = told or (detail.status_message if detail else None) or run.status_message
    return Failure(
        reason=reason or "",
        message=message or "",
        hints=(
            *_hints(reason, task, code),
            *alone,
            *missing_advice([*rest, *"\n".join(logs.values()).splitlines()], task, workdir),
        ),
        lines=tuple(rest),
        places=places(services, run, run_task, stream),
        logs=logs,
        fault=code is None and is_fault(reason),
    )


def _told(code: int, lines: Sequence[str]) -> str:
    """How a job failed that its run goes on without."""
    missing = [match[1] for line in lines if (match := _WITHOUT.match(line)) is not None]
    if not missing:
        return f"the job ended with exit code {code}"
    more = len(missing) - _MISSING
    listed = ", ".join(missing[:_MISSING]) + (f" and {more} more" if more > 0 else "")
    return f"the job ended without its output {listed}"


def names_another(run: Run, run_task: RunTask) -> bool:
    """Whether the run says that another task failed it.

    Those that run then are ended, and some are listed as FAILED; they have no log.
    """
    named = _NAMED.search(run.status_message or "")
    return named is not None and named[1] != run_task.id


def failed_by_itself(services: Services, run: Run, run_task: RunTask, courtesy: Courtesy) -> bool:
    """Whether it is known of a task listed as FAILED that its job failed.

    It may have been a fault of the service, or another task whose failure ended it.
    """
    detail = ask_why(services, run, run_task, courtesy)
    if detail is None or is_fault(detail.failure_reason or run.failure_reason):
        return False
    return detail.log_stream is not None or not names_another(run, run_task)


def ask_why(
    services: Services, run: Run, run_task: RunTask, courtesy: Courtesy
) -> TaskDetail | None:
    """A task with the reason of its failure, which a listing does not have."""
    return courtesy.ask(
        "the reasons of failed tasks are",
        "omics:GetRunTask",
        lambda: get_task(services, run.id, run_task.id),
        None,
    )


def why_ended(services: Services, run: Run) -> str:
    """For people: how a run ended that did not complete, with what to change."""
    parts = [f"run {run.id} ended {run.status}"]
    why = ": ".join(part for part in (run.failure_reason, run.status_message) if part)
    hint = advice(run.failure_reason)
    return "\n".join(
        [
            ": ".join([*parts, why] if why else parts),
            *([f"hint: {hint}"] if hint else []),
            *places(services, run),
            "",
        ]
    )


def places(
    services: Services, run: Run, run_task: RunTask | None = None, stream: str | None = None
) -> tuple[str, ...]:
    """Where there is more to read of a run, or of a task of it."""
    name = (stream or f"run/{run.id}").rpartition(":log-stream:")[2]
    found = [f"log: stream {name} of log group {LOG_GROUP}"]
    if (page := page_of(services, run)) is not None:
        found.append(f"run: {page}")
        if run_task is not None:
            twice = quote(quote(LOG_GROUP, safe=""), safe="").replace("%", "$")
            inside = quote(quote(name, safe=""), safe="").replace("%", "$")
            found.append(
                f"task: {_home(services)}/cloudwatch/home?region={services.region}#logsV2:"
                f"log-groups/log-group/{twice}/log-events/{inside}"
            )
    return tuple(found)


def page_of(services: Services, run: Run) -> str | None:
    """The run in AWS's console, None at another service."""
    if ".amazonaws." not in str(services.omics.meta.endpoint_url):
        return None
    return f"{_home(services)}/omics/home?region={services.region}#/runs/{run.id}"


def _home(services: Services) -> str:
    return f"https://{services.region}.console.aws.amazon.com"


def _hints(reason: str | None, task: Task, code: int | None) -> tuple[str, ...]:
    if is_out_of_memory(reason, code):
        return (memory_advice(task.resources.memory_mb),)
    hint = advice(reason)
    return () if hint is None else (hint,)


def _complete_log(
    services: Services,
    stream: str,
    task: Task,
    run_task: RunTask,
    by_itself: bool,
    number: int | None = None,
) -> list[str]:
    """The lines of a task, up to the end of the last log file that it prints.

    The service delivers late: that end is waited for, but not long, nor of a task that did not end
    by itself, which prints none; of one of several jobs the begin of one is waited for then.
    """
    began = time.monotonic()
    while True:
        lines = task_log(services, stream)
        if run_task.stopped is None:
            return lines
        jobs = {} if number is None else split_jobs(lines)
        if not by_itself:
            # Of a task of several it is to be known which job it was at.
            if number is None or any(job.is_open for job in jobs.values()):
                return lines
        else:
            part = None if number is None else jobs.get(number, JobLines())
            own = lines if part is None else part.lines
            if (part is None or not part.is_open) and are_complete(own, task.logs):
                return lines
        # Whichever is longer: the clocks of this machine and of the service may differ.
        stopped = (datetime.now(UTC) - run_task.stopped).total_seconds()
        if max(stopped, time.monotonic() - began) > _LOG_LAG_SECONDS:
            return lines
        time.sleep(_LOG_PAUSE_SECONDS)
