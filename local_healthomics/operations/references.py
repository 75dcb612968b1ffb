"""References: genomes in a reference store, and the jobs that import them from S3."""

from __future__ import annotations

import hashlib
import posixpath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..arn import object_of
from ..background import Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict, ValidationFault
from ..stores import objects as store_objects
from .common import existing, given, in_store, not_found, times
from .source_jobs import allotted, getter, job, lister, start

_STORE = "referenceStore"


def start_reference_import_job(context: Context, params: Params) -> dict[str, Any]:
    sources = allotted(context, params["sources"])
    return start(context, "referenceImportJob", _STORE, params, sources=sources)


def get_reference(context: Context, params: Params) -> dict[str, Any]:
    file = _active(context, params)["files"][(params.get("file") or "SOURCE").lower()]
    return {"payload": store_objects.part(context, file, params["partNumber"], params.get("range"))}


def get_reference_metadata(context: Context, params: Params) -> dict[str, Any]:
    return _active(context, params)


def list_references(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "referenceStore", params["referenceStoreId"])
    asked = params.get("filter") or {}
    return context.page(
        "reference",
        params,
        key="references",
        parent=params["referenceStoreId"],
        name=asked.get("name"),
        statuses=["ACTIVE"],
        where=given(asked, "md5"),
        **times(asked),
    )


def delete_reference(context: Context, params: Params) -> dict[str, Any]:
    """From here on nobody sees it; its files go after the answer."""
    reference = _active(context, params)
    if context.store.rows("readSet", where={"referenceArn": reference["arn"]}, limit=1):
        raise Conflict(f"reference {params['id']} has read sets; delete them first")
    context.store.update("reference", params["id"], {"status": "DELETING"})
    return {"follow_up": [("reference", params["id"])]}


def _active(context: Context, params: Params) -> dict[str, Any]:
    found = in_store(context, "reference", params["referenceStoreId"], params["id"], _STORE)
    if found["status"] != "ACTIVE":
        raise not_found("reference", params["id"])
    return found


def remove(context: Context, document: dict[str, Any]) -> None:
    """What is left to do for a reference that is DELETING."""
    for file in document["files"].values():
        store_objects.drop(context, file)
    context.store.delete("reference", document["id"])


def _import(context: Context, job: dict[str, Any], source: dict[str, Any]) -> str:
    id = source["allotted"]
    if context.store.get("reference", id) is None:
        reference = _taken_in(context, job, source, id)
        with context.store.transaction():
            store = existing(context, "referenceStore", job["referenceStoreId"])
            context.add("reference", reference, id=id, parent=store["id"])
    source["referenceId"] = id
    return "The source was imported."


def _taken_in(
    context: Context, job: dict[str, Any], source: dict[str, Any], id: str
) -> dict[str, Any]:
    """The document of a new reference, whose files are in the store_objects."""
    bucket, key = object_of(source["sourceFile"])
    path, name = context.objects.file(bucket, key), posixpath.basename(key)
    if path is None or not name:
        raise ValidationFault(f"{source['sourceFile']} is not there, or cannot be read")
    store = existing(context, "referenceStore", job["referenceStoreId"])
    with path.open("rb") as opened:
        md5 = hashlib.file_digest(opened, "md5").hexdigest()
    with TemporaryDirectory(dir=context.uploads) as folder:
        index = context.reader.index_of_reference(path, Path(folder))
        files = {
            "source": store_objects.keep(context, store, id, name, path, etag=md5),
            "index": store_objects.keep(context, store, id, f"{name}.fai", index),
        }
    at = now()
    return {
        **given(source, "name", "description"),
        "id": id,
        "arn": context.arn(f"referenceStore/{store['id']}/reference/{id}"),
        "referenceStoreId": store["id"],
        "md5": md5,  # of the file as it was given ("GetReferenceMetadata": of an entire file)
        "status": "ACTIVE",
        "creationTime": at,
        "updateTime": at,
        "files": files,
        "creationType": "IMPORT",
        "creationJobId": job["id"],
        "tags": dict(source.get("tags") or {}),
    }


HANDLERS: dict[str, Handler] = {
    "StartReferenceImportJob": start_reference_import_job,
    "GetReferenceImportJob": getter("referenceImportJob", _STORE),
    "ListReferenceImportJobs": lister("referenceImportJob", _STORE, "importJobs"),
    "GetReference": get_reference,
    "GetReferenceMetadata": get_reference_metadata,
    "ListReferences": list_references,
    "DeleteReference": delete_reference,
}
JOBS: dict[str, Job[Context]] = {
    "referenceImportJob": job("referenceImportJob", "sources", _import),
    "reference": remove,
}
