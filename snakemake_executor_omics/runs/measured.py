"""Benchmark files of an ended run are given what the service measured of its tasks.

The service writes that, the run's manifest, when the run has ended, and CloudWatch may show it some
seconds later: it is waited for, not for long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..aws.logs import LOG_GROUP
from ..aws.manifest import Manifest, read_manifest
from ..aws.records import Run, RunTask
from ..aws.session import Services
from ..compile import task_name
from ..files.benchmarks import filled
from ..log import Log
from ..model import Benchmark, JobKey, Step, Wave
from .courtesy import Courtesy

_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds
_OFF = "OFF"  # the log level with which there is no manifest


def fill_benchmarks(
    services: Services,
    run: Run,
    wave: Wave,
    run_tasks: Mapping[str, RunTask],
    done: Collection[JobKey],
    workdir: Path,
    courtesy: Courtesy,
    log: Log,
    pauses: Sequence[float] = _PAUSES,
) -> None:
    """Fill the benchmark files of `done` jobs that have just been delivered.

    `run_tasks` has the tasks of the run by name. The files of those from the run cache stay as they
    came, and so do those in S3 and those that another task of the run has read.
    """
    readers = wave.readers
    wanted = {}
    for task in wave.tasks:
        run_task, benchmark = run_tasks.get(task_name(task.key)), _of_one_run(task.steps)
        if task.key not in done or run_task is None or run_task.cache_hit or benchmark is None:
            continue
        if benchmark.path not in task.s3_targets and benchmark.path not in readers:
            wanted[run_task.id] = benchmark
    if not wanted or run.log_level == _OFF:
        return
    for id, use in _manifest(services, run, courtesy, log, pauses).tasks.items():
        if id in wanted:
            place, is_json = workdir / wanted[id].path, wanted[id].is_json
            _rewrite(place, is_json, use.memory_maximum_gib, use.cpus_average)


def _of_one_run(steps: Sequence[Step]) -> Benchmark | None:
    """The benchmark file of a job that is alone in its task and ran once."""
    benchmark = steps[0].benchmark if len(steps) == 1 else None
    return benchmark if benchmark is not None and benchmark.repeats == 1 else None


def _manifest(
    services: Services, run: Run, courtesy: Courtesy, log: Log, pauses: Sequence[float]
) -> Manifest:
    for number, pause in enumerate((*pauses, None)):
        found = courtesy.ask(
            "what tasks used is",
            f"logs:GetLogEvents on log group {LOG_GROUP}, streams manifest/run/*",
            lambda: read_manifest(services, run),
            None,
        )
        if found is None:
            break
        if found:
            return found
        if pause is not None:
            if number == 0:
                log.info(
                    f"omics: waiting {sum(pauses):.0f} s at most for what the tasks of run "
                    f"{run.id} used, for their benchmark files"
                )
            time.sleep(pause)
    return Manifest()


def _rewrite(place: Path, is_json: bool, memory_gib: float | None, cpus: float | None) -> None:
    """Fill a file, and leave its time: Snakemake reruns what is older than its input."""
    try:
        before = place.stat()
        text = filled(place.read_text("utf-8"), is_json, memory_gib=memory_gib, cpus=cpus)
        if text is None:
            return
        beside = place.with_name(f".{place.name}.omics")
        beside.write_text(text, "utf-8")
        beside.chmod(before.st_mode & 0o7777)
        os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
        beside.replace(place)
    except (OSError, UnicodeDecodeError):
        return  # it is as complete as before
