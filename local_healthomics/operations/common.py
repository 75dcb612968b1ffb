"""What most operations do with a request and the documents that it names."""

from __future__ import annotations

from typing import Any

from .. import arn
from ..clock import written
from ..context import Context, Params
from ..errors import AccessDenied, NotFound, ValidationFault

_ARNS = ("arn", "storeArn", "versionArn")  # members that hold a document's own ARN
_WORDS = {
    "workflow": "workflow",
    "version": "workflow version",
    "run": "run",
    "task": "run task",
    "group": "run group",
    "cache": "run cache",
    "sequenceStore": "sequence store",
    "batch": "run batch",
    "configuration": "configuration",
    "readSet": "read set",
    "referenceStore": "reference store",
    "reference": "reference",
    "referenceImportJob": "reference import job",
    "upload": "upload",
    "readSetImportJob": "read set import job",
    "readSetExportJob": "read set export job",
    "readSetActivationJob": "read set activation job",
    "variantStore": "variant store",
    "annotationStore": "annotation store",
    "annotationStoreVersion": "annotation store version",
    "variantImport": "variant import job",
    "annotationImport": "annotation import job",
}
_TIMES = {"created": "creationTime", "updated": "updateTime", "completed": "completionTime"}


def existing(context: Context, kind: str, id: str) -> dict[str, Any]:
    """The account's document, or a ResourceNotFoundException that names it."""
    found = context.store.get(kind, id)
    if found is None or found["account"] != context.account:
        raise not_found(kind, id)
    return found


def in_store(
    context: Context, kind: str, store_id: str, id: str, store: str = "sequenceStore"
) -> dict[str, Any]:
    """A document of a store; ResourceNotFoundException if either is not there."""
    existing(context, store, store_id)
    found = existing(context, kind, id)
    if found[f"{store}Id"] != store_id:
        raise not_found(kind, id)
    return found


def not_found(kind: str, id: str) -> NotFound:
    return NotFound(_WORDS.get(kind, kind), id)


def by_arn(context: Context, name: str) -> tuple[str, str, dict[str, Any]]:
    """Kind, key and document of the account's resource that an ARN names.

    ValidationException if it can name none, AccessDeniedException if it names another account's,
    ResourceNotFoundException if there is no such resource.
    """
    found = arn.document_of(name)
    if found is None:
        raise ValidationFault(f"{name} is no ARN of a HealthOmics resource")
    account, kind, key = found
    if account != context.account:
        raise AccessDenied(f"account {context.account} has no access to {name}")
    document = context.store.get(kind, key)
    if document is None or name not in (document.get(member) for member in _ARNS):
        raise NotFound("resource", name)
    return kind, key, document


def check_region(context: Context, member: str, uri: str) -> None:
    """ValidationException if the bucket of an S3 URI is in another region than the service."""
    region = context.objects.region(arn.object_of(uri)[0])
    if region != arn.REGION:
        raise ValidationFault(f"{member} {uri}: S3 bucket not located in {arn.REGION}")


def given(params: Params, *names: str) -> dict[str, Any]:
    """The members among `names` that the request has."""
    return {name: params[name] for name in names if params.get(name) is not None}


def asked_states(asked: Params) -> list[str]:
    """The `status` of a filter, as `Store.rows` has it."""
    return [asked["status"]] if asked.get("status") else []


def times(asked: Params) -> dict[str, dict[str, str]]:
    """`createdAfter` and its kin of a filter, as `Store.rows` has them."""
    return {
        side: {
            member: written(asked[name + word])
            for name, member in _TIMES.items()
            if asked.get(name + word) is not None
        }
        for side, word in (("since", "After"), ("until", "Before"))
    }
