"""Run caches. What they hold is in S3 and stays there."""

from __future__ import annotations

import uuid
from typing import Any

from ..arn import ACCOUNT, object_of
from ..context import Context, Handler, Params
from ..errors import ValidationFault
from .common import check_region
from .resources import Resource

_CACHES = Resource(
    kind="cache",
    path="runCache",
    quota="runCaches",
    members=("name", "description", "cacheBehavior"),
)


def create_run_cache(context: Context, params: Params) -> dict[str, Any]:
    location = params["cacheS3Location"].rstrip("/")
    if not context.objects.has_bucket(object_of(location)[0]):
        raise ValidationFault(f"the bucket of cacheS3Location {location} does not exist")
    check_region(context, "cacheS3Location", location)
    owner = params.get("cacheBucketOwnerId") or context.account
    if owner not in (context.account, ACCOUNT):  # all accounts share one S3, which is ACCOUNT's
        raise ValidationFault(f"the bucket of cacheS3Location {location} is not of {owner}")
    id = str(uuid.uuid4())
    return _CACHES.create(
        context,
        params,
        cacheBucketOwnerId=owner,
        cacheBehavior=params.get("cacheBehavior") or "CACHE_ON_FAILURE",
        cacheS3Uri=f"{location}/{id}/",  # as published answers of GetRunCache have it
        uuid=id,
        status="ACTIVE",
    )


def list_run_caches(context: Context, params: Params) -> dict[str, Any]:
    return context.page("cache", params)


def update_run_cache(context: Context, params: Params) -> dict[str, Any]:
    _CACHES.update(context, params)
    return {}


HANDLERS: dict[str, Handler] = {
    "CreateRunCache": create_run_cache,
    "GetRunCache": _CACHES.get,
    "ListRunCaches": list_run_caches,
    "UpdateRunCache": update_run_cache,
    "DeleteRunCache": _CACHES.delete,
}
