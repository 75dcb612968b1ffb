"""Sequence stores: what read sets are kept in."""

from __future__ import annotations

from typing import Any

from ..background import Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict
from ..store.documents import LONG_ID_DIGITS
from ..stores import objects as store_objects
from ..stores.read_sets import retag
from . import source_jobs
from .common import asked_states, existing, given, times
from .s3_policies import default_policy

_JOBS = ("readSetImportJob", "readSetExportJob", "readSetActivationJob")
_MEMBERS = ("name", "description", "fallbackLocation", "propagatedSetLevelTags")


def create_sequence_store(context: Context, params: Params) -> dict[str, Any]:
    document = context.add(
        "sequenceStore",
        {
            **given(params, *_MEMBERS, "sseConfig"),
            "eTagAlgorithmFamily": params.get("eTagAlgorithmFamily") or "MD5up",
            "status": "CREATING",
            "creationTime": now(),
            "tags": dict(params.get("tags") or {}),
        },
        digits=LONG_ID_DIGITS,
    )
    id = document["id"]
    document |= {
        "arn": context.arn(f"sequenceStore/{id}"),
        "bucket": store_objects.new_bucket(context.account, id),
    }
    document["s3Access"] = {
        "s3Uri": store_objects.store_uri(document),
        "s3AccessPointArn": store_objects.access_point(document),
        **given(params.get("s3AccessConfig") or {}, "accessLogLocation"),
    }
    document["policy"] = {"text": default_policy(document), "time": document["creationTime"]}
    context.store.update("sequenceStore", id, document)
    return {**document, "follow_up": [("sequenceStore", id)]}


def get_sequence_store(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, "sequenceStore", params["id"])


def list_sequence_stores(context: Context, params: Params) -> dict[str, Any]:
    asked = params.get("filter") or {}
    return context.page(
        "sequenceStore",
        params,
        key="sequenceStores",
        name=asked.get("name"),
        statuses=asked_states(asked),
        **times(asked),
    )


def update_sequence_store(context: Context, params: Params) -> dict[str, Any]:
    document = existing(context, "sequenceStore", params["id"])
    log = given(params.get("s3AccessConfig") or {}, "accessLogLocation")
    changed = context.store.update(
        "sequenceStore",
        params["id"],
        {
            **given(params, *_MEMBERS),
            "s3Access": document["s3Access"] | log,
            "status": "UPDATING",
            "updateTime": now(),
        },
    )
    return {**changed, "follow_up": [("sequenceStore", params["id"])]}


def delete_sequence_store(context: Context, params: Params) -> dict[str, Any]:
    id = params["id"]
    document = existing(context, "sequenceStore", id)
    if context.count("readSet", id):
        raise Conflict(f"sequence store {id} holds read sets; delete them first")
    source_jobs.forget(context, _JOBS, id)
    uploads = [row.body["id"] for row in context.store.rows("upload", parent=id)]
    for upload in uploads:
        context.store.update("upload", upload, {"status": "DELETING"})
    context.store.delete("sequenceStore", id)
    context.objects.remove_bucket(document["bucket"])
    return {"follow_up": [("upload", upload) for upload in uploads]}


def settle(context: Context, document: dict[str, Any]) -> None:
    """A store that is CREATING or UPDATING becomes ACTIVE, its objects tagged as it says."""
    retag(context, document)
    with context.store.transaction():
        if context.store.get("sequenceStore", document["id"]) is not None:
            context.objects.make_bucket(document["bucket"])
            context.store.update("sequenceStore", document["id"], {"status": "ACTIVE"})


HANDLERS: dict[str, Handler] = {
    "CreateSequenceStore": create_sequence_store,
    "GetSequenceStore": get_sequence_store,
    "ListSequenceStores": list_sequence_stores,
    "UpdateSequenceStore": update_sequence_store,
    "DeleteSequenceStore": delete_sequence_store,
}
JOBS: dict[str, Job[Context]] = {"sequenceStore": settle}
