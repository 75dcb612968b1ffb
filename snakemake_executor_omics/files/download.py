"""Bring a run's results to the project's folder, and lose nothing that a user put there meanwhile.

A file that was changed after the run was made, and is not what the run made, is kept beside its
place. What this project fetched before its head died is no such file: it has the content, and most
often still the time, of its object. What has the content already is not fetched.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path

from ..aws.session import Services
from ..aws.transfer import Download, download_each
from ..errors import StagingError
from .archive import TIMESTAMP
from .incoming import HIDDEN, incoming, sweep
from .progress import progress

_KEPT = ".omics-kept"
_LONGEST_NAME = 255  # bytes, of most file systems


def fetch(
    services: Services,
    downloads: Sequence[Download],
    folder: Path,
    since: datetime | None,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Fetch results to their places by way of `folder`; `since` is when the run was made.

    Under its name a result is whole or what was there before, wherever this process dies.

    Raises:
        StagingError, ServiceError: what came before that is in its place.
    """
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            unchanged = pool.map(lambda item: item.is_here or item.has_content, downloads)
            wanted = [item for item, same in zip(downloads, unchanged, strict=True) if not same]
        places = {_unseen(item, folder): item.path for item in wanted}
    except OSError as error:
        raise StagingError(f"cannot make the folder of a result: {error}") from error
    sweep(folder, {fresh.path.name for fresh in places})
    here = [fresh for fresh in places if fresh.is_here]  # a killed process had not moved it yet
    going = [fresh for fresh in places if not fresh.is_here]
    size = sum(fresh.size for fresh in going)
    with progress(say, "fetching", "fetched", files=len(going), size=size) as on_bytes:
        try:
            for fresh in chain(here, download_each(services, going, on_bytes)):
                place = places[fresh]
                keep_newer(place, fresh.path, since, warn)
                fresh.path.replace(place)
        except OSError as error:
            raise StagingError(f"cannot put a result in its place: {error}") from error


def _unseen(item: Download, folder: Path) -> Download:
    """The download to a place of ours, under a name that is short whatever the result's is."""
    item.path.parent.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(f"{item.path}\0{item.uri}".encode(errors="surrogateescape")).hexdigest()
    return replace(item, path=incoming(item.path, folder) / f"{HIDDEN}{name[:32]}")


def keep_newer(
    place: Path, fresh: Path | None, since: datetime | None, warn: Callable[[str], None]
) -> None:
    """Move what is at `place` aside if it was changed `since` and is not the same as `fresh`."""
    if not _is_newer(place, since) or (fresh is not None and _is_same(place, fresh)):
        return
    kept = _beside(place, _KEPT)
    number = 1
    while kept.exists():
        number += 1
        kept = _beside(place, f"{_KEPT}{number}")
    place.rename(kept)
    warn(f"omics: {place} was changed while its job ran; what was there is kept as {kept.name}")


def _beside(place: Path, suffix: str) -> Path:
    name = os.fsencode(place.name)[: _LONGEST_NAME - len(suffix)]
    return place.with_name(name.decode(errors="ignore") + suffix)


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
