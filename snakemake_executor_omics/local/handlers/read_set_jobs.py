"""Import, export and activation jobs of read sets: a list of sources, each done on its own.

A job does its sources one after the other and writes down how each ended, so that a job that was
interrupted goes on with the first that has not. The messages are those of the user guide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import vault
from ..arn import ALIAS
from ..clock import now
from ..errors import Conflict, Fault, ValidationFault
from ..jobs import Job
from ..read_sets import activate, settled, take_in
from ..store import FIRST_LONG_ID
from .context import Context, Handler, Params, existing, given, times
from .read_set_uploads import check_source
from .read_sets import in_store

_MESSAGE = 127  # characters of a statusMessage of a job or a source
_QUEUED = {"status": "NOT_STARTED", "statusMessage": "The source is queued for the job."}
_ACTIVE_ALREADY = "No activation needed as read set is already in ACTIVATING or ACTIVE state."
Document = dict[str, Any]


def _start(context: Context, kind: str, params: Params, **members: Any) -> Document:
    existing(context, "sequenceStore", params["sequenceStoreId"])
    job = context.add(kind, {
        **given(params, "sequenceStoreId", "roleArn", "destination"),
        "status": "SUBMITTED",
        "statusMessage": "The job is submitted and will start soon.",
        "creationTime": now(),
        **members,
    }, parent=params["sequenceStoreId"], first_id=FIRST_LONG_ID)  # fmt: skip
    return {**job, "then": [(kind, job["id"])]}


def start_read_set_import_job(context: Context, params: Params) -> dict[str, Any]:
    for number, source in enumerate(params["sources"]):
        check_source(
            source["sourceFileType"], source.get("referenceArn"),
            bool(source["sourceFiles"].get("source2")), f"sources[{number}].sourceFileType",
        )  # fmt: skip
    sources = [  # the ids are allotted before files go where the ids say
        {**source, **_QUEUED, "allotted": context.store.new_id(FIRST_LONG_ID)}
        for source in params["sources"]
    ]
    return _start(context, "readSetImportJob", params, sources=sources)


def start_read_set_export_job(context: Context, params: Params) -> dict[str, Any]:
    return _start(context, "readSetExportJob", params, readSets=[
        {"id": id, **_QUEUED} for id in _read_set_ids(context, params)
    ])  # fmt: skip


def start_read_set_activation_job(context: Context, params: Params) -> dict[str, Any]:
    return _start(context, "readSetActivationJob", params, sources=[
        {"readSetId": id, **_QUEUED} for id in _read_set_ids(context, params)
    ])  # fmt: skip


def _read_set_ids(context: Context, params: Params) -> Sequence[str]:
    ids = [source["readSetId"] for source in params["sources"]]
    for id in ids:
        in_store(context, "readSet", params["sequenceStoreId"], id)
    return list(dict.fromkeys(ids))


def _getter(kind: str) -> Handler:
    def get(context: Context, params: Params) -> dict[str, Any]:
        return in_store(context, kind, params["sequenceStoreId"], params["id"])

    return get


def _lister(kind: str, key: str) -> Handler:
    def list_jobs(context: Context, params: Params) -> dict[str, Any]:
        existing(context, "sequenceStore", params["sequenceStoreId"])
        asked = params.get("filter") or {}
        return context.page(
            kind, params, key=key, parent=params["sequenceStoreId"],
            statuses=[asked["status"]] if asked.get("status") else [], **times(asked),
        )  # fmt: skip

    return list_jobs


def _job(kind: str, member: str, work: Callable[[Context, Document, Document], str]) -> Job:
    """A job that does `work` on each source under `member`; `work` answers what to say of it."""

    def run(context: Context, job: Document) -> None:
        sources: list[Document] = job[member]

        def note(source: Document, status: str, message: str) -> None:
            source |= {"status": status, "statusMessage": message[:_MESSAGE]}
            context.store.update(kind, job["id"], {
                "status": "IN_PROGRESS", "statusMessage": "The job is currently in progress.",
                member: sources,
            })  # fmt: skip

        for source in sources:
            if source["status"] in ("FINISHED", "FAILED"):
                continue
            if context.jobs.closing:
                return
            note(source, "IN_PROGRESS", "The source job is currently in progress.")
            try:
                note(source, "FINISHED", work(context, job, source))
            except Fault as fault:
                note(source, "FAILED", fault.message)
        context.store.update(kind, job["id"], {**_outcome(sources), "completionTime": now()})

    return run


def _outcome(sources: Sequence[Document]) -> dict[str, str]:
    failed = sum(source["status"] == "FAILED" for source in sources)
    if not failed:
        return {"status": "COMPLETED", "statusMessage": "The job completed successfully."}
    status = "FAILED" if failed == len(sources) else "COMPLETED_WITH_FAILURES"
    return {"status": status, "statusMessage": f"{failed} of {len(sources)} sources failed."}


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
        taken = take_in(context, store, read_set, [_named(context, uri) for uri in uris])
        with context.store.transaction():
            existing(context, "sequenceStore", store["id"])
            context.add("readSet", read_set | taken, id=id, parent=store["id"])
    source["readSetId"] = id
    return "The source was imported."


def _named(context: Context, uri: str) -> tuple[str, Path]:
    """The file of an S3 object, and its name."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = context.peers.object_file(bucket, key)
    if found is None:
        raise ValidationFault(f"{uri} is not there, or cannot be read")
    return key.rpartition("/")[2], found


def _export(context: Context, job: Document, source: Document) -> str:
    """To DESTINATION/ID/NAME; the service does not say what it does below the destination."""
    read_set = settled(context, in_store(context, "readSet", job["sequenceStoreId"], source["id"]))
    if read_set["status"] != "ACTIVE":
        raise Conflict(f"The read set is {read_set['status']}, not ACTIVE.")
    bucket, _, prefix = job["destination"].removeprefix("s3://").partition("/")
    if not context.peers.has_bucket(bucket) or bucket.endswith(ALIAS):
        raise ValidationFault(f"The bucket {bucket} is not there, or cannot be written.")
    for file in read_set["files"].values():
        name = file["s3Access"]["s3Uri"].rpartition("/")[2]
        key = "/".join(filter(None, (prefix.rstrip("/"), source["id"], name)))
        context.peers.link(bucket, key, vault.path(context, file))
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
    "GetReadSetImportJob": _getter("readSetImportJob"),
    "ListReadSetImportJobs": _lister("readSetImportJob", "importJobs"),
    "StartReadSetExportJob": start_read_set_export_job,
    "GetReadSetExportJob": _getter("readSetExportJob"),
    "ListReadSetExportJobs": _lister("readSetExportJob", "exportJobs"),
    "StartReadSetActivationJob": start_read_set_activation_job,
    "GetReadSetActivationJob": _getter("readSetActivationJob"),
    "ListReadSetActivationJobs": _lister("readSetActivationJob", "activationJobs"),
}
JOBS: dict[str, Job] = {
    "readSetImportJob": _job("readSetImportJob", "sources", _import),
    "readSetExportJob": _job("readSetExportJob", "readSets", _export),
    "readSetActivationJob": _job("readSetActivationJob", "sources", _activate),
}
