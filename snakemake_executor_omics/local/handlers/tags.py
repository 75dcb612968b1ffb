"""Tags of workflows, versions, runs, run groups and run caches."""

from __future__ import annotations

from typing import Any

from ..arn import document_of
from ..errors import NotFound, ValidationFault
from ..read_sets import tag_objects
from .context import Context, Handler, Params, existing

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
    _change(context, kind, id, tags)
    return {}


def untag_resource(context: Context, params: Params) -> dict[str, Any]:
    kind, id, tags = _tagged(context, params["resourceArn"])
    left = {key: value for key, value in tags.items() if key not in params["tagKeys"]}
    _change(context, kind, id, left)
    return {}


def _change(context: Context, kind: str, id: str, tags: dict[str, str]) -> None:
    changed = context.store.update(kind, id, {"tags": tags})
    if kind == "readSet":
        tag_objects(
            context, existing(context, "sequenceStore", changed["sequenceStoreId"]), changed
        )


def list_tags_for_resource(context: Context, params: Params) -> dict[str, Any]:
    return {"tags": _tagged(context, params["resourceArn"])[2]}


HANDLERS: dict[str, Handler] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
