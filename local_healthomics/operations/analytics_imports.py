"""Import jobs of variant stores and annotation stores.

A job reads each of its files to the end, so that a bad one fails with the reason, and adds their
sizes to the store's; the contents go nowhere, as there is no Athena here to query them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from ..arn import key_of, object_of
from ..background import UNFINISHED
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Fault, ValidationFault
from ..formats.variants import check_gff, check_tsv, check_vcf, lines
from .analytics import IMPORTS, VERSION, cancel_imports, customers_only, own_store, store_key
from .common import asked_states, existing, given

_VARIANTS, _ANNOTATIONS = "variantStore", "annotationStore"
_LOOK_EVERY = 10_000  # lines between two looks whether the job is still wanted


class _Unwanted(Exception):
    """The job was cancelled, or the server is about to stop."""


def start_variant_import_job(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("filesPerVariantImportJob", lambda: len(params["items"]) - 1)
    return _start(context, _VARIANTS, params, {})


def start_annotation_import_job(context: Context, params: Params) -> dict[str, Any]:
    """One file a job ("HealthOmics service quotas"), into the first version if none is named."""
    if len(params["items"]) > 1:
        raise ValidationFault("an annotation import job has one item")
    store = own_store(context, _ANNOTATIONS, params["destinationName"])
    version = params.get("versionName") or store["firstVersion"]
    found = existing(context, VERSION, key_of(context.account, store["name"], version))
    if found["status"] != "ACTIVE":
        raise ValidationFault(f"version {version} is {found['status']}, not ACTIVE")
    # The model wants one of the two for every job; a GFF file has tabs, and no options.
    member = "vcfOptions" if store["storeFormat"] == "VCF" else "tsvOptions"
    options = params.get("formatOptions") or {member: {}}
    if member not in options:
        raise ValidationFault(f"formatOptions of a {store['storeFormat']} store are {member}")
    return _start(context, _ANNOTATIONS, params, {"versionName": version, "formatOptions": options})


def _start(context: Context, kind: str, params: Params, more: dict[str, Any]) -> dict[str, Any]:
    store = own_store(context, kind, params["destinationName"])
    if store["status"] != "ACTIVE":
        raise ValidationFault(f"store {store['name']} is {store['status']}, not ACTIVE")
    context.quotas.room("analyticsImportJobs", lambda: _running(context))
    moment = now()
    id = str(uuid.uuid4())
    document = {
        **given(params, "destinationName", "roleArn", "annotationFields"),
        **more,
        "id": id,
        "runLeftNormalization": params.get("runLeftNormalization", False),
        "items": [{"source": item["source"], "jobStatus": "SUBMITTED"} for item in params["items"]],
        "status": "SUBMITTED",
        "statusMessage": "",
        "creationTime": moment,
        "updateTime": moment,
    }
    context.add(IMPORTS[kind], document, id=id, parent=store_key(store))
    return {"jobId": id, "follow_up": [(IMPORTS[kind], id)]}


def _running(context: Context) -> int:
    return sum(
        len(context.store.rows(kind, account=context.account, statuses=UNFINISHED))
        for kind in IMPORTS.values()
    )


def get_variant_import_job(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, IMPORTS[_VARIANTS], params["jobId"])


def get_annotation_import_job(context: Context, params: Params) -> dict[str, Any]:
    """The model wants `completionTime` of every annotation job: until its end, the last change."""
    job = existing(context, IMPORTS[_ANNOTATIONS], params["jobId"])
    return {"completionTime": job["updateTime"], **job}


def _list(context: Context, kind: str, params: Params, key: str) -> dict[str, Any]:
    wanted = params.get("filter") or {}
    name = wanted.get("storeName")
    return context.page(
        IMPORTS[kind],
        params,
        key=key,
        parent=key_of(context.account, name) if name else None,
        statuses=asked_states(wanted),
        where={"id": params["ids"]} if params.get("ids") else {},
    )


def list_variant_import_jobs(context: Context, params: Params) -> dict[str, Any]:
    return _list(context, _VARIANTS, params, "variantImportJobs")


def list_annotation_import_jobs(context: Context, params: Params) -> dict[str, Any]:
    return _list(context, _ANNOTATIONS, params, "annotationImportJobs")


def cancel_variant_import_job(context: Context, params: Params) -> dict[str, Any]:
    return _cancel(context, _VARIANTS, params["jobId"])


def cancel_annotation_import_job(context: Context, params: Params) -> dict[str, Any]:
    return _cancel(context, _ANNOTATIONS, params["jobId"])


def _cancel(context: Context, kind: str, id: str) -> dict[str, Any]:
    """Once it is over, ValidationException: ConflictException is no error of these operations."""
    job = existing(context, IMPORTS[kind], id)
    if job["status"] not in UNFINISHED:
        raise ValidationFault(f"import job {id} is {job['status']} already")
    cancel_imports(context, kind, [job])
    return {}


def _import_variants(context: Context, document: dict[str, Any]) -> None:
    _work(context, _VARIANTS, document)


def _import_annotations(context: Context, document: dict[str, Any]) -> None:
    _work(context, _ANNOTATIONS, document)


def _work(context: Context, kind: str, document: dict[str, Any]) -> None:
    """Read the files. Nothing is changed but with the last state, so it may be done again."""
    id = document["id"]
    with context.store.transaction():
        if not _wanted(context, kind, id):
            return
        items = [{**item, "jobStatus": "IN_PROGRESS"} for item in document["items"]]
        context.store.update(
            IMPORTS[kind], id, {"status": "IN_PROGRESS", "items": items, "updateTime": now()}
        )
    key = key_of(document["account"], document["destinationName"])
    store = context.store.get(kind, key) or {}
    sizes: list[int] = []
    for item in items:
        try:
            sizes.append(_read(context, kind, store, document, item["source"]))
            item["jobStatus"] = "COMPLETED"
        except Fault as fault:
            item |= {"jobStatus": "FAILED", "statusMessage": fault.message}
        except _Unwanted:
            return
    with context.store.transaction():
        if _wanted(context, kind, id):
            _finish(context, kind, document, items)
            _grow(context, kind, key, sum(sizes))
            if kind == _ANNOTATIONS:
                _grow(context, VERSION, key_of(key, document["versionName"]), sum(sizes))


def _wanted(context: Context, kind: str, id: str) -> bool:
    job = context.store.get(IMPORTS[kind], id)
    return job is not None and job["status"] in UNFINISHED


def _read(
    context: Context, kind: str, store: dict[str, Any], job: dict[str, Any], source: str
) -> int:
    """Check one file; its size in bytes."""
    path = context.objects.file(*object_of(source))
    if path is None:
        raise ValidationFault(f"cannot read {source}: there is no such object")
    options = job.get("formatOptions", {})
    table = options.get("tsvOptions", {}).get("readOptions", {})
    content = _while_wanted(
        context,
        kind,
        job["id"],
        lines(path, encoding=table.get("encoding", "utf-8"), separator=table.get("lineSep", "\n")),
    )
    match store.get("storeFormat"):
        case "GFF":
            check_gff(content)
        case "TSV":
            columns = _columns(context, store, job["versionName"])
            check_tsv(content, **columns, options=table)
        case _:  # VCF, which is all that variant stores take
            ignored = options.get("vcfOptions", {})
            check_vcf(
                content,
                ignore_qual=ignored.get("ignoreQualField", False),
                ignore_filter=ignored.get("ignoreFilterField", False),
            )
    return path.stat().st_size


def _columns(context: Context, store: dict[str, Any], name: str) -> dict[str, Any]:
    """What a version of a TSV store says of its columns: `schema` and `places` of `check_tsv`."""
    version = context.store.get(VERSION, key_of(store_key(store), name)) or {}
    options = version.get("versionOptions", {}).get("tsvVersionOptions", {})
    schema = {column: kind for item in options.get("schema", []) for column, kind in item.items()}
    return {"schema": schema, "places": options.get("formatToHeader")}


def _while_wanted(context: Context, kind: str, id: str, content: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(content):
        look = number % _LOOK_EVERY == 0
        if look and (context.background.closing or not _wanted(context, kind, id)):
            raise _Unwanted
        yield line


def _finish(
    context: Context, kind: str, document: dict[str, Any], items: list[dict[str, Any]]
) -> None:
    failed = [item for item in items if item["jobStatus"] == "FAILED"]
    status = "COMPLETED" if not failed else "COMPLETED_WITH_FAILURES"
    if len(failed) == len(items):
        status = "FAILED"
    message = f"{failed[0]['source']}: {failed[0]['statusMessage']}" if failed else ""
    moment = now()
    context.store.update(
        IMPORTS[kind],
        document["id"],
        {
            "status": status,
            "statusMessage": message,
            "items": items,
            "updateTime": moment,
            "completionTime": moment,
        },
    )


def _grow(context: Context, kind: str, key: str, size: int) -> None:
    found = context.store.get(kind, key)
    if found is not None:
        member = "versionSizeBytes" if kind == VERSION else "storeSizeBytes"
        context.store.update(kind, key, {member: found[member] + size, "updateTime": now()})


HANDLERS: dict[str, Handler] = {
    "StartVariantImportJob": customers_only(start_variant_import_job),
    "GetVariantImportJob": get_variant_import_job,
    "ListVariantImportJobs": list_variant_import_jobs,
    "CancelVariantImportJob": cancel_variant_import_job,
    "StartAnnotationImportJob": customers_only(start_annotation_import_job),
    "GetAnnotationImportJob": get_annotation_import_job,
    "ListAnnotationImportJobs": list_annotation_import_jobs,
    "CancelAnnotationImportJob": cancel_annotation_import_job,
}
JOBS = {IMPORTS[_VARIANTS]: _import_variants, IMPORTS[_ANNOTATIONS]: _import_annotations}
