"""What AWS asks for instances and storage, from a file that names its date and sources.

Dollars an hour; storage by the GB-hour, which AWS counts as GiB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from .instances import NAMED

_ELSEWHERE = "us-east-1"  # whose prices stand for regions that the file does not have


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of `region`; `estimated` has those of instances that no price list confirms.

    `asked` is the region that they were asked for: another one, where its own are not known.
    """

    region: str
    asked: str
    noted: str
    source: str
    instances: Mapping[str, float]
    estimated: Mapping[str, float]
    estimated_source: str
    static: float
    dynamic: float
    disk: float

    @property
    def stand_in(self) -> str | None:
        """Whose prices these are, if not those of the region that was asked for."""
        return None if self.region == self.asked else self.region

    def of_instance(self, name: str) -> float | None:
        """Dollars for an hour of `omics.…`; None if there is no such instance."""
        known = self.instances.get(name) or self.estimated.get(name)
        if known is not None or name not in NAMED:
            return known
        instance = NAMED[name]
        smallest = self.instances.get(f"omics.{instance.family}.large")
        return None if smallest is None else smallest / 2 * instance.vcpus


@lru_cache
def prices_of(region: str | None) -> Prices:
    """The prices of a region, or those that stand for them."""
    data: dict[str, Any] = json.loads(files(__package__).joinpath("prices.json").read_text("utf-8"))
    noted = data.pop("noted")
    known = region if region in data else _ELSEWHERE
    found = data[known]
    return Prices(
        known,
        region or known,
        noted,
        found["source"],
        found["instances"],
        found["estimated"],
        found["estimated_source"],
        **found["storage"],
    )
