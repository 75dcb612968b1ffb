"""A benchmark file gets what the service measured, and its task could not tell. Pure.

A task knows the time of its job; memory and CPU are measured from outside, for the whole task: so
they are known of a job that is alone in its task and ran once.
"""

from __future__ import annotations

import json
from typing import Any

_UNKNOWN = "NA"
_MIB_PER_GIB = 1024  # Snakemake counts memory in MiB


def filled(text: str, is_json: bool, *, memory_gib: float | None, cpus: float | None) -> str | None:
    """The file with the most memory and the mean of CPUs that its job used; None if none fits.

    What is known already stays. `max_rss` is in MiB, `mean_load` in percent of one CPU, `cpu_time`
    in seconds, as Snakemake has them.
    """
    try:
        return _json(text, memory_gib, cpus) if is_json else _tsv(text, memory_gib, cpus)
    except (ValueError, KeyError, TypeError):  # of another form: a job may write its own
        return None


def _tsv(text: str, memory_gib: float | None, cpus: float | None) -> str | None:
    head, row = (line.split("\t") for line in text.splitlines())
    record = dict(zip(head, row, strict=True))
    measured = _measured(float(record["s"]), memory_gib, cpus)
    found = {name: f"{value:.2f}" for name, value in measured.items() if record[name] == _UNKNOWN}
    if not found:
        return None
    return "\n".join(("\t".join(head), "\t".join((record | found).values()), ""))


def _json(text: str, memory_gib: float | None, cpus: float | None) -> str | None:
    record: dict[str, Any] = json.loads(text)
    measured = _measured(float(record["s"]), memory_gib, cpus)
    found = {name: value for name, value in measured.items() if record[name] == _UNKNOWN}
    return json.dumps(record | found, sort_keys=True) + "\n" if found else None


def _measured(seconds: float, memory_gib: float | None, cpus: float | None) -> dict[str, float]:
    found = {}
    if memory_gib is not None:
        found["max_rss"] = round(memory_gib * _MIB_PER_GIB, 2)
    if cpus is not None:
        found |= {"mean_load": round(100 * cpus, 2), "cpu_time": round(cpus * seconds, 2)}
    return found
