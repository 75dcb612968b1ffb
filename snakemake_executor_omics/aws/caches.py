"""Run caches: found by id or name, made on demand below the output URI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Conflict
from ..settings.options import CacheBehavior, NamedOrId
from .records import OWNER_TAG
from .session import Services
from .translate import translated


def ensure_run_cache(
    services: Services,
    cache: NamedOrId,
    output_uri: str,
    behavior: CacheBehavior,
    tags: Mapping[str, str] | None = None,
) -> str:
    """The id of the cache.

    A cache of that name at our place is preferred to one elsewhere: names are not unique. The
    behaviour of an existing cache is left alone, as each run says its own.
    """
    if cache.id is not None:
        with translated(f"read run cache {cache.id}"):
            found = services.omics.get_run_cache(id=cache.id)
        if found.get("status") != "ACTIVE":
            raise Conflict(
                f"run cache {cache.id} is {found.get('status')}",
                hint="name another one with --omics-run-cache, or 'none'",
            )
        return str(found["id"])
    location = f"{output_uri.rstrip('/')}/cache"
    existing = _named(services, str(cache.name), location)
    if existing is not None:
        return str(existing["id"])
    with translated(f"create run cache {cache.name}"):
        created = services.omics.create_run_cache(
            name=cache.name,
            description="Results of tasks of Snakemake workflows.",
            cacheS3Location=location,
            cacheBehavior=behavior.value,
            tags={**(tags or {}), OWNER_TAG: "run-cache"},
        )
    return str(created["id"])


def _named(services: Services, name: str, location: str) -> Mapping[str, Any] | None:
    # Unlike the other lists, this one cannot be asked for a name.
    with translated(f"look for run cache {name}"):
        pages = services.omics.get_paginator("list_run_caches").paginate(
            PaginationConfig={"PageSize": 100}
        )
        found = [
            item
            for page in pages
            for item in page.get("items", ())
            if item.get("name") == name and item.get("status") == "ACTIVE"
        ]

    def preference(item: Mapping[str, Any]) -> tuple[bool, int]:
        elsewhere = not str(item.get("cacheS3Uri", "")).rstrip("/").startswith(location)
        return elsewhere, int(item["id"])

    return min(found, key=preference, default=None)
