"""The one WSGI application: HealthOmics by its model, everything else by moto.

Which service a request is for is in the SigV4 credential scope. Proxy requests (an absolute URI)
and hosts with a prefix (`workflows-…`) mean the same as plain ones.
"""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from .errors import Conflict, Fault, ValidationFault
from .handlers import HANDLERS, Context
from .protocol import Answer, Protocol

HEALTH = "/_local/health"
_PREFIXED = re.compile(r"(workflows|control-storage|storage|analytics|tags)-")
_MAX_BODY = 16 * 1024 * 1024
StartResponse = Callable[..., Any]


class App:
    """Routes, answers, and turns what goes wrong into the service's errors."""

    def __init__(self, context: Context, identity: Callable[[], dict[str, Any]]) -> None:
        self._context = context
        self._identity = identity
        self._protocol = Protocol()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "CONNECT":
            start_response("405 Method Not Allowed", [("Content-Length", "0")])
            return []
        raw_path = _raw_path(environ)
        environ["PATH_INFO"] = unquote_to_bytes(raw_path).decode("latin-1")
        if raw_path == HEALTH:
            body = json.dumps(self._identity()).encode()
            return _send(start_response, Answer(status=200, body=body))
        if not _is_omics(environ):
            return self._context.peers(environ, start_response)
        return _send(start_response, self.answer(environ, raw_path))

    def answer(self, environ: dict[str, Any], raw_path: str) -> Answer:
        """The answer of HealthOmics."""
        operation: Any = None
        try:
            operation, in_path = self._protocol.match(environ["REQUEST_METHOD"], raw_path)
            handler = HANDLERS.get(operation.name)
            if handler is None:
                raise self._protocol.missing(operation)
            params = self._protocol.parse(
                operation, in_path, environ.get("QUERY_STRING", ""), _headers(environ),
                _body(environ),
            )  # fmt: skip
            return self._protocol.serialise(operation, self._handle(operation, handler, params))
        except Fault as fault:
            return self._protocol.failure(operation, fault)
        except Exception as error:  # the edge: a client gets an answer whatever happens
            traceback.print_exc()
            return self._protocol.failure(operation, Fault(f"{type(error).__name__}: {error}"))

    def _handle(self, operation: Any, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Call the handler; a request token makes a repeated call answer as the first did."""
        store = self._context.store
        token = next(
            (params.get(name) for name in operation.idempotent_members if params.get(name)), None
        )
        if token is None or not operation.name.startswith(("Create", "Start")):
            with store.transaction():
                result: dict[str, Any] = handler(self._context, params)
            return result
        digest = _digest({k: v for k, v in params.items() if k != "requestId"})
        with store.transaction():
            earlier = store.answered(operation.name, token)
            if earlier is not None:
                if earlier[0] != digest:
                    raise Conflict("the request token was used for another request")
                return earlier[1]
            result = handler(self._context, params)
            then = result.pop("then", None)
            store.remember(operation.name, token, digest, result)
        if then:  # only what is committed may be worked on
            kind, id = then
            if kind == "run":
                self._context.scheduler.wake()
            else:
                self._context.builder.submit(kind, id)
        return result


def _digest(params: dict[str, Any]) -> str:
    text = json.dumps(
        params, sort_keys=True,
        default=lambda value: hashlib.sha256(value).hexdigest()
        if isinstance(value, bytes) else str(value),
    )  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()


def _raw_path(environ: dict[str, Any]) -> str:
    uri = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    uri = re.sub(r"^https?://[^/?]*", "", uri)
    return uri.partition("?")[0] or "/"


def _is_omics(environ: dict[str, Any]) -> bool:
    scope = environ.get("HTTP_AUTHORIZATION", "")
    if scope:
        return "/omics/aws4_request" in scope
    uri = environ.get("REQUEST_URI", "")
    host = re.sub(r"^https?://", "", uri) if "://" in uri[:8] else environ.get("HTTP_HOST", "")
    return bool(_PREFIXED.match(host))


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    return {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > _MAX_BODY:
        raise ValidationFault(f"the request is larger than {_MAX_BODY} bytes")
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    return body


def _send(start_response: StartResponse, answer: Answer) -> Iterable[bytes]:
    headers = [*answer.headers]
    if answer.status != HTTPStatus.NO_CONTENT:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [answer.body]
