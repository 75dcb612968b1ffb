"""Where a finished run left each job's files, and why its failed jobs failed.

A completed run exports workflow outputs and says where in `logs/outputs.json`. A run that ended
otherwise exports nothing, but its completed tasks are in the run cache: their files are taken
from there, so that a failure loses no finished work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..aws.logs import task_log
from ..aws.records import Run, RunTask
from ..aws.runs import get_task
from ..aws.session import Services
from ..aws.transfer import Download, Listed, list_prefix, read_json
from ..compile import WORKFLOW, task_name
from ..errors import StagingError
from ..files.incoming import archive_beside, executables_list
from ..model import JobKey, OutputFile, OutputKind, Task, Wave

_LOG_BEGIN, _LOG_END = "=== log {} ===", "=== end of log {} ==="
TAIL = 30  # lines of a failed task's log that are shown


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the service's reason and message, the job's last log lines, its logs."""

    reason: str
    message: str
    lines: tuple[str, ...]
    logs: Mapping[str, str]

    def __str__(self) -> str:
        head = ": ".join(part for part in (self.reason, self.message) if part)
        tail = "\n".join(f"    {line}" for line in self.lines[-TAIL:])
        return f"{head}\n{tail}\n" if tail else f"{head}\n"


@dataclass(frozen=True, slots=True)
class Export:
    """What a completed run left, and the exit codes of jobs that left nothing.

    The code of a job that was left out, because one that it needs failed, is None.
    """

    downloads: list[Download]
    codes: Mapping[JobKey, int | None]


def exported(services: Services, run: Run, tasks: Sequence[Task]) -> Export:
    """The files of a completed run: every file of every task that succeeded, and all logs.

    Raises:
        StagingError: the run's summary lacks a task.
    """
    if run.output_uri is None:
        raise StagingError(f"run {run.id} reports no output URI")
    folder = run.output_uri.rstrip("/")
    summary = read_json(services, f"{folder}/logs/outputs.json")
    # A listing costs a request per 1,000 files, asking for each file's size one per file.
    listed = {item.uri: item for item in list_prefix(services, f"{folder}/")}
    downloads = []
    codes: dict[JobKey, int | None] = {}
    uncertain = Wave(tuple(tasks)).uncertain
    for task in tasks:
        name = f"{WORKFLOW}.{task_name(task.key)}"
        if task.key in uncertain and summary.get(f"{name}_files") is None:
            codes[task.key] = summary.get(f"{name}_code")
        files = [*_places(task.files), executables_list(task.key)]
        for output, paths in (("files", files), ("logs", task.logs)):
            uris = summary.get(f"{name}_{output}")
            if uris is None and task.key in codes:
                continue
            uris = uris or []
            if not 0 <= len(paths) - len(uris) <= (output == "files"):
                raise StagingError(
                    f"the outputs.json of run {run.id} does not tell the files of job {task.key}",
                    hint=f"look at {run.output_uri}",
                )
            downloads += [
                Download(uri, Path(path), listed.get(uri))
                for uri, path in zip(uris, paths, strict=False)
                if uri is not None and not (output == "logs" and path in files)
            ]
    return Export(downloads, codes)


def cached(services: Services, task: Task, run_task: RunTask) -> list[Download] | None:
    """The downloads of a completed task from its cache entry, None where it has none."""
    if run_task.cache_s3_uri is None:
        return None
    found: dict[tuple[str, int], Listed] = {}
    for item in list_prefix(services, run_task.cache_s3_uri.rstrip("/") + "/"):
        _, _, inner = item.uri.partition("/out/")
        parts = inner.split("/")
        if len(parts) == 3 and parts[1].isdigit():
            found[parts[0], int(parts[1])] = item
    downloads = []
    for index, path in enumerate(_places(task.files)):
        if ("files", index) not in found:
            return None
        item = found["files", index]
        downloads.append(Download(item.uri, Path(path), item))
    if ("files", len(task.files)) in found:
        item = found["files", len(task.files)]
        downloads.append(Download(item.uri, Path(executables_list(task.key)), item))
    for index, path in enumerate(task.logs):
        if ("logs", index) in found:
            item = found["logs", index]
            downloads.append(Download(item.uri, Path(path), item))
    return downloads


def _places(files: Sequence[OutputFile]) -> list[str]:
    """Where the downloads of a task go; the archive of a directory beside where it is unpacked."""
    return [
        archive_beside(output.path) if output.kind is OutputKind.DIRECTORY else output.path
        for output in files
    ]


def failure(
    services: Services, run: Run, task: Task, run_task: RunTask | None, code: int | None = None
) -> Failure:
    """Why a job failed, with its log files where the task could print them.

    `code` is what a task that completed all the same told of its job.
    """
    if run_task is None:
        return Failure(run.failure_reason or "", run.status_message or "", (), {})
    detail = get_task(services, run.id, run_task.id)
    lines = task_log(services, detail.log_stream) if detail.log_stream else []
    logs, rest = split_logs(lines, task.logs)
    told = None if code is None else f"the job ended with exit code {code}"
    return Failure(
        detail.failure_reason or run.failure_reason or "",
        told or detail.status_message or run.status_message or "",
        tuple(rest),
        logs,
    )


def split_logs(lines: Sequence[str], logs: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Separate the log files that a failed task printed from the other lines of its stream."""
    begins = {_LOG_BEGIN.format(log): log for log in logs}
    found: dict[str, list[str]] = {}
    rest: list[str] = []
    current: str | None = None
    for line in lines:
        if current is None and line in begins:
            current = begins[line]
            found[current] = []
        elif current is not None and line == _LOG_END.format(current):
            current = None
        else:
            (rest if current is None else found[current]).append(line)
    # The task ends what it prints of a log with a line break of its own.
    texts = {
        log: "\n".join(text[:-1] if text and not text[-1] else text) for log, text in found.items()
    }
    return {log: f"{text}\n" if text else "" for log, text in texts.items()}, rest
