"""The one WSGI application: HealthOmics by its model, everything else by moto.

Which service a request is for is in the scope of its signature, in the header or in the query.
Hosts with a prefix (`workflows-…`) mean the same as plain ones. A request without a signature is
refused in the words of the service that its host or path is one of: HealthOmics', or else S3's.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import sqlite3
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug import exceptions as http

from . import rights
from .access import Access, Caller
from .arn import ACCOUNT
from .context import Context
from .errors import (
    AccessDenied,
    Conflict,
    Fault,
    MissingAuthenticationToken,
    NotSigned,
    NotSupported,
    RequestTimeout,
    UnknownOperation,
    ValidationFault,
)
from .keys import OwnerKey
from .operations.registry import HANDLERS
from .other_services.application import STATE_FAILED, OtherServices, file_blocks
from .other_services.served import refused
from .policies import Policy, denial
from .protocol.rest_json import Answer, Excerpt, Protocol, Spooled
from .protocol.signatures import SignatureRefused
from .removing import remove
from .rights import Rights
from .stores.read_sets import note_s3_reading

HEALTH = "/_local/health/"
FILES = "/_local/files/"
_PREFIXED = re.compile(r"(workflows|control-storage|storage|analytics|tags)-")
_MAX_BODY = 16 * 1024 * 1024
_MAX_PART = 100 * 1024 * 1024  # of a read set's upload ("HealthOmics service quotas")
_BLOCK = 1024 * 1024
_BINARY = "application/octet-stream"
_INTERNAL = "An internal error occurred; the local HealthOmics wrote it to its server.log"
_CLAIM = re.compile(r"/([\w-]+)/aws4_request")
_REQUEST_TOKENS = ("requestId", "clientToken")
StartResponse = Callable[..., Any]


class App:
    """Routes, answers, and turns what goes wrong into the service's errors."""

    def __init__(
        self,
        context: Context,
        other_services: OtherServices,
        access: Access,
        owner: OwnerKey,
        spool: Path,
        used: Rights,
        policies: Mapping[str, Policy],
    ) -> None:
        self._context, self._other_services = context, other_services
        self._spool = spool  # a folder for bodies on their way; what a kill left there is dropped
        remove(spool, within=spool.parent)
        spool.mkdir()
        self._access, self._owner, self._used = access, owner, used
        self._policies = policies
        self._protocol = Protocol(HANDLERS)  # a later botocore may know more operations

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if "HTTP_ORIGIN" in environ:  # a web page: any could ask for things on the loopback
            return _refuse(start_response, "403 Forbidden")
        raw_path = _raw_path(environ)
        environ["PATH_INFO"] = unquote_to_bytes(raw_path).decode("latin-1")
        if raw_path.startswith(HEALTH):
            proof = self._owner.proof(raw_path.removeprefix(HEALTH))
            return _send(start_response, method, Answer(status=200, body=proof.encode()))
        if raw_path.startswith(FILES):
            return _send(start_response, method, self._files(environ, raw_path.removeprefix(FILES)))
        try:
            caller = self._access.admit(environ, lambda: _digest_of_body(environ))
            if caller is None and not self._access.takes_unsigned:
                raise SignatureRefused("AccessDenied", "Access Denied")
        except SignatureRefused as refusal:
            named = _CLAIM.search(environ.get("HTTP_AUTHORIZATION", ""))
            service = named[1] if named else self._meant(environ, raw_path)
            if service == "omics":
                return _send(start_response, method, self._protocol.failure(None, _fault(refusal)))
            bad = "Incomplete" in refusal.code or (service, refusal.code) == ("s3", "ExpiredToken")
            status = "400 Bad Request" if bad else "403 Forbidden"
            return refused(environ, start_response, service, status, refusal.code, refusal.message)
        except Fault as fault:  # of a body that cannot be read
            return _send(start_response, method, self._protocol.failure(None, fault))
        caller = caller or Caller(ACCOUNT, self._meant(environ, raw_path))
        if caller.service == "omics":
            answer = self.answer(environ, raw_path, caller.account)
            return _send(start_response, method, answer)
        taken = rights.of_request(_who(environ), caller.service, environ, raw_path)
        self._used.note(taken)
        if (why := self._denial(caller.account, taken, environ)) is not None:
            status, code = "403 Forbidden", "AccessDenied"
            return refused(environ, start_response, caller.service, status, code, why)
        if caller.service == "s3" and method == "GET":
            note_s3_reading(self._context, raw_path)
        return self._other_services.answer(caller.service, caller.account, environ, start_response)

    def _files(self, environ: dict[str, Any], proof: str) -> Answer:
        """Where objects lie, for the owner to read them there (see `LocalService.files`)."""
        try:
            body = b"".join(_blocks(environ, _MAX_BODY))
        except Fault as fault:
            return self._protocol.failure(None, fault)
        if not hmac.compare_digest(proof.encode(), self._owner.of_owner(body).encode()):
            return Answer(status=403, body=b"")
        uris: list[str] = json.loads(body)
        self._used.note(right for uri in uris for right in rights.of_reading(uri, rights.CALLER))
        found = [not self._policies and self._other_services.look(uri) for uri in uris]
        told = [one if isinstance(one, tuple) else None for one in found]
        return Answer(status=200, body=json.dumps(told).encode())

    def _meant(self, environ: dict[str, Any], raw_path: str) -> str:
        """The service that an unsigned request is for, by its host or its path."""
        is_ours = _PREFIXED.match(environ.get("HTTP_HOST", "")) or self._is_operation(
            environ["REQUEST_METHOD"], raw_path
        )
        return "omics" if is_ours else "s3"

    def _is_operation(self, method: str, raw_path: str) -> bool:
        """Whether this is no path of S3, but one of HealthOmics."""
        try:
            self._protocol.match(method, raw_path)
        except (UnknownOperation, NotSupported):
            return False
        return not self._context.objects.has_bucket(raw_path.split("/")[1])

    def answer(self, environ: dict[str, Any], raw_path: str, account: str) -> Answer:
        """The answer of HealthOmics."""
        operation: Any = None
        spooled: Spooled | None = None
        try:
            operation, in_path = self._protocol.match(environ["REQUEST_METHOD"], raw_path)
            if (trouble := self._context.scheduler.trouble) is not None:
                raise Fault(trouble)
            context = self._context.for_account(account)
            context.quotas.ask(account, operation.name)
            if operation.has_streaming_input:
                spooled = self._spooled(environ)
            params = self._protocol.parse(
                operation,
                in_path,
                environ.get("QUERY_STRING", ""),
                _headers(environ),
                spooled or b"".join(_blocks(environ, _MAX_BODY)),
            )
            taken = rights.of_operation(
                _who(environ), account, operation.name, raw_path, params, bool(in_path)
            )
            self._used.note(taken)
            if (why := self._denial(account, taken, environ, params)) is not None:
                raise AccessDenied(why)
            return self._protocol.serialise(operation, _handle(context, operation, params))
        except Fault as fault:
            return self._protocol.failure(operation, fault)
        except (OSError, sqlite3.Error) as error:  # a full disk, a damaged file
            print(f"omics: {operation and operation.name}: {error}", file=sys.stderr)
            return self._protocol.failure(operation, Fault(f"{STATE_FAILED}: {error}"))
        except Exception:  # the edge: a client gets an answer whatever happens, and no insides
            traceback.print_exc()
            return self._protocol.failure(operation, Fault(_INTERNAL))
        finally:
            if spooled is not None:
                remove(spooled.path, within=self._spool)

    def _denial(
        self,
        account: str,
        taken: list[rights.Right],
        environ: Mapping[str, Any],
        params: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Why the policies deny a request."""
        if not self._policies:
            return None
        keys = rights.keys_of(environ, account, params)
        return denial(self._policies, account, taken, keys)

    def _spooled(self, environ: dict[str, Any]) -> Spooled:
        """A streaming body in a file, as it may be larger than memory and slower than a lock."""
        path = self._spool / uuid.uuid4().hex
        size, digest = 0, hashlib.sha256()
        try:
            with path.open("wb") as out:
                for block in _blocks(environ, _MAX_PART):
                    out.write(block)
                    digest.update(block)
                    size += len(block)
        except BaseException:
            remove(path, within=self._spool)
            raise
        return Spooled(path, size, digest.hexdigest())


def _who(environ: dict[str, Any]) -> str:
    """Whether a request is a caller's, or that of a run by its role."""
    agent = environ.get("HTTP_USER_AGENT", "")
    return rights.ROLE if rights.ROLE_AGENT in agent else rights.CALLER


def _handle(context: Context, operation: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Call the handler; a request token makes a repeated call answer as the first did."""
    handler = HANDLERS[operation.name]
    if operation.name.startswith(("Get", "List")):
        return handler(context, params)
    store = context.store
    token = next((params[name] for name in _REQUEST_TOKENS if params.get(name)), None)
    place = f"{context.account}/{operation.name}"
    digest = _digest({k: v for k, v in params.items() if k not in _REQUEST_TOKENS})
    with store.transaction():
        earlier = store.answered(place, token) if token else None
        if earlier is not None:
            if earlier[0] != digest:
                raise Conflict("the request token was used for another request")
            return earlier[1]
        result = handler(context, params)
        follow_up = result.pop("follow_up", ())
        if token:
            store.remember(place, token, digest, result)
    for kind, id in follow_up:  # only what is committed may be worked on
        if kind == "run":
            context.scheduler.wake()
        elif kind in ("workflow", "version"):
            context.checker.submit(kind, id)
        else:
            context.background.submit(kind, id)
    return result


def _digest(params: dict[str, Any]) -> str:
    text = json.dumps(
        params,
        sort_keys=True,
        default=lambda value: (
            hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
        ),
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _raw_path(environ: dict[str, Any]) -> str:
    uri: str = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    return uri.partition("?")[0] or "/"


def _digest_of_body(environ: dict[str, Any]) -> str:
    """The SHA-256 of a body that is read for it, and put where it can be read again."""
    body = b"".join(_blocks(environ, _MAX_BODY))
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    return hashlib.sha256(body).hexdigest()


def _fault(refusal: SignatureRefused) -> Fault:
    """A refusal as HealthOmics words it."""
    match refusal.code:
        case "AccessDenied" if refusal.message == "Access Denied":
            return MissingAuthenticationToken()
        case "InvalidAccessKeyId":
            return NotSigned("UnrecognizedClientException", refusal.message)
        case "ExpiredToken":
            return NotSigned("ExpiredTokenException", refusal.message)
        case "IncompleteSignature":
            return NotSigned("IncompleteSignatureException", refusal.message)
    return NotSigned("InvalidSignatureException", refusal.message)


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    return {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }


def _blocks(environ: dict[str, Any], most: int) -> Iterator[bytes]:
    """The body, in blocks; ValidationException above `most` bytes."""
    too_large = ValidationFault(f"the request is larger than {most} bytes")
    if int(environ.get("CONTENT_LENGTH") or 0) > most:
        raise too_large
    try:
        while block := environ["wsgi.input"].read(_BLOCK):
            most -= len(block)
            if most < 0:
                raise too_large
            yield block
    except http.RequestTimeout as error:
        raise RequestTimeout(str(error.description)) from error
    except http.HTTPException as error:
        raise ValidationFault(str(error.description)) from error


def _refuse(start_response: StartResponse, status: str) -> Iterable[bytes]:
    start_response(status, [("Content-Length", "0")])
    return []


def _send(start_response: StartResponse, method: str, answer: Answer) -> Iterable[bytes]:
    headers = [*answer.headers, ("x-amzn-requestid", str(uuid.uuid4()))]
    status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    if isinstance(answer.body, Excerpt):
        length = answer.body.end - answer.body.start
        headers += [("Content-Type", _BINARY), ("Content-Length", str(length))]
        start_response(status, headers)
        return file_blocks(answer.body.path.open("rb"), answer.body.start, answer.body.end)
    if answer.status != HTTPStatus.NO_CONTENT:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
    start_response(status, headers)
    return [] if method == "HEAD" else [answer.body]
