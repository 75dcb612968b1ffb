"""Run caches: found by id or name, made on demand below the output URI."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Conflict
from ..limits import MAX_PAGE
from ..settings.options import CacheBehavior, NamedOrId
from .named import find_or_create
from .records import OWNER_TAG, told_id
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
        return told_id(found, "run cache")
    location = f"{output_uri.rstrip('/')}/cache"

    def listed() -> Iterator[Mapping[str, Any]]:
        # Unlike the other lists, this one cannot be asked for a name.
        for page in services.omics.get_paginator("list_run_caches").paginate(
            PaginationConfig={"PageSize": MAX_PAGE}
        ):
            yield from (item for item in page.get("items", ()) if item.get("status") == "ACTIVE")

    item = find_or_create(
        "run cache",
        str(cache.name),
        listed,
        lambda: services.omics.create_run_cache(
            name=str(cache.name),
            description="Results of tasks of Snakemake workflows.",
            cacheS3Location=location,
            cacheBehavior=behavior.value,
            requestId=str(uuid.uuid4()),
            tags={**(tags or {}), OWNER_TAG: "run-cache"},
        ),
        rank=lambda item: not _is_at(location, item),
    )
    return told_id(item, "run cache")


def cache_location(services: Services, cache_id: str) -> str | None:
    """Where a run cache keeps its entries; the cache's uuid may be the last part of it or not."""
    with translated(f"read run cache {cache_id}"):
        return services.omics.get_run_cache(id=cache_id).get("cacheS3Uri")


def _is_at(location: str, cache: Mapping[str, Any]) -> bool:
    """The service may add the cache's uuid to the location that it was given."""
    return f"{cache.get('cacheS3Uri', '')}/".startswith(f"{location}/")
