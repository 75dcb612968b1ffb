"""How much of an account works at once, by which a graph is cut into runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..limits import (
    ACTIVE_RUNS,
    QUOTA_DYNAMIC_RUNS,
    QUOTA_STATIC_RUNS,
    QUOTA_TASKS_PER_RUN,
    TASKS_PER_RUN,
)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Runs of an account and tasks of a run that work at once: documented defaults, unless told.

    `told` is the day on which Service Quotas told them.
    """

    active_runs: int = ACTIVE_RUNS
    tasks_per_run: int = TASKS_PER_RUN
    told: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, float], *, static: bool, told: str) -> Quotas:
        """By what Service Quotas has by code; what it does not have is the documented default."""

        def value(code: str, default: int) -> int:
            found = values.get(code, default)
            return int(found) if math.isfinite(found) and found >= 1 else default

        code, _ = QUOTA_STATIC_RUNS if static else QUOTA_DYNAMIC_RUNS
        return cls(value(code, ACTIVE_RUNS), value(*QUOTA_TASKS_PER_RUN), told)

    def __str__(self) -> str:
        source = "documented defaults" if self.told is None else f"Service Quotas, {self.told}"
        return (
            f"at most {self.active_runs:,} runs of the account and {self.tasks_per_run:,} tasks of "
            f"each work at once ({source})"
        )
