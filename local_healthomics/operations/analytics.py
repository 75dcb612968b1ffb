"""What variant stores and annotation stores have in common.

A store is addressed by its name, so its key in our own store is `account/name`; the `id` of the API
is a UUID.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..arn import key_of
from ..background import UNFINISHED, Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import AccessDenied, Conflict, ValidationFault
from .common import asked_states, by_arn, existing, given, not_found
from .sharing import shared_store

IMPORTS = {"variantStore": "variantImport", "annotationStore": "annotationImport"}
VERSION = "annotationStoreVersion"
# The model requires a reference of all answers, also for the one kind of store that needs none.
_NO_REFERENCE = {"referenceArn": "arn:none"}


def customers_only(handler: Handler) -> Handler:
    """Refuse, with `--analytics closed`, what a new customer cannot do any more.

    Known: since 2025-11-07 both kinds of stores are closed to new customers ("variant store and
    annotation store availability change"), and every operation declares AccessDeniedException.
    Guessed: that creating and importing answer with it, and in these words; that reading answers a
    new customer as one who has no store.
    """

    @wraps(handler)
    def answer(context: Context, params: Params) -> dict[str, Any]:
        if not context.analytics_open:
            raise AccessDenied(
                "AWS HealthOmics variant stores and annotation stores are no longer open to new"
                " customers"
            )
        return handler(context, params)

    return answer


def own_store(context: Context, kind: str, name: str) -> dict[str, Any]:
    """The account's store of that name, or a ResourceNotFoundException."""
    found = context.store.get(kind, key_of(context.account, name))
    if found is None:
        raise not_found(kind, name)
    return found


def readable_store(context: Context, kind: str, name: str) -> dict[str, Any]:
    """The account's store of that name, or else the one of that name that is shared with it."""
    own = context.store.get(kind, key_of(context.account, name))
    found = own or shared_store(context, kind, name)
    if found is None:
        raise not_found(kind, name)
    return found


def store_document(context: Context, kind: str, params: Params) -> dict[str, Any]:
    """A new store's members. A name is optional in the API; without one the id makes it."""
    id = str(uuid.uuid4())
    name = params.get("name") or f"store_{id.replace('-', '_')}"
    if context.store.get(kind, key_of(context.account, name)) is not None:
        raise Conflict(f"there is a store {name} already")
    if params.get("reference"):
        _check_reference(context, params["reference"]["referenceArn"])
    moment = now()
    return {
        "reference": params.get("reference") or _NO_REFERENCE,
        "id": id,
        "name": name,
        "storeArn": context.arn(f"{kind}/{name}"),
        "description": params.get("description") or "",
        "sseConfig": params.get("sseConfig") or {"type": "KMS"},
        "status": "CREATING",
        "statusMessage": "",
        "storeSizeBytes": 0,
        "creationTime": moment,
        "updateTime": moment,
        "tags": dict(params.get("tags") or {}),
    }


def _check_reference(context: Context, name: str) -> None:
    kind, _, _ = by_arn(context, name)
    if kind != "reference":
        raise ValidationFault(f"{name} is no ARN of a reference")


def list_stores(context: Context, kind: str, params: Params, key: str) -> dict[str, Any]:
    wanted = params.get("filter") or {}
    statuses = asked_states(wanted)
    where = {"id": params["ids"]} if params.get("ids") else {}
    return context.page(kind, params, key=key, statuses=statuses, where=where)


def describe(context: Context, kind: str, key: str, params: Params) -> dict[str, Any]:
    """Change the description, the one thing of a store or version that can be changed."""
    document = existing(context, kind, key)
    if document["status"] == "DELETING":
        raise ValidationFault(f"{document['name']} is being deleted")
    changes = given(params, "description")
    return context.store.update(kind, key, {**changes, "updateTime": now()})


def running_imports(
    context: Context, kind: str, key: str, version: str | None = None
) -> list[dict[str, Any]]:
    """The unfinished import jobs of a store, or of one version of it."""
    rows = context.store.rows(
        IMPORTS[kind],
        parent=key,
        statuses=UNFINISHED,
        where={} if version is None else {"versionName": version},
    )
    return [row.body for row in rows]


def cancel_imports(context: Context, kind: str, jobs: list[dict[str, Any]]) -> None:
    for job in jobs:
        moment = now()
        items = [{**item, "jobStatus": "CANCELLED"} for item in job["items"]]
        context.store.update(
            IMPORTS[kind],
            job["id"],
            {
                "status": "CANCELLED",
                "items": items,
                "updateTime": moment,
                "completionTime": moment,
            },
        )


def delete_store(context: Context, kind: str, params: Params) -> dict[str, Any]:
    """Begin to delete a store with all that is in it ("Deleting HealthOmics analytics stores").

    Without `force`, ConflictException while it is being made or imported into (what `force` is
    for is documented for versions; that it means the same for stores is inferred).
    """
    document = own_store(context, kind, params["name"])
    key = store_key(document)
    jobs = running_imports(context, kind, key)
    if not params.get("force"):
        if document["status"] in ("CREATING", "UPDATING"):
            raise Conflict(f"store {params['name']} is {document['status']}")
        if jobs:
            raise Conflict(f"store {params['name']} has import jobs that are not done")
    cancel_imports(context, kind, jobs)
    context.store.update(kind, key, {"status": "DELETING", "updateTime": now()})
    return {"status": "DELETING", "follow_up": [(kind, key)]}


def settler(
    kind: str,
    key: Callable[[dict[str, Any]], str],
    gone: Callable[[Context, dict[str, Any]], None],
) -> Job[Context]:
    """The job that takes documents of a kind from CREATING to ACTIVE, or from DELETING away.

    `gone` takes with a deleted document what depends on it.
    """

    def settle(context: Context, document: dict[str, Any]) -> None:
        with context.store.transaction():
            found = context.store.get(kind, key(document))
            if found is None or found["id"] != document["id"]:
                return
            if found["status"] == "DELETING":
                context.store.delete(kind, key(found))
                gone(context, found)
            elif found["status"] == "CREATING":
                changes = {"status": "ACTIVE", "updateTime": now()}
                context.store.update(kind, key(found), changes)

    return settle


def store_key(document: dict[str, Any]) -> str:
    return key_of(document["account"], document["name"])
