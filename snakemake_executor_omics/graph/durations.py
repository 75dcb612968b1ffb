"""How long jobs take, as far as it is known before they run, and who says so.

Known is what was measured: a job's `benchmark:` file, or the time of its task in an earlier run,
which the journal keeps. A job that has not run yet is taken to be like the longest of its rule.
`runtime` is an upper bound and counts as that: a job takes no longer.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from ..model import JobKey, Task
from .paths import project_path
from .units import job_key


class Source(StrEnum):
    """Who says how long a job takes."""

    BENCHMARK = "its benchmark file"
    EARLIER_RUN = "an earlier run"
    RULE = "other jobs of its rule"
    RUNTIME = "its runtime"


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds that a job takes; at most so many where its `runtime` is the source."""

    seconds: float
    source: Source


def known_durations(
    tasks: Iterable[Task], benchmarks: Mapping[JobKey, float], earlier: Mapping[JobKey, float]
) -> dict[JobKey, Duration]:
    """What is known of the tasks, of each by the best source that there is.

    `benchmarks` are the seconds that benchmark files tell, `earlier` those of earlier runs' tasks;
    both may have other jobs of the rules too. A group is told by a run of its own, by the
    benchmark files of all of its jobs, whose longest of a layer is waited for, or by its `runtime`.
    """
    longest: dict[str, float] = {}
    for known in (benchmarks, earlier):
        for key, seconds in known.items():
            longest[key.rule] = max(seconds, longest.get(key.rule, 0))
    found = {}
    for task in tasks:
        bound = float(task.resources.timeout) if isinstance(task.resources.timeout, int) else None
        measured = [
            [benchmarks.get(step.key, math.inf) for step in layer if not step.is_service] or [0.0]
            for layer in task.layers
        ]
        if (seconds := sum(map(max, measured))) < math.inf:
            found[task.key] = Duration(seconds, Source.BENCHMARK)
        elif task.key in earlier:
            found[task.key] = Duration(earlier[task.key], Source.EARLIER_RUN)
        elif task.key.rule in longest and longest[task.key.rule] <= (bound or math.inf):
            found[task.key] = Duration(longest[task.key.rule], Source.RULE)
        elif bound is not None:
            found[task.key] = Duration(bound, Source.RUNTIME)
    return found


def benchmarked(jobs: Iterable[Any], workdir: Path) -> dict[JobKey, float]:
    """The seconds of those of Snakemake's jobs whose benchmark file is here, of all repeats."""
    found = {}
    for job in jobs:
        if job.benchmark:
            path = workdir / project_path(job.benchmark, workdir, job.rule.name)
            if (seconds := read_benchmark(path)) is not None:
                found[job_key(job)] = seconds
    return found


def read_benchmark(path: Path) -> float | None:
    """The seconds that a benchmark file tells, None where there is none that can be read."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@cache  # each of many waves asks for all that there are
def _read(path: Path, changed: int) -> float | None:
    try:
        text = path.read_text("utf-8")
        seconds = [float(value) for value in _seconds(text.splitlines(), path.suffix == ".jsonl")]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    known = bool(seconds) and all(value >= 0 and math.isfinite(value) for value in seconds)
    return sum(seconds) if known else None


def _seconds(lines: list[str], is_json: bool) -> Iterator[Any]:
    rows: Iterable[Mapping[str, Any]]
    rows = map(json.loads, lines) if is_json else csv.DictReader(lines, delimiter="\t")
    return (row["s"] for row in rows)
