"""What an account may see of another's: workflows and stores that are shared with it, and accepted.

A share is a document of the owner's; `name` is what it shares, as the end of its ARN
(`workflow/1234567`, `variantStore/mine`), so that a question for access is one by an index.
"""

from __future__ import annotations

from typing import Any

from ..arn import key_of
from ..clock import now
from ..context import Context, Params
from ..errors import AccessDenied, NotFound, ValidationFault
from .common import existing

ENDED = ("DELETING", "DELETED", "FAILED")


def accessible(context: Context, kind: str, id: str, owner: str | None = None) -> dict[str, Any]:
    """The account's workflow or version, or that of an `owner` who shares the workflow with it.

    What is not shared (any more, or not accepted yet) does not exist, as any other account's.
    """
    if owner is None or owner == context.account:
        return existing(context, kind, id)
    workflow, _, _ = id.partition("/")
    document = context.store.get(kind, id)
    if document is None or document["account"] != owner or not _shared(context, workflow, owner):
        raise NotFound("shared workflow", workflow)
    return document


def _shared(context: Context, workflow: str, owner: str) -> bool:
    return bool(
        context.store.rows(
            "share",
            account=owner,
            name=f"workflow/{workflow}",
            statuses=["ACTIVE"],
            where={"principalSubscriber": context.account},
            limit=1,
        )
    )


def check_run(context: Context, workflow: dict[str, Any], params: Params) -> None:
    """Refuse what a subscriber cannot do with a shared workflow ("Sharing HealthOmics workflows").

    Re-running is documented as blocked; that run caches are for one's own workflows is inferred.
    """
    if workflow["account"] == context.account:
        return
    if params.get("runId"):
        raise AccessDenied("a run of a shared workflow cannot be re-run; start a new one")
    if params.get("cacheId"):
        raise ValidationFault("a run of a shared workflow has no run cache")


def check_export(context: Context, owner: str | None) -> None:
    """Refuse to export the definition of a shared workflow, or of a run of one (GetWorkflow)."""
    if owner not in (None, context.account):
        raise AccessDenied("a workflow that is shared with you cannot be exported")


def shared_store(context: Context, kind: str, name: str) -> dict[str, Any] | None:
    """The store of that name that is shared with the account; of several, the first shared."""
    for row in context.store.rows(
        "share",
        name=f"{kind}/{name}",
        statuses=["ACTIVE"],
        where={"principalSubscriber": context.account},
    ):
        if (found := context.store.get(kind, key_of(row.body["account"], name))) is not None:
            return found
    return None


def forget_shares(context: Context, resource_arn: str) -> None:
    """End all shares of a resource of the account that is gone."""
    _, _, path = resource_arn.rpartition(":")
    for row in context.store.rows("share", account=context.account, name=path):
        if row.body["status"] not in ENDED:
            changes = {"status": "DELETED", "statusMessage": "the resource was deleted"}
            context.store.update("share", row.body["shareId"], {**changes, "updateTime": now()})
