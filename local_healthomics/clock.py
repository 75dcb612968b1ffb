"""The time as the service writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A moment as documents hold it: UTC, milliseconds, so that texts compare as moments do."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(moment: str) -> float:
    """Seconds since a moment in a document."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def epoch_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
