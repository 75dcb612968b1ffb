"""What was expected before the run: what its start noted, or what `check --json` told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OmicsError
from ..runs.journal import Start


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """Dollars and seconds that were expected; `rules` have the dollars of each rule.

    Of `assumed` jobs nothing told how long they take: `minutes` were taken.
    """

    rules: Mapping[str, float]
    instance_dollars: float
    storage_dollars: float
    seconds: float
    jobs: int = 0
    assumed: int = 0
    minutes: float = 0.0

    @property
    def dollars(self) -> float:
        return self.instance_dollars + self.storage_dollars


def noted(starts: Iterable[Start | None]) -> Estimated | None:
    """What was expected of runs when they were started, one start after the other.

    None if none of it is known: others started them, or an older version did.
    """
    told = [start.expected for start in starts if start is not None and start.expected]
    if not told:
        return None
    rules: dict[str, float] = {}
    seconds: dict[object, float] = {}  # of the longest run of each start
    for one in told:
        for rule, dollars in one["rules"].items():
            rules[rule] = rules.get(rule, 0.0) + float(dollars)
        seconds[one["start"]] = max(float(one["seconds"]), seconds.get(one["start"], 0.0))
    return Estimated(
        rules=rules,
        instance_dollars=sum(rules.values()),
        storage_dollars=sum(float(one["storageUSD"]) for one in told),
        seconds=sum(seconds.values()),
        jobs=sum(one["jobs"] for one in told),
        assumed=sum(one["assumed"] for one in told),
        minutes=told[0]["minutes"],
    )


def read_estimate(path: Path) -> Estimated:
    """
    Raises:
        OmicsError: there is no such file, or it is none that `check --json` wrote.
    """
    try:
        return _estimated(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise OmicsError(f"--estimate {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OmicsError(
            f"--estimate {path}: this is no document of snakemake-omics check",
            hint="before the run: snakemake-omics check --json > estimate.json",
        ) from error


def _estimated(document: Any) -> Estimated:
    rules: dict[str, float] = {}
    for row in document["rules"]:
        rules[row["rule"]] = rules.get(row["rule"], 0.0) + float(row["USD"])
    told = document["estimate"]
    return Estimated(
        rules=rules,
        instance_dollars=float(told["instanceUSD"]),
        storage_dollars=float(told["storageUSD"]),
        seconds=3600 * float(told["makespanHours"]),
    )
