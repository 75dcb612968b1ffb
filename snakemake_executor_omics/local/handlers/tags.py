"""Tags of workflows, versions, runs, run groups and run caches."""

from __future__ import annotations

from typing import Any

from ..arn import document_of
from ..errors import NotFound, ValidationFault
from .context import Context, Handler, Params

_TAGS = 50


def _tagged(context: Context, name: str) -> tuple[str, str, dict[str, str]]:
    found = document_of(name)
    document = context.store.get(*found) if found else None
    if found is None or document is None or document["account"] != context.account:
        raise NotFound("resource", name)
    return (*found, dict(document.get("tags") or {}))


def tag_resource(context: Context, params: Params) -> dict[str, Any]:
    kind, id, tags = _tagged(context, params["resourceArn"])
    tags |= params["tags"]
    if len(tags) > _TAGS:
        raise ValidationFault(f"a resource has at most {_TAGS} tags")
    context.store.update(kind, id, {"tags": tags})
    return {}


def untag_resource(context: Context, params: Params) -> dict[str, Any]:
    kind, id, tags = _tagged(context, params["resourceArn"])
    left = {key: value for key, value in tags.items() if key not in params["tagKeys"]}
    context.store.update(kind, id, {"tags": left})
    return {}


def list_tags_for_resource(context: Context, params: Params) -> dict[str, Any]:
    return {"tags": _tagged(context, params["resourceArn"])[2]}


HANDLERS: dict[str, Handler] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
