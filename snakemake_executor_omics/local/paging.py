"""Pages of a listing: an opaque token holds the position after which the next page starts."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from .errors import ValidationFault
from .store import Store

DEFAULT_PAGE = 100


def page(
    store: Store, kind: str, params: Mapping[str, Any], *, newest_first: bool = True, **filters: Any
) -> dict[str, Any]:
    """One page of a listing, in the form of the workflow family (`items`, `nextToken`)."""
    token = params.get("startingToken")
    limit = params.get("maxResults") or DEFAULT_PAGE
    after = None if token is None else _position(kind, token)
    rows = store.rows(kind, after=after, limit=limit + 1, newest_first=newest_first, **filters)
    answer: dict[str, Any] = {"items": [row.body for row in rows[:limit]]}
    if len(rows) > limit:
        answer["nextToken"] = _token(kind, rows[limit - 1].seq)
    return answer


def _token(kind: str, seq: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, seq]).encode()).decode()


def _position(kind: str, token: str) -> int:
    try:
        of_kind, seq = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error, TypeError) as error:
        raise ValidationFault("startingToken is not one of this service") from error
    if of_kind != kind or not isinstance(seq, int):
        raise ValidationFault("startingToken belongs to another listing")
    return seq
