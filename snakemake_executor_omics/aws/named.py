"""What is found by its name and made on demand: run groups and run caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .translate import translated

LATER = datetime.max.replace(tzinfo=UTC)


def find_or_create(
    what: str,
    name: str,
    listed: Callable[[], Iterable[Mapping[str, Any]]],
    create: Callable[[], Mapping[str, Any]],
    rank: Callable[[Mapping[str, Any]], int] = lambda item: 0,
) -> Mapping[str, Any]:
    """The item of that name with the lowest `rank`, or a new one.

    Names are not unique: among equals it is the oldest, which is the same one for everybody.
    """
    with translated(f"look for {what} {name}"):
        found = [item for item in listed() if item.get("name") == name]
    if found:
        return min(found, key=lambda item: (rank(item), *oldest_first(item)))
    with translated(f"create {what} {name}"):
        return create()


def oldest_first(item: Mapping[str, Any]) -> tuple[datetime, str]:
    """Ids are random and used again: the time of creation orders, an id only settles a tie."""
    return item.get("creationTime") or LATER, str(item.get("id", ""))
