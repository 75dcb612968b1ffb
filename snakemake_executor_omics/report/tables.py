"""The report for programs: JSON with all of it, CSV with a line for each task. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from .advice import Advice
from .model import ReportedTask
from .summaries import Summary

VERSION = 1  # of the JSON; a member that goes or means something else makes it another


def to_json(summary: Summary, advice: Advice) -> str:
    """All of it, with times in UTC and seconds, GiB and dollars as numbers."""
    report, total = summary.report, summary.totals
    document = {
        "version": VERSION,
        "totals": {**plain(total), "dollars": total.dollars},
        "rules": plain(summary.rules),
        "waits": plain(summary.waits),
        "estimated": plain(summary.estimated),
        "advice": plain(advice),
        **plain(report),
    }
    document["tasks"] = [
        {**plain(task), "queued": task.queued, "seconds": task.seconds} for task in report.tasks
    ]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
    """A value in what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return _time(value) if isinstance(value, datetime) else value


_COLUMNS = (
    *("run", "id", "name", "job", "rule", "state", "superseded"),
    *("created", "started", "stopped", "queued", "seconds"),
    *("cpus", "memory_gib", "gpus", "instance"),
)
_USED = (
    *("cpus_reserved", "cpus_average", "cpus_maximum"),
    *("memory_reserved_gib", "memory_average_gib", "memory_maximum_gib"),
    *("disk_reserved_gib", "disk_used_gib"),
)


def to_csv(tasks: Sequence[ReportedTask]) -> str:
    """A line for each attempt at a task; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *_USED, "dollars", "saved"])
    for task in tasks:
        used = [None if task.use is None else getattr(task.use, name) for name in _USED]
        cells = [getattr(task, name) for name in _COLUMNS]
        writer.writerow(
            _time(cell) if isinstance(cell, datetime) else cell
            for cell in (*cells, *used, task.dollars, task.saved)
        )
    return text.getvalue()


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
