"""What was estimated before the run: the document of `snakemake-omics check --json`, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OmicsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """Dollars and seconds that were expected; `rules` have the dollars of each rule."""

    rules: Mapping[str, float]
    instance_dollars: float
    storage_dollars: float
    seconds: float

    @property
    def dollars(self) -> float:
        return self.instance_dollars + self.storage_dollars


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
