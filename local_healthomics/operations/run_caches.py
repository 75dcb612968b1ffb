"""Run caches. What they hold is in S3 and stays there."""

from __future__ import annotations

import uuid
from typing import Any

from ..arn import ACCOUNT, object_of
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import ValidationFault
from .common import existing, given


def create_run_cache(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("runCaches", lambda: context.count("cache"))
    location = params["cacheS3Location"].rstrip("/")
    if not context.other_services.has_bucket(object_of(location)[0]):
        raise ValidationFault(f"the bucket of cacheS3Location {location} does not exist")
    owner = params.get("cacheBucketOwnerId") or context.account
    if owner not in (context.account, ACCOUNT):  # all accounts share one S3, which is ACCOUNT's
        raise ValidationFault(f"the bucket of cacheS3Location {location} is not of {owner}")
    document = context.add(
        "cache",
        {
            **given(params, "name", "description"),
            "cacheBucketOwnerId": owner,
            "cacheBehavior": params.get("cacheBehavior") or "CACHE_ON_FAILURE",
            "cacheS3Uri": location,
            "uuid": str(uuid.uuid4()),
            "status": "ACTIVE",
            "creationTime": now(),
            "tags": dict(params.get("tags") or {}),
        },
    )
    id = document["id"]
    return context.store.update("cache", id, {"arn": context.arn(f"runCache/{id}")})


def get_run_cache(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, "cache", params["id"])


def list_run_caches(context: Context, params: Params) -> dict[str, Any]:
    return context.page("cache", params)


def update_run_cache(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "cache", params["id"])
    changes = given(params, "name", "description", "cacheBehavior")
    context.store.update("cache", params["id"], changes)
    return {}


def delete_run_cache(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "cache", params["id"])
    context.store.delete("cache", params["id"])
    return {}


HANDLERS: dict[str, Handler] = {
    "CreateRunCache": create_run_cache,
    "GetRunCache": get_run_cache,
    "ListRunCaches": list_run_caches,
    "UpdateRunCache": update_run_cache,
    "DeleteRunCache": delete_run_cache,
}
