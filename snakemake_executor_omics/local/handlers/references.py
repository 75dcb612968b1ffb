"""References: genomes in a reference store, and the jobs that import them from S3."""

from __future__ import annotations

import hashlib
import posixpath
import tempfile
from pathlib import Path
from typing import Any

from .. import fasta, vault
from ..clock import now
from ..errors import Conflict
from ..jobs import Job
from ..store import FIRST_LONG_ID
from .context import Context, Handler, Params, existing, given, not_found, times

_STATUS_MESSAGE = 127


class NotImported(Exception):
    """A source that cannot be read; the message says why."""


def start_reference_import_job(context: Context, params: Params) -> dict[str, Any]:
    store = existing(context, "referenceStore", params["referenceStoreId"])
    document = context.add("referenceImportJob", {
        "referenceStoreId": store["id"],
        "roleArn": params["roleArn"],
        "status": "SUBMITTED",
        "creationTime": now(),
        "sources": [source | {"status": "NOT_STARTED"} for source in params["sources"]],
    }, parent=store["id"], first_id=FIRST_LONG_ID)  # fmt: skip
    return {**document, "then": [("referenceImportJob", document["id"])]}


def get_reference_import_job(context: Context, params: Params) -> dict[str, Any]:
    return _of_store(context, "referenceImportJob", params)


def list_reference_import_jobs(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "referenceStore", params["referenceStoreId"])
    asked = params.get("filter") or {}
    return context.page(
        "referenceImportJob", params, key="importJobs", parent=params["referenceStoreId"],
        statuses=[asked["status"]] if asked.get("status") else [], **times(asked),
    )  # fmt: skip


def get_reference(context: Context, params: Params) -> dict[str, Any]:
    file = _active(context, params)["files"][(params.get("file") or "SOURCE").lower()]
    return {"payload": vault.part(context, file, params["partNumber"], params.get("range"))}


def get_reference_metadata(context: Context, params: Params) -> dict[str, Any]:
    return _active(context, params)


def list_references(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "referenceStore", params["referenceStoreId"])
    asked = params.get("filter") or {}
    return context.page(
        "reference", params, key="references", parent=params["referenceStoreId"],
        name=asked.get("name"), statuses=["ACTIVE"], where=given(asked, "md5"), **times(asked),
    )  # fmt: skip


def delete_reference(context: Context, params: Params) -> dict[str, Any]:
    """From here on nobody sees it; its files go after the answer."""
    reference = _active(context, params)
    if context.store.rows("readSet", where={"referenceArn": reference["arn"]}, limit=1):
        raise Conflict(f"reference {params['id']} has read sets; delete them first")
    context.store.update("reference", params["id"], {"status": "DELETING"})
    return {"then": [("reference", params["id"])]}


def _of_store(context: Context, kind: str, params: Params) -> dict[str, Any]:
    existing(context, "referenceStore", params["referenceStoreId"])
    found = existing(context, kind, params["id"])
    if found["referenceStoreId"] != params["referenceStoreId"]:
        raise not_found(kind, params["id"])
    return found


def _active(context: Context, params: Params) -> dict[str, Any]:
    found = _of_store(context, "reference", params)
    if found["status"] != "ACTIVE":
        raise not_found("reference", params["id"])
    return found


def remove(context: Context, document: dict[str, Any]) -> None:
    """What is left to do for a reference that is DELETING."""
    for file in document["files"].values():
        vault.drop(context, file)
    context.store.delete("reference", document["id"])


def import_references(context: Context, job: dict[str, Any]) -> None:
    """A job from SUBMITTED to its end, source by source; what is done already stays done."""
    sources = job["sources"]

    def say(**changes: Any) -> None:
        context.store.update("referenceImportJob", job["id"], {"sources": sources, **changes})

    for number, source in enumerate(sources):
        if source["status"] in ("FINISHED", "FAILED"):
            continue
        if context.jobs.closing:
            return
        source["status"] = "IN_PROGRESS"
        say(status="IN_PROGRESS")
        # Made of the job's id, so that a job begun again meets what it has imported already.
        id = f"{job['id']}{number:02d}"
        try:
            reference = _imported(context, job, source, id)
        except (NotImported, fasta.NotFasta, OSError) as error:
            source |= {"status": "FAILED", "statusMessage": str(error)[:_STATUS_MESSAGE]}
            say()
            continue
        with context.store.transaction():
            if context.store.get("reference", id) is None:
                context.add("reference", reference, id=id, parent=job["referenceStoreId"])
            source |= {"status": "FINISHED", "referenceId": id}
            say()
    failed = sum(source["status"] == "FAILED" for source in sources)
    end: dict[str, Any] = {"status": "COMPLETED", "completionTime": now()}
    if failed:
        end["status"] = "FAILED" if failed == len(sources) else "COMPLETED_WITH_FAILURES"
        end["statusMessage"] = f"{failed} of {len(sources)} sources could not be imported"
    say(**end)


def _imported(
    context: Context, job: dict[str, Any], source: dict[str, Any], id: str
) -> dict[str, Any]:
    """The document of a new reference, whose files are in the vault."""
    bucket, _, key = source["sourceFile"].removeprefix("s3://").partition("/")
    path = context.peers.object_file(bucket, key)
    if path is None:
        raise NotImported("the object does not exist")
    store = existing(context, "referenceStore", job["referenceStoreId"])
    name = posixpath.basename(key)
    if not name:
        raise NotImported("the object is a folder")
    with path.open("rb") as opened:
        md5 = hashlib.file_digest(opened, "md5").hexdigest()
    with tempfile.NamedTemporaryFile() as index:
        index.writelines(fasta.index(path))
        index.flush()
        files = {
            "source": vault.keep(context, store, id, name, path, etag=md5),
            "index": vault.keep(context, store, id, f"{name}.fai", Path(index.name)),
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
    "GetReferenceImportJob": get_reference_import_job,
    "ListReferenceImportJobs": list_reference_import_jobs,
    "GetReference": get_reference,
    "GetReferenceMetadata": get_reference_metadata,
    "ListReferences": list_references,
    "DeleteReference": delete_reference,
}
JOBS: dict[str, Job] = {"referenceImportJob": import_references, "reference": remove}
