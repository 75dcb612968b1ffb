"""What a handler works with, and what most handlers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import arn
from ..clock import written
from ..errors import AccessDenied, NotFound, ValidationFault
from ..paging import page
from ..store import FIRST_ID, Store

if TYPE_CHECKING:
    from ..aws_peers import Peers
    from ..definitions import Builder
    from ..jobs import Jobs
    from ..quotas import Quotas
    from ..scheduler import Scheduler

Params = Mapping[str, Any]
# An answer may hold `then`, a list of (kind, id): what is to be worked on once it is committed.
Handler = Callable[["Context", Params], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The rooms behind the API, and the account that asks."""

    store: Store
    peers: Peers
    builder: Builder
    scheduler: Scheduler
    jobs: Jobs
    quotas: Quotas
    analytics_open: bool = True  # or closed, as to new customers (see `analytics`)
    endpoint_url: Callable[[], str]
    uploads: Path  # the parts of read sets that are on their way, in a folder per upload
    archive_after: timedelta  # a read set that nobody has read for so long is archived
    account: str = arn.ACCOUNT

    def arn(self, path: str) -> str:
        """The ARN of a resource of this account."""
        return arn.arn(path, self.account)

    def add(
        self, kind: str, body: Mapping[str, Any], *, id: str | None = None, parent: str = "",
        first_id: int = FIRST_ID,
    ) -> dict[str, Any]:  # fmt: skip
        """Keep a new document of this account."""
        return self.store.add(
            kind, body, id=id, parent=parent, account=self.account, first_id=first_id
        )

    def page(self, kind: str, params: Params, **options: Any) -> dict[str, Any]:
        """One page of this account's documents (see `paging.page`)."""
        return page(self.store, kind, params, account=self.account, **options)

    def count(self, kind: str, parent: str | None = None) -> int:
        return self.store.count(kind, parent, account=self.account)


_ARNS = ("arn", "storeArn", "versionArn")  # members that hold a document's own ARN
_WORDS = {
    "workflow": "workflow", "version": "workflow version", "run": "run", "task": "run task",
    "group": "run group", "cache": "run cache", "sequenceStore": "sequence store",
    "batch": "run batch", "configuration": "configuration",
    "readSet": "read set", "referenceStore": "reference store", "reference": "reference",
    "referenceImportJob": "reference import job", "upload": "upload",
    "readSetImportJob": "read set import job", "readSetExportJob": "read set export job",
    "readSetActivationJob": "read set activation job",
    "variantStore": "variant store", "annotationStore": "annotation store",
    "annotationStoreVersion": "annotation store version",
    "variantImport": "variant import job", "annotationImport": "annotation import job",
}  # fmt: skip
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
