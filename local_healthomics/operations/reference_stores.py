"""Reference stores: what reference genomes are kept in."""

from __future__ import annotations

from typing import Any

from ..context import Context, Handler, Params
from ..errors import Conflict
from ..store.documents import LONG_ID_DIGITS
from ..stores import objects as store_objects
from . import source_jobs
from .common import times
from .resources import Resource

_STORES = Resource(
    kind="referenceStore",
    path="referenceStore",
    quota="referenceStores",
    members=("name", "description", "sseConfig"),
    digits=LONG_ID_DIGITS,
)


def create_reference_store(context: Context, params: Params) -> dict[str, Any]:
    id = _STORES.create(context, params)["id"]
    bucket = store_objects.new_bucket(context.account, id)
    return context.store.update("referenceStore", id, {"bucket": bucket})


def list_reference_stores(context: Context, params: Params) -> dict[str, Any]:
    asked = params.get("filter") or {}
    return context.page(
        "referenceStore", params, key="referenceStores", name=asked.get("name"), **times(asked)
    )


def delete_reference_store(context: Context, params: Params) -> dict[str, Any]:
    id = params["id"]
    document = _STORES.get(context, params)
    if context.store.rows("reference", parent=id, statuses=["ACTIVE"], limit=1):
        raise Conflict(f"reference store {id} holds references; delete them first")
    source_jobs.forget(context, ["referenceImportJob"], id)
    context.objects.remove_bucket(document["bucket"])
    return _STORES.delete(context, params)


HANDLERS: dict[str, Handler] = {
    "CreateReferenceStore": create_reference_store,
    "GetReferenceStore": _STORES.get,
    "ListReferenceStores": list_reference_stores,
    "DeleteReferenceStore": delete_reference_store,
}
