"""What a run that has ended left: its results to their places, and how each of its jobs ended."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..aws.objects import look_at
from ..aws.records import Run, RunStatus, RunTask
from ..aws.session import Services
from ..aws.transfer import write_bytes
from ..files.exported import exports_of
from ..files.place import absent, deliver
from ..log import Log
from ..model import JobKey, JobState, Task, Wave
from . import results
from .courtesy import Courtesy
from .failures import Failure, failed_by_itself, failure, why_ended
from .followed import FollowedRun
from .identity import read_by_others, result_identity
from .journal import Journal
from .ledger import Ending, Outcome, RunEnd
from .reasons import is_fault


def collect(
    services: Services,
    ended: FollowedRun,
    workdir: Path,
    courtesy: Courtesy,
    journal: Journal,
    log: Log,
) -> RunEnd:
    """Bring what an ended run left to its place, and tell how each job ended.

    Results come first; why a job failed is asked when they are here.
    """
    run, wave = ended.run, ended.wave
    completed, packed = run.status is RunStatus.COMPLETED, wave.packed
    run_tasks = {task.key: ended.tasks.get(ended.names[task.key]) for task in wave.tasks}
    export = _export(services, ended, run_tasks, courtesy)
    outcomes = {
        task.key: _outcome(ended.states[task.key], run_tasks[task.key], export, task.key, completed)
        for task in wave.tasks
    }
    here = {key for key, outcome in outcomes.items() if outcome is Outcome.DONE}
    deliver(services, wave, here, export.all, workdir, run.created, log.info, log.warning)
    journal.remember_exports(exports_of(wave, here, export.all, workdir))
    durations = _durations({key: run_tasks[key] for key in here}, export, packed)
    journal.remember_durations(durations)
    failures = {
        task.key: _failure(services, ended, task, packed.get(task.key), export, courtesy, workdir)
        for task in wave.tasks
        if outcomes[task.key] is Outcome.FAILED
    }
    outcomes |= {key: Outcome.STOPPED for key, found in failures.items() if found.stopped}
    for found in failures.values():
        _leave_logs(services, wave, found, workdir)
    return RunEnd(
        completed=completed,
        endings={
            key: _ending(outcome, failures.get(key), export.codes.get(key))
            for key, outcome in outcomes.items()
        },
        reason=f"run {run.id} completed, and its files are not below {run.output_uri}\n"
        if completed
        else why_ended(services, run),
        interrupted=is_fault(run.failure_reason),
        absent=absent(wave, here, export.all),
        seconds=durations,
    )


def _export(
    services: Services,
    ended: FollowedRun,
    run_tasks: Mapping[JobKey, RunTask | None],
    courtesy: Courtesy,
) -> results.Export:
    """Where the files of an ended run's jobs are."""
    run, wave = ended.run, ended.wave
    if run.status is RunStatus.COMPLETED:
        return results.exported(services, run, wave)
    done = {
        key: run_task
        for key, run_task in run_tasks.items()
        if run_task is not None and ended.states[key].is_success
    }
    may_fail = wave.may_fail
    goes_on = not wave.internal or not any(
        _is_the_end(services, run, task, run_tasks[task.key], ended.states, courtesy)
        for task in wave.tasks
        if task.key not in may_fail
    )
    return results.kept(services, run, wave, done, courtesy, goes_on=goes_on)


def _failure(
    services: Services,
    ended: FollowedRun,
    task: Task,
    pack: Sequence[JobKey] | None,
    export: results.Export,
    courtesy: Courtesy,
    workdir: Path,
) -> Failure:
    """Why a job of an ended run failed; `pack` are the jobs that it shared its task with."""
    return failure(
        services,
        ended.run,
        task,
        ended.tasks.get(ended.names[task.key]),
        courtesy,
        workdir,
        code=export.codes.get(task.key),
        number=None if pack is None else pack.index(task.key) + 1,
        of=1 if pack is None else len(pack),
    )


def _is_the_end(
    services: Services,
    run: Run,
    task: Task,
    run_task: RunTask | None,
    states: Mapping[JobKey, JobState],
    courtesy: Courtesy,
) -> bool:
    """Whether Snakemake starts nothing more after this job's failure.

    One that it would try again, or with `--keep-going`, may fail.
    """
    if states[task.key] is not JobState.FAILED or not task.files:
        return False
    if run_task is None:
        return not is_fault(run.failure_reason)
    return failed_by_itself(services, run, run_task, courtesy)


def _outcome(
    state: JobState,
    run_task: RunTask | None,
    export: results.Export,
    key: JobKey,
    completed: bool,
) -> Outcome:
    if not completed:
        if state.is_success:
            if key in export.codes:
                return Outcome.STOPPED
            return Outcome.DONE if key in export.downloads else Outcome.LOST
        return Outcome.FAILED if state is JobState.FAILED else Outcome.STOPPED
    if key not in export.codes:
        return Outcome.DONE if key in export.downloads else Outcome.LOST
    if export.codes[key] is None:
        return Outcome.POSTPONED if key in export.postponed else Outcome.STOPPED
    served = run_task is not None and run_task.cache_hit
    return Outcome.SERVED_FAILURE if served else Outcome.FAILED


def _ending(outcome: Outcome, found: Failure | None, code: int | None) -> Ending:
    if outcome is Outcome.SERVED_FAILURE:
        return Ending(outcome, f"the run cache has its failure, with exit code {code}\n")
    if found is None:
        return Ending(outcome)
    return Ending(Outcome.INTERRUPTED if found.fault else outcome, str(found))


def _durations(
    done: Mapping[JobKey, RunTask | None], export: results.Export, packed: Collection[JobKey]
) -> dict[JobKey, float]:
    """How long jobs worked that did not come from the run cache; a pack tells it of each."""
    found: dict[JobKey, float] = {}
    for key, task in done.items():
        if task is None or task.cache_hit:
            continue
        if key in packed:
            if key in export.seconds:
                found[key] = export.seconds[key]
        elif task.started and task.stopped and task.started <= task.stopped:
            found[key] = (task.stopped - task.started).total_seconds()
    return found


def _leave_logs(services: Services, wave: Wave, found: Failure, workdir: Path) -> None:
    """The log files of a failed job, which only its task's output has."""
    stored = wave.s3_targets
    for log, text in found.logs.items():
        if log in stored:
            write_bytes(services, stored[log], text.encode())
            continue
        path = workdir / log
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def delivered(
    services: Services, ended: FollowedRun, end: RunEnd, workdir: Path
) -> list[tuple[str, str, str]]:
    """Path, content and identity of results that other jobs of the run were made from."""
    stored = ended.wave.s3_targets
    done = {
        path: result_identity(ended.identities[maker], path)
        for path, maker in read_by_others(ended.wave).items()
        if end.endings[maker].outcome is Outcome.DONE and maker in ended.identities
    }
    in_s3 = [stored[path] for path in done if path in stored]
    there = look_at(services, in_s3) if in_s3 else {}
    found = []
    for path, identity in done.items():
        objects = there[stored[path]] if path in stored else ()
        if isinstance(objects, tuple) and objects:
            found.append((path, objects[0].etag, identity))
        elif path not in stored and (workdir / path).is_dir():
            found.append((path, "", identity))
        elif path not in stored and (workdir / path).is_file():
            with (workdir / path).open("rb") as file:
                digits = hashlib.file_digest(file, "sha256").hexdigest()
            found.append((path, digits, identity))
    return found
