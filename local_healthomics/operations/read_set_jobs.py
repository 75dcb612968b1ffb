"""Import, export and activation jobs of read sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arn import ALIAS, object_of
from ..background import Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict, ValidationFault
from ..stores import objects as store_objects
from ..stores.read_sets import activate, ingest, settled
from .common import existing, given, in_store
from .read_set_uploads import check_source
from .source_jobs import QUEUED, allotted, getter, job, lister, start

_STORE = "sequenceStore"
_ACTIVE_ALREADY = "No activation needed as read set is already in ACTIVATING or ACTIVE state."
Document = dict[str, Any]


def start_read_set_import_job(context: Context, params: Params) -> dict[str, Any]:
    for number, source in enumerate(params["sources"]):
        check_source(
            source["sourceFileType"],
            source.get("referenceArn"),
            bool(source["sourceFiles"].get("source2")),
            f"sources[{number}].sourceFileType",
        )
    sources = allotted(context, params["sources"])
    return start(context, "readSetImportJob", _STORE, params, sources=sources)


def start_read_set_export_job(context: Context, params: Params) -> dict[str, Any]:
    return start(
        context,
        "readSetExportJob",
        _STORE,
        params,
        readSets=[{"id": id, **QUEUED} for id in _read_set_ids(context, params)],
    )


def start_read_set_activation_job(context: Context, params: Params) -> dict[str, Any]:
    return start(
        context,
        "readSetActivationJob",
        _STORE,
        params,
        sources=[{"readSetId": id, **QUEUED} for id in _read_set_ids(context, params)],
    )


def _read_set_ids(context: Context, params: Params) -> Sequence[str]:
    ids = [source["readSetId"] for source in params["sources"]]
    for id in ids:
        in_store(context, "readSet", params["sequenceStoreId"], id)
    return list(dict.fromkeys(ids))


def _import(context: Context, job: Document, source: Document) -> str:
    store = existing(context, "sequenceStore", job["sequenceStoreId"])
    id = source["allotted"]
    if context.store.get("readSet", id) is None:
        read_set = {
            **given(source, "subjectId", "sampleId", "referenceArn", "name", "description"),
            "id": id,
            "arn": context.arn(f"sequenceStore/{store['id']}/readSet/{id}"),
            "sequenceStoreId": store["id"],
            "fileType": source["sourceFileType"],
            "sequenceInformation": given(source, "generatedFrom"),
            "status": "ACTIVE",
            "creationType": "IMPORT",
            "creationJobId": job["id"],
            "creationTime": now(),
            "tags": source.get("tags", {}),
        }
        uris = filter(None, map(source["sourceFiles"].get, ("source1", "source2")))
        taken = ingest(context, store, read_set, [_named(context, uri) for uri in uris])
        with context.store.transaction():
            existing(context, "sequenceStore", store["id"])
            context.add("readSet", read_set | taken, id=id, parent=store["id"])
    source["readSetId"] = id
    return "The source was imported."


def _named(context: Context, uri: str) -> tuple[str, Path]:
    """The file of an S3 object, and its name."""
    bucket, key = object_of(uri)
    found = context.objects.file(bucket, key)
    if found is None:
        raise ValidationFault(f"{uri} is not there, or cannot be read")
    return key.rpartition("/")[2], found


def _export(context: Context, job: Document, source: Document) -> str:
    """To DESTINATION/ID/NAME; the service does not say what it does below the destination."""
    read_set = settled(context, in_store(context, "readSet", job["sequenceStoreId"], source["id"]))
    if read_set["status"] != "ACTIVE":
        raise Conflict(f"The read set is {read_set['status']}, not ACTIVE.")
    bucket, prefix = object_of(job["destination"])
    if not context.objects.has_bucket(bucket) or bucket.endswith(ALIAS):
        raise ValidationFault(f"The bucket {bucket} is not there, or cannot be written.")
    for file in read_set["files"].values():
        name = file["s3Access"]["s3Uri"].rpartition("/")[2]
        key = "/".join(filter(None, (prefix.rstrip("/"), source["id"], name)))
        context.objects.link(bucket, key, store_objects.path(context, file))
    return "The read set was exported."


def _activate(context: Context, job: Document, source: Document) -> str:
    id = source["readSetId"]
    read_set = settled(context, in_store(context, "readSet", job["sequenceStoreId"], id))
    if read_set["status"] == "ACTIVE":
        return _ACTIVE_ALREADY
    if read_set["status"] not in ("ARCHIVED", "ACTIVATING"):
        raise Conflict(f"The read set is {read_set['status']}, not ARCHIVED.")
    activate(context, id)
    return "The read set was activated."


HANDLERS: dict[str, Handler] = {
    "StartReadSetImportJob": start_read_set_import_job,
    "GetReadSetImportJob": getter("readSetImportJob", _STORE),
    "ListReadSetImportJobs": lister("readSetImportJob", _STORE, "importJobs"),
    "StartReadSetExportJob": start_read_set_export_job,
    "GetReadSetExportJob": getter("readSetExportJob", _STORE),
    "ListReadSetExportJobs": lister("readSetExportJob", _STORE, "exportJobs"),
    "StartReadSetActivationJob": start_read_set_activation_job,
    "GetReadSetActivationJob": getter("readSetActivationJob", _STORE),
    "ListReadSetActivationJobs": lister("readSetActivationJob", _STORE, "activationJobs"),
}
JOBS: dict[str, Job[Context]] = {
    "readSetImportJob": job("readSetImportJob", "sources", _import),
    "readSetExportJob": job("readSetExportJob", "readSets", _export),
    "readSetActivationJob": job("readSetActivationJob", "sources", _activate),
}
