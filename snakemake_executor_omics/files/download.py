"""Bring a run's results to the project's folder, and lose nothing that a user put there meanwhile.

A file that was changed after the run was made, and is not what the run made, is kept beside its
place. What this project fetched before its head died is no such file: it has the content, and most
often still the time, of its object.
"""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ..aws.session import Services
from ..aws.transfer import Download, download_many
from .archive import TIMESTAMP
from .progress import progress

_KEPT = ".omics-kept"
_FRESH = ".omics-new"


def fetch(
    services: Services,
    downloads: Sequence[Download],
    since: datetime | None,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Fetch results to their places; `since` is when the run was made."""
    wanted = [item for item in downloads if not item.is_here]
    beside = {
        item.path: replace(item, path=item.path.with_name(f"{item.path.name}{_FRESH}"))
        for item in wanted
        if _is_newer(item.path, since)
    }
    going = [beside.get(item.path, item) for item in wanted]
    size = sum(item.size for item in going)
    with progress(say, "fetching", "fetched", files=len(going), size=size) as on_bytes:
        download_many(services, going, on_bytes)
    for place, item in beside.items():
        keep_newer(place, item.path, since, warn)
        item.path.replace(place)


def keep_newer(
    place: Path, fresh: Path, since: datetime | None, warn: Callable[[str], None]
) -> None:
    """Move what is at `place` aside if it was changed `since` and is not the same as `fresh`."""
    if not _is_newer(place, since) or _is_same(place, fresh):
        return
    kept = place.with_name(f"{place.name}{_KEPT}")
    number = 1
    while kept.exists():
        number += 1
        kept = place.with_name(f"{place.name}{_KEPT}{number}")
    place.rename(kept)
    warn(f"omics: {place} was changed while its job ran; what was there is kept as {kept.name}")


def _is_newer(place: Path, since: datetime | None) -> bool:
    if since is None or not place.exists():
        return False
    files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    return any(path.stat().st_mtime > since.timestamp() for path in files if path.name != TIMESTAMP)


def _is_same(place: Path, fresh: Path) -> bool:
    if place.is_dir() != fresh.is_dir():
        return False
    if not place.is_dir():
        return filecmp.cmp(place, fresh, shallow=False)
    members = _members(place)
    return members == _members(fresh) and all(
        filecmp.cmp(place / name, fresh / name, shallow=False)
        for name, is_file in members
        if is_file
    )


def _members(directory: Path) -> list[tuple[str, bool]]:
    return sorted(
        (path.relative_to(directory).as_posix(), path.is_file())
        for path in directory.rglob("*")
        if path.name != TIMESTAMP
    )
