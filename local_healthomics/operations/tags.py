"""Tags of every resource that can have some: all that has an ARN, but for run tasks.

How long keys and values may be is the model's to say; `validation` adds what it leaves out.
"""

from __future__ import annotations

from typing import Any

from ..context import Context, Handler, Params
from ..errors import ValidationFault
from ..protocol.validation import MOST_TAGS
from ..stores.read_sets import tag_objects
from .common import by_arn, existing


def _tagged(context: Context, name: str) -> tuple[str, str, dict[str, str]]:
    kind, key, document = by_arn(context, name)
    if kind == "task":
        raise ValidationFault(f"{name} is a run task, which has no tags")
    return kind, key, dict(document.get("tags") or {})


def tag_resource(context: Context, params: Params) -> dict[str, Any]:
    kind, key, tags = _tagged(context, params["resourceArn"])
    tags |= params["tags"]
    if len(tags) > MOST_TAGS:
        raise ValidationFault(f"a resource has at most {MOST_TAGS} tags")
    _change(context, kind, key, tags)
    return {}


def untag_resource(context: Context, params: Params) -> dict[str, Any]:
    kind, key, tags = _tagged(context, params["resourceArn"])
    left = {name: value for name, value in tags.items() if name not in params["tagKeys"]}
    _change(context, kind, key, left)
    return {}


def _change(context: Context, kind: str, key: str, tags: dict[str, str]) -> None:
    changed = context.store.update(kind, key, {"tags": tags})
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
