"""What the operations of ECR have in common: parameters, errors by their names, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Params = Mapping[str, Any]
Operation = Callable[[str, Params], dict[str, Any]]  # of an account
_PAGE = 100


class Refused(Exception):
    """An error of the service, by its name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def paged(params: Params, name: str, found: list[Any]) -> dict[str, Any]:
    token = params.get("nextToken") or "0"
    if not token.isdigit():
        raise Refused("InvalidParameterException", "The nextToken is not valid")
    first = int(token)
    end = first + (params.get("maxResults") or _PAGE)
    return {name: found[first:end], **({"nextToken": str(end)} if end < len(found) else {})}
