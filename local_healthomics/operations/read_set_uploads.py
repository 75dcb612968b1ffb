"""Direct upload: the parts of a read set's source files, one after the other or many at once.

A part is a file in the upload's folder, named by its content, so that a replaced part and the
document that names it never disagree. How the service checks parts is not documented: here
CompleteMultipartReadSetUpload wants every part that was uploaded, each with the checksum that
UploadReadSetPart answered, numbered from 1 without a gap, in any order.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arn import object_of
from ..background import Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Fault, ValidationFault
from ..formats.streams import is_gzip
from ..removing import remove
from ..store.documents import LONG_ID_DIGITS
from ..stores.read_sets import ingest
from .common import existing, given, in_store, not_found, times

_MEMBERS = (
    "sequenceStoreId",
    "sourceFileType",
    "subjectId",
    "sampleId",
    "generatedFrom",
    "referenceArn",
    "name",
    "description",
)
_SOURCES = ("SOURCE1", "SOURCE2")
_MESSAGE = 255  # characters of a read set's statusMessage
# What the model requires of an answer even where the request did not have it.
_NO_REFERENCE = {"referenceArn": "arn:none"}
_UNSAID = {**_NO_REFERENCE, "generatedFrom": "-"}


def check_source(
    file_type: str, reference: str | None, second: bool, where: str = "sourceFileType"
) -> None:
    """What the service asks of a source: aligned reads have a reference, and one file."""
    if file_type in ("BAM", "CRAM") and not reference:
        raise ValidationFault(f"referenceArn is required where {where} is {file_type}")
    if second and file_type != "FASTQ":
        raise ValidationFault(f"a second source is for FASTQ, not where {where} is {file_type}")


def create_multipart_read_set_upload(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "sequenceStore", params["sequenceStoreId"])
    check_source(params["sourceFileType"], params.get("referenceArn"), second=False)
    upload = context.add(
        "upload",
        {
            **given(params, *_MEMBERS, "tags"),
            "status": "OPEN",
            "creationTime": now(),
        },
        parent=params["sequenceStoreId"],
        digits=LONG_ID_DIGITS,
    )
    id = upload["id"]
    return _NO_REFERENCE | context.store.update("upload", id, {"uploadId": id})


def list_multipart_read_set_uploads(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "sequenceStore", params["sequenceStoreId"])
    answer = context.page(
        "upload", params, key="uploads", parent=params["sequenceStoreId"], statuses=["OPEN"]
    )
    return answer | {"uploads": [_UNSAID | upload for upload in answer["uploads"]]}


def _upload(context: Context, params: Params) -> dict[str, Any]:
    found = in_store(context, "upload", params["sequenceStoreId"], params["uploadId"])
    if found["status"] != "OPEN":
        raise not_found("upload", found["id"])
    return found


def upload_read_set_part(context: Context, params: Params) -> dict[str, Any]:
    upload = _upload(context, params)
    body, source, number = params["payload"], params["partSource"], params["partNumber"]
    if not body.size:
        raise ValidationFault("the length of payload must be at least 1")
    check_source(upload["sourceFileType"], upload.get("referenceArn"), source == "SOURCE2")
    folder = context.uploads / upload["id"]
    folder.mkdir(exist_ok=True)
    file = folder / f"{source}-{number}-{body.sha256}"
    body.path.replace(file)
    id, at = f"{upload['id']}/{source}/{number}", now()
    part = {"file": file.name, "partSize": body.size, "checksum": body.sha256}
    if context.store.get("uploadPart", id) is not None:
        context.store.update("uploadPart", id, {**part, "lastUpdatedTime": at})
    else:
        context.add(
            "uploadPart",
            {
                **part,
                "partSource": source,
                "partNumber": number,
                "creationTime": at,
                "lastUpdatedTime": at,
            },
            id=id,
            parent=upload["id"],
        )
    return {"checksum": body.sha256}


def list_read_set_upload_parts(context: Context, params: Params) -> dict[str, Any]:
    """In the order of their first upload."""
    upload = _upload(context, params)
    return context.page(
        "uploadPart",
        params,
        key="parts",
        parent=upload["id"],
        newest_first=False,
        where={"partSource": params["partSource"]},
        **times(params.get("filter") or {}),
    )


def abort_multipart_read_set_upload(context: Context, params: Params) -> dict[str, Any]:
    id = _upload(context, params)["id"]
    context.store.update("upload", id, {"status": "DELETING"})
    return {"follow_up": [("upload", id)]}


def forget_upload(context: Context, upload: dict[str, Any]) -> None:
    """Delete an upload that is DELETING, and its parts."""
    remove(context.uploads / upload["id"], within=context.uploads)
    with context.store.transaction():
        context.store.delete("upload", upload["id"])
        context.store.delete_children("uploadPart", upload["id"])


def complete_multipart_read_set_upload(context: Context, params: Params) -> dict[str, Any]:
    upload = _upload(context, params)
    _check_parts(params["parts"], _parts(context, upload["id"]))
    members = given(
        upload, "sequenceStoreId", "subjectId", "sampleId", "referenceArn", "name", "description"
    )
    read_set = context.add(
        "readSet",
        {
            **members,
            "fileType": upload["sourceFileType"],
            "sequenceInformation": given(upload, "generatedFrom"),
            "status": "PROCESSING_UPLOAD",
            "creationType": "UPLOAD",
            "creationJobId": upload["id"],
            "creationTime": now(),
            "tags": upload.get("tags", {}),
        },
        parent=upload["sequenceStoreId"],
        digits=LONG_ID_DIGITS,
    )
    id = read_set["id"]
    arn = context.arn(f"sequenceStore/{upload['sequenceStoreId']}/readSet/{id}")
    context.store.update("readSet", id, {"arn": arn})
    context.store.delete("upload", upload["id"])
    return {"readSetId": id, "follow_up": [("readSet", id)]}


def _parts(context: Context, upload_id: str) -> list[dict[str, Any]]:
    return [row.body for row in context.store.rows("uploadPart", parent=upload_id)]


def _check_parts(listed: Sequence[Params], there: Sequence[Params]) -> None:
    """ValidationException unless the request lists just what is there."""
    checksums = {_key(part): part["checksum"] for part in there}
    asked = {_key(part): part["checksum"] for part in listed}
    if len(asked) < len(listed):
        raise ValidationFault("parts names a part twice")
    for (source, number), checksum in asked.items():
        if (source, number) not in checksums:
            raise ValidationFault(f"part {number} of {source} was not uploaded")
        if checksum != checksums[source, number]:
            raise ValidationFault(f"the checksum of part {number} of {source} is another")
    if unlisted := sorted(checksums.keys() - asked.keys()):
        source, number = unlisted[0]
        raise ValidationFault(f"part {number} of {source} was uploaded, and is not in parts")
    for source in _SOURCES:
        numbers = sorted(number for of, number in asked if of == source)
        if numbers != list(range(1, len(numbers) + 1)):
            raise ValidationFault(f"the parts of {source} are not numbered from 1 without a gap")
    if ("SOURCE1", 1) not in asked:
        raise ValidationFault("parts has none of SOURCE1")


def _key(part: Params) -> tuple[str, int]:
    return part["partSource"], part["partNumber"]


def finish_upload(context: Context, read_set: dict[str, Any]) -> None:
    """Put the parts together: PROCESSING_UPLOAD becomes ACTIVE or UPLOAD_FAILED."""
    if read_set["status"] != "PROCESSING_UPLOAD":
        return  # one that was ACTIVATING when a server ended, say: that is its job's to do
    store = existing(context, "sequenceStore", read_set["sequenceStoreId"])
    upload_id = read_set["creationJobId"]
    folder = context.uploads / upload_id
    sources = _assembled(_parts(context, upload_id), folder, read_set)
    changes: dict[str, Any] = {"status": "ACTIVE"}
    try:
        changes |= ingest(context, store, read_set, sources)
    except Fault as fault:
        changes = {"status": "UPLOAD_FAILED", "statusMessage": fault.message[:_MESSAGE]}
        _fall_back(context, store, read_set, sources)
    with context.store.transaction():
        context.store.update("readSet", read_set["id"], changes)
        context.store.delete_children("uploadPart", upload_id)
    remove(folder, within=context.uploads)  # only now: a kill must leave all or none of it


def _assembled(
    parts: Sequence[Params], folder: Path, read_set: dict[str, Any]
) -> list[tuple[str, Path]]:
    """The source files, named as the service names uploads ("Amazon S3 URI structure")."""
    sources = []
    for source in _SOURCES:
        own = sorted((p for p in parts if p["partSource"] == source), key=_key)
        if not own:
            continue
        whole = folder / own[0]["file"]
        if len(own) > 1:
            whole = folder / source
            with whole.open("wb") as out:
                for part in own:
                    with (folder / part["file"]).open("rb") as opened:
                        shutil.copyfileobj(opened, out, 1024 * 1024)
        name = read_set["name"].replace("/", "_")
        if read_set["fileType"] == "FASTQ":
            name += f"_{source.lower()}.fastq{'.gz' if is_gzip(whole) else ''}"
        else:
            name += ".cram" if read_set["fileType"] == "CRAM" else ".bam"
        sources.append((name, whole))
    return sources


def _fall_back(
    context: Context,
    store: dict[str, Any],
    read_set: dict[str, Any],
    sources: Sequence[tuple[str, Path]],
) -> None:
    """Leave what is no read set at the store's `fallbackLocation`, if there is such a bucket."""
    bucket, prefix = object_of(store.get("fallbackLocation", ""))
    if context.objects.has_bucket(bucket):
        for name, path in sources:
            key = "/".join(filter(None, (prefix.rstrip("/"), read_set["id"], name)))
            context.objects.link(bucket, key, path)


HANDLERS: dict[str, Handler] = {
    "CreateMultipartReadSetUpload": create_multipart_read_set_upload,
    "ListMultipartReadSetUploads": list_multipart_read_set_uploads,
    "UploadReadSetPart": upload_read_set_part,
    "ListReadSetUploadParts": list_read_set_upload_parts,
    "AbortMultipartReadSetUpload": abort_multipart_read_set_upload,
    "CompleteMultipartReadSetUpload": complete_multipart_read_set_upload,
}
JOBS: dict[str, Job[Context]] = {"readSet": finish_upload, "upload": forget_upload}
