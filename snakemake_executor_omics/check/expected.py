"""What runs that start now are expected to take and cost: noted with each, for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..cost.prices import prices_of
from ..graph.durations import Duration
from ..model import JobKey, Wave
from ..settings.options import Options
from .estimate import Assumed, estimate_waves
from .request import MINUTES


def expected(
    runs: Sequence[Wave],
    durations: Mapping[JobKey, Duration],
    options: Options,
    workdir: Path,
    region: str,
) -> list[dict[str, Any]]:
    """Of each run, as plain JSON: dollars by rule, as a report names the tasks of it, and time.

    Another try of a job is in the time only: its dollars were expected before. `assumed` counts the
    jobs of which nothing tells how long they take, `minutes` is what was taken then.
    """
    share = Assumed.of(runs, options, workdir)
    jobs = sum(len(run.tasks) for run in runs)
    return [
        _of_run(run, durations, region, share, len(run.tasks) / jobs if jobs else 0.0)
        for run in runs
    ]


def _of_run(
    run: Wave, durations: Mapping[JobKey, Duration], region: str, all_of_it: Assumed, part: float
) -> dict[str, Any]:
    assumed = Assumed(
        minutes=MINUTES,
        storage_gib=all_of_it.storage_gib * part,
        static_gib=all_of_it.static_gib,
        own_disks=all_of_it.own_disks,
    )
    tasks = {task.key: task for task in run.tasks}
    found = estimate_waves([[run]], tasks, durations, prices_of(region), assumed)
    rules: dict[str, float] = {}
    for keys in run.calls:
        first = [key for key in keys if not tasks[key].is_retry]
        name = ", ".join(dict.fromkeys(key.rule for key in keys))
        rules[name] = rules.get(name, 0.0) + sum(found.jobs[key].dollars for key in first)
    return {
        "rules": rules,
        "storageUSD": found.storage_dollars,
        "seconds": 3600 * found.makespan_hours,
        "jobs": len(tasks),
        "assumed": sum(job.source is None for job in found.jobs.values()),
        "minutes": MINUTES,
    }
