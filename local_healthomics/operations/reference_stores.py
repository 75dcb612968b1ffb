"""Reference stores: what reference genomes are kept in."""

from __future__ import annotations

from typing import Any

from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict
from ..store.documents import FIRST_LONG_ID
from ..stores import objects as store_objects
from . import source_jobs
from .common import existing, given, times


def create_reference_store(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("referenceStores", lambda: context.count("referenceStore"))
    document = context.add(
        "referenceStore",
        {
            **given(params, "name", "description", "sseConfig"),
            "creationTime": now(),
            "tags": dict(params.get("tags") or {}),
        },
        first_id=FIRST_LONG_ID,
    )
    id = document["id"]
    return context.store.update(
        "referenceStore",
        id,
        {
            "arn": context.arn(f"referenceStore/{id}"),
            "bucket": store_objects.new_bucket(context.account, id),
        },
    )


def get_reference_store(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, "referenceStore", params["id"])


def list_reference_stores(context: Context, params: Params) -> dict[str, Any]:
    asked = params.get("filter") or {}
    return context.page(
        "referenceStore", params, key="referenceStores", name=asked.get("name"), **times(asked)
    )


def delete_reference_store(context: Context, params: Params) -> dict[str, Any]:
    id = params["id"]
    document = existing(context, "referenceStore", id)
    if context.store.rows("reference", parent=id, statuses=["ACTIVE"], limit=1):
        raise Conflict(f"reference store {id} holds references; delete them first")
    source_jobs.forget(context, ["referenceImportJob"], id)
    context.store.delete("referenceStore", id)
    context.other_services.remove_bucket(document["bucket"])
    return {}


HANDLERS: dict[str, Handler] = {
    "CreateReferenceStore": create_reference_store,
    "GetReferenceStore": get_reference_store,
    "ListReferenceStores": list_reference_stores,
    "DeleteReferenceStore": delete_reference_store,
}
