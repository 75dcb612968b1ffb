"""Which images a workflow uses, for what rules, and what is known of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..model import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """An image, the rules that run in it, and the environment that it is made of, if any."""

    image: str
    rules: tuple[str, ...]
    environment: Environment | None = None
    is_default: bool = False  # of --container-image

    @property
    def source(self) -> str:
        if self.environment is not None:
            return self.environment.file
        return "--container-image" if self.is_default else "container:"


class State(StrEnum):
    """What was found where an image is pulled from."""

    THERE = "there"
    MISSING = "missing"
    MAPPED = "mapped"  # pulled through on first use
    ELSEWHERE = "not in ECR"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image where HealthOmics would pull it from."""

    use: ImageUse
    pulled_from: str
    state: State
    digest: str | None = None
    size: int | None = None  # bytes, compressed
    why: str = ""

    @property
    def json(self) -> dict[str, object]:
        environment = self.use.environment
        return {
            "image": self.use.image,
            "from": self.use.source,
            "environment": None if environment is None else str(environment),
            "rules": list(self.use.rules),
            "pulledFrom": self.pulled_from,
            "state": self.state.value,
            "why": self.why,
            "digest": self.digest,
            "sizeInBytes": self.size,
        }


def rows(found: Iterable[Found]) -> list[tuple[str, ...]]:
    """A table for people, its head first."""
    head = ("IMAGE", "FROM", "RULES", "STATE", "SIZE", "DIGEST")
    return [
        head,
        *(
            (
                one.pulled_from,
                one.use.source,
                ",".join(one.use.rules),
                one.state.value,
                "" if one.size is None else f"{one.size / 1e6:,.0f} MB",
                (one.digest or "")[:19],
            )
            for one in found
        ),
    ]
