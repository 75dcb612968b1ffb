"""Pages of a listing: an opaque token holds the position after which the next page starts.

A token also holds a digest of the query that it continues, so that it is refused by every other:
another operation, account, parent or filter. It needs no memory, so it survives a restart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..errors import ValidationFault
from .documents import Store

DEFAULT_PAGE = 100
_TOKENS = ("startingToken", "nextToken")
_SIZES = ("maxResults", "maxItems")
_LAST = 2**63 - 1  # SQLite's greatest position


def page(
    store: Store,
    kind: str,
    params: Mapping[str, Any],
    *,
    account: str,
    key: str = "items",
    newest_first: bool = True,
    owned: bool = True,
    **filters: Any,
) -> dict[str, Any]:
    """One page of the account's documents of a kind: the list under `key`, and `nextToken`.

    With `owned` false, of every account's: the filters must then say which this one may see.
    """
    query = _digest(kind, key, account, params)
    given = next((name for name in _TOKENS if params.get(name) is not None), None)
    limit = next((params[name] for name in _SIZES if params.get(name)), DEFAULT_PAGE)
    after = None if given is None else _position(query, given, params[given])
    rows = store.rows(
        kind,
        account=account if owned else None,
        after=after,
        limit=limit + 1,
        newest_first=newest_first,
        **filters,
    )
    answer: dict[str, Any] = {key: [row.body for row in rows[:limit]]}
    if len(rows) > limit:
        answer["nextToken"] = _token(query, rows[limit - 1].seq)
    return answer


def _digest(kind: str, key: str, account: str, params: Mapping[str, Any]) -> str:
    asked = {k: v for k, v in params.items() if k not in _TOKENS and k not in _SIZES}
    text = json.dumps([kind, key, account, asked], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _token(query: str, seq: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([query, seq]).encode()).decode()


def _position(query: str, member: str, token: str) -> int:
    try:
        of_query, seq = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error, TypeError) as error:
        raise ValidationFault(f"{member} is not one of this service") from error
    if of_query != query or not isinstance(seq, int) or not 0 <= seq <= _LAST:
        raise ValidationFault(f"{member} belongs to another listing")
    return seq
