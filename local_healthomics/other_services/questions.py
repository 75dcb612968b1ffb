"""Services that only answer questions, in the protocol `json` and in one page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import ValidationFault

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def answer(
    environ: dict[str, Any],
    start_response: Any,
    operations: Mapping[str, Answer],
    *,
    name: str,
    refusal: str,
) -> Iterable[bytes]:
    """Answer one request; people know the service by `name`, its errors are of kind `refusal`."""
    asked = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    status = "200 OK"
    try:
        params = json.loads(environ["wsgi.input"].read(length) or b"{}")
        if asked not in operations:
            raise ValidationFault(f"the local {name} has no {asked or 'such operation'}")
        found = operations[asked](params)
    except (ValidationFault, ValueError) as error:  # of the latter kind: no JSON
        status = "400 Bad Request"
        found = {"__type": refusal, "message": str(error)}
    body = json.dumps(found).encode()
    headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Content-Length", str(len(body))),
    ]
    start_response(status, headers)
    return [body]
