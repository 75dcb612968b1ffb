"""Files that a job changes in place (`update()`): kept before, put back if the job fails.

Snakemake does so where a job runs, which a task cannot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snakemake.io import is_flagged

from . import internals
from .units import members


class Updates:
    """What was kept in this invocation."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._kept: set[Path] = set()

    def keep(self, job: Any) -> None:
        """Before a job runs."""
        for path in _updated(job):
            if path.exists():
                internals.back_up(self._workflow, path)
                self._kept.add(path)

    def forget(self, job: Any) -> None:
        """After a job has succeeded."""
        for path in _updated(job):
            internals.forget_backup(self._workflow, path)

    def put_back(self, job: Any) -> list[Path]:
        """After a job has failed, and Snakemake has removed its outputs; the files put back."""
        return [
            path
            for path in _updated(job)
            if path in self._kept and internals.restore(self._workflow, path)
        ]


def _updated(job: Any) -> list[Path]:
    return [
        Path(path)
        for member in members(job)
        for path in member.output
        if is_flagged(path, "update") and not path.is_storage
    ]
