"""Read sets: what is in a sequence store, read by part, listed and deleted."""

from __future__ import annotations

from typing import Any

from ..context import Context, Handler, Params
from ..errors import Conflict, Fault, NotFound
from ..stores import objects as store_objects
from ..stores.read_sets import drop, note_reading, settle_all, settled
from .common import asked_states, existing, in_store, times


def _read_set(context: Context, params: Params) -> dict[str, Any]:
    return settled(context, in_store(context, "readSet", params["sequenceStoreId"], params["id"]))


def get_read_set(context: Context, params: Params) -> dict[str, Any]:
    read_set = _read_set(context, params)
    if read_set["status"] != "ACTIVE":
        raise Conflict(f"read set {params['id']} is {read_set['status']}, not ACTIVE")
    file = read_set["files"].get((params.get("file") or "SOURCE1").lower())
    if file is None:
        raise NotFound(f"in read set {params['id']}, file", params["file"])
    excerpt = store_objects.part(context, file, params["partNumber"])
    note_reading(context, params["id"])
    return {"payload": excerpt}


def get_read_set_metadata(context: Context, params: Params) -> dict[str, Any]:
    return _read_set(context, params)


def list_read_sets(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "sequenceStore", params["sequenceStoreId"])
    settle_all(context, params["sequenceStoreId"])
    asked = params.get("filter") or {}
    where = {
        member: asked[name]
        for name, member in {
            "referenceArn": "referenceArn",
            "sampleId": "sampleId",
            "subjectId": "subjectId",
            "generatedFrom": "sequenceInformation.generatedFrom",
            "creationType": "creationType",
        }.items()
        if asked.get(name)
    }
    return context.page(
        "readSet",
        params,
        key="readSets",
        parent=params["sequenceStoreId"],
        name=asked.get("name"),
        statuses=asked_states(asked),
        where=where,
        **times(asked),
    )


def batch_delete_read_set(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "sequenceStore", params["sequenceStoreId"])
    deleted, errors = [], []
    for id in dict.fromkeys(params["ids"]):
        try:
            read_set = in_store(context, "readSet", params["sequenceStoreId"], id)
            if read_set["status"] in ("PROCESSING_UPLOAD", "ACTIVATING"):
                raise Conflict(f"read set {id} is {read_set['status']}")
            deleted.append(read_set)
        except Fault as fault:
            errors.append({"id": id, "code": fault.code, "message": fault.message})
    drop(context, deleted)
    return {"errors": errors} if errors else {}


HANDLERS: dict[str, Handler] = {
    "GetReadSet": get_read_set,
    "GetReadSetMetadata": get_read_set_metadata,
    "ListReadSets": list_read_sets,
    "BatchDeleteReadSet": batch_delete_read_set,
}
