"""Which versions of Snakemake the plugin works with; imports nothing."""

from __future__ import annotations

import re

# As in pyproject.toml: from the first up to, but not with, the second.
SUPPORTED = ("9.18.1", "10")


def is_supported(version: str) -> bool:
    first, end = map(_numbers, SUPPORTED)
    return first <= _numbers(version) < end


def requirement() -> str:
    """As pip takes it."""
    return "snakemake>={},<{}".format(*SUPPORTED)


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: `9.20.0+3.gabc` is (9, 20, 0)."""
    digits = re.match(r"[\d.]*\d", version)
    return tuple(map(int, digits[0].split("."))) if digits else ()
