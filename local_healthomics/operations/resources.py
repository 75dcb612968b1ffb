"""Create, read, update and delete of what is a document and little else.

What a kind has of its own (checks before, other members, what goes with it) stands in its module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..clock import now
from ..context import Context, Params
from ..store.documents import ID_DIGITS
from .common import existing, given


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of resource: its documents, named by an id in their ARN."""

    kind: str
    path: str  # before the id, in its ARN
    quota: str
    members: tuple[str, ...]  # of a request, kept as they are
    digits: int = ID_DIGITS

    def create(self, context: Context, params: Params, **own: Any) -> dict[str, Any]:
        """A new document, with `own` members beside those of the request."""
        context.quotas.room(self.quota, lambda: context.count(self.kind))
        document = context.add(
            self.kind,
            {
                **given(params, *self.members),
                **own,
                "creationTime": now(),
                "tags": dict(params.get("tags") or {}),
            },
            digits=self.digits,
        )
        id = document["id"]
        return context.store.update(self.kind, id, {"arn": context.arn(f"{self.path}/{id}")})

    def get(self, context: Context, params: Params) -> dict[str, Any]:
        return existing(context, self.kind, params["id"])

    def update(self, context: Context, params: Params) -> dict[str, Any]:
        existing(context, self.kind, params["id"])
        return context.store.update(self.kind, params["id"], given(params, *self.members))

    def delete(self, context: Context, params: Params) -> dict[str, Any]:
        existing(context, self.kind, params["id"])
        context.store.delete(self.kind, params["id"])
        return {}
