"""What was checked, for programs: plain JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..cost.quotas import Quotas
from ..errors import OmicsError, UnsupportedRule
from .checked import Checked
from .rows import Row, rows


def document(checked: Checked) -> dict[str, Any]:
    """Names in the service's spelling; `memoryMB` may be a WDL expression."""
    planned, found = checked.planned, checked.estimate
    reasons = Counter((job.wave, job.why) for job in planned.jobs if job.wave > 1 and job.why)
    return {
        "place": checked.place,
        "refused": [_refused(error) for error in checked.refused],
        "rules": [_row(row) for row in rows(checked)],
        "here": dict(sorted(planned.here.items())),
        "waves": [
            {
                "wave": number,
                "runs": [len(run.tasks) for run in runs],
                "tasks": [len(run.calls) for run in runs],
                "waitsFor": [
                    {"reason": why, "jobs": count}
                    for (wave, why), count in reasons.items()
                    if wave == number
                ],
            }
            for number, runs in enumerate(planned.waves, start=1)
        ],
        "quotas": _quotas(checked.quotas),
        "images": dict(sorted(planned.images.items())),
        "undeclared": {rule: list(files) for rule, files in checked.undeclared.items()},
        "internet": [
            {"rule": one.rule, "where": one.where, "command": one.words} for one in checked.internet
        ],
        "reachesInternet": checked.reaches_internet,
        "environmentVariables": list(checked.variables),
        "notes": list(planned.notes),
        "estimate": {
            "instanceHours": found.instance_hours,
            "instanceUSD": found.instance_dollars,
            "storageGiBHours": found.storage_gib_hours,
            "storageUSD": found.storage_dollars,
            "storageType": "DYNAMIC" if found.assumed.static_gib is None else "STATIC",
            "runHours": found.run_hours,
            "makespanHours": found.makespan_hours,
            "totalUSD": found.dollars,
            "pricesOf": found.prices.region,
            "pricesNoted": found.prices.noted,
            "assumedMinutes": found.assumed.minutes,
            "assumedStorageGiB": found.assumed.storage_gib,
        },
    }


def _quotas(quotas: Quotas | None) -> dict[str, Any] | None:
    if quotas is None:
        return None
    return {
        "activeRuns": quotas.active_runs,
        "tasksPerRun": quotas.tasks_per_run,
        "toldByServiceQuotas": quotas.told,
    }


def _row(row: Row) -> dict[str, Any]:
    asked = row.resources
    return {
        "rule": row.rule,
        "where": row.where,
        "jobs": row.jobs,
        "as": row.how.value,
        "wave": row.wave,
        "cpus": None if asked is None else asked.cpus,
        "memoryMB": None if asked is None else asked.memory_mb,
        "gpus": None if asked is None else asked.gpus,
        "accelerator": None if asked is None else asked.accelerator,
        "instanceType": row.instance,
        "instanceTypeAssumed": row.is_open,
        "image": row.image,
        "seconds": row.seconds,
        "USD": row.dollars,
        "durationsFrom": list(row.sources),
        "assumedDurations": row.assumed,
    }


def _refused(error: OmicsError) -> dict[str, Any]:
    if isinstance(error, UnsupportedRule):
        return {
            "rule": error.rule,
            "reason": error.reason,
            "where": error.where,
            "hint": error.hint,
        }
    return {"rule": None, "reason": error.message, "where": None, "hint": error.hint}
