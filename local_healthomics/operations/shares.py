"""Shares: workflows and stores that their owner offers to one other account each.

PENDING until the subscriber accepts, then by way of ACTIVATING to ACTIVE; either side ends it, by
way of DELETING to DELETED ("Cross-account resource sharing"). A share that is DELETED stays to be
asked for: GetShare answers, and ListShares lists it if its filter names that state.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from ..clock import now
from ..context import Context, Handler, Params
from ..errors import AccessDenied, Conflict, NotFound, ValidationFault
from .common import by_arn, given
from .sharing import ENDED

_KIND = "share"
_TYPES = {
    "workflow": "WORKFLOW",
    "variantStore": "VARIANT_STORE",
    "annotationStore": "ANNOTATION_STORE",
}
_QUOTAS = {
    "workflow": "sharesPerWorkflow",
    "variantStore": "sharesPerVariantStore",
    "annotationStore": "sharesPerAnnotationStore",
}
_STATES = ("PENDING", "ACTIVATING", "ACTIVE", "DELETING", "FAILED")  # all but DELETED
_ACCOUNT = re.compile(r"[0-9]{12}")
_LARGEST_PAGE = 100


def create_share(context: Context, params: Params) -> dict[str, Any]:
    subscriber = params["principalSubscriber"]
    if not _ACCOUNT.fullmatch(subscriber):
        raise ValidationFault(f"principalSubscriber {subscriber} is no account of twelve digits")
    if subscriber == context.account:
        raise ValidationFault("principalSubscriber is the owner's own account")
    kind, _, resource = by_arn(context, params["resourceArn"])
    if kind not in _TYPES:
        raise ValidationFault(f"{params['resourceArn']} cannot be shared")
    if resource["status"] != "ACTIVE":
        raise Conflict(f"{params['resourceArn']} is {resource['status']}, not ACTIVE")
    path = params["resourceArn"].rpartition(":")[2]
    rows = context.store.rows(_KIND, account=context.account, name=path)
    others = [row.body for row in rows if row.body["status"] not in ENDED]
    if any(share["principalSubscriber"] == subscriber for share in others):
        raise Conflict(f"{params['resourceArn']} is shared with {subscriber} already")
    context.quotas.room(_QUOTAS[kind], lambda: len(others))
    moment = now()
    id = f"{uuid.uuid4().hex}-{uuid.uuid4().hex}"
    document = {
        **given(params, "resourceArn", "principalSubscriber", "shareName"),
        "shareId": id,
        "name": path,
        "type": _TYPES[kind],
        "resourceId": resource["id"],
        "ownerId": context.account,
        "status": "PENDING",
        "creationTime": moment,
        "updateTime": moment,
    }
    return context.add(_KIND, document, id=id)


def _share(context: Context, id: str) -> dict[str, Any]:
    """A share that the account has a side in."""
    found = context.store.get(_KIND, id)
    if found is None or context.account not in (found["ownerId"], found["principalSubscriber"]):
        raise NotFound("share", id)
    return found


def get_share(context: Context, params: Params) -> dict[str, Any]:
    return {"share": _share(context, params["shareId"])}


def list_shares(context: Context, params: Params) -> dict[str, Any]:
    if not 1 <= params.get("maxResults", 1) <= _LARGEST_PAGE:
        raise ValidationFault(f"maxResults must be at least 1 and at most {_LARGEST_PAGE}")
    own = params["resourceOwner"] == "SELF"
    wanted = params.get("filter") or {}
    where = {} if own else {"principalSubscriber": context.account}
    if wanted.get("resourceArns"):
        where["resourceArn"] = wanted["resourceArns"]
    if wanted.get("type"):
        where["type"] = wanted["type"]
    statuses = wanted.get("status") or _STATES
    return context.page(_KIND, params, key="shares", owned=own, statuses=statuses, where=where)


def accept_share(context: Context, params: Params) -> dict[str, Any]:
    share = _share(context, params["shareId"])
    if share["principalSubscriber"] != context.account:
        raise AccessDenied("only the subscriber can accept a share")
    if share["status"] != "PENDING":
        raise Conflict(f"share {params['shareId']} is {share['status']}, not PENDING")
    return _towards(context, share, "ACTIVATING")


def delete_share(context: Context, params: Params) -> dict[str, Any]:
    share = _share(context, params["shareId"])
    if share["status"] == "DELETED":
        raise Conflict(f"share {params['shareId']} is DELETED already")
    return _towards(context, share, "DELETING")


def _towards(context: Context, share: dict[str, Any], status: str) -> dict[str, Any]:
    changes = {"status": status, "updateTime": now()}
    context.store.update(_KIND, share["shareId"], changes)
    return {"status": status, "follow_up": [(_KIND, share["shareId"])]}


def _settle(context: Context, document: dict[str, Any]) -> None:
    """From ACTIVATING to ACTIVE, from DELETING to DELETED."""
    with context.store.transaction():
        share = context.store.get(_KIND, document["shareId"])
        final = {"ACTIVATING": "ACTIVE", "DELETING": "DELETED"}
        if share is not None and share["status"] in final:
            changes = {"status": final[share["status"]], "updateTime": now()}
            context.store.update(_KIND, share["shareId"], changes)


HANDLERS: dict[str, Handler] = {
    "CreateShare": create_share,
    "GetShare": get_share,
    "ListShares": list_shares,
    "AcceptShare": accept_share,
    "DeleteShare": delete_share,
}
JOBS = {_KIND: _settle}
