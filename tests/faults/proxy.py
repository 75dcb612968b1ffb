"""A loopback proxy between the head and the services, which fails as it is told.

The head's connections are led here by `heads`, with the address that they were meant for in a
first line of their own: requests stay as they were signed. Each request is named after its
operation, `omics:StartRun`, and the first fault that is meant for it decides what becomes of it.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.session import get_session

_SECONDS = 60  # that the service has for an answer
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)")
_HOP = frozenset({"connection", "transfer-encoding", "expect", "keep-alive"})
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Request:
    """A request as it came in; `operation` is `service:Name`."""

    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back to the head."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Forward = Callable[[], Answer]
# Gets the request and a way to have it answered; None resets the connection.
Action = Callable[[Request, Forward], Answer | None]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the operations that a pattern names.

    `calls` are those that it happens to, counted from 1 over all that the pattern names; `every`
    makes it each so many-th of them.
    """

    operation: str
    action: Action
    calls: Sequence[int] | None = None
    every: int = 1

    def is_meant(self, operation: str, number: int) -> bool:
        if not fnmatchcase(operation, self.operation):
            return False
        return number % self.every == 0 and (self.calls is None or number in self.calls)


class Proxy:
    """Listens from its making until `close`; `seen` has every operation in the order of arrival."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self._counts: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Wire)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # heads die
        self._server.proxy = self  # type: ignore[attr-defined]
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, *faults: Fault) -> None:
        """These, and no others, from now on; they count anew."""
        with self._lock:
            self.faults = list(faults)
            self._counts.clear()
            self.seen.clear()

    def action(self, operation: str) -> Action | None:
        with self._lock:
            self.seen.append(operation)
            found = None
            for fault in self.faults:
                if fnmatchcase(operation, fault.operation):
                    self._counts[fault] += 1
                    if found is None and fault.is_meant(operation, self._counts[fault]):
                        found = fault.action
        return found


class _Wire(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        host, port = self.rfile.readline().split()
        self._upstream = (host.decode(), int(port))

    def log_message(self, *_: Any) -> None:
        pass

    def _pass(self) -> None:
        body = self._body()
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        request = Request(
            operation_of(self.command, self.path, self.headers, body),
            self.command,
            self.path,
            headers,
            body,
        )
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        action = proxy.action(request.operation)
        try:
            forward = lambda: self._forward(request)  # noqa: E731
            answer = forward() if action is None else action(request, forward)
        except (OSError, HTTPException):  # the service is gone, or went away meanwhile
            answer = None
        if answer is None:
            self._reset()
        else:
            self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        blocks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            blocks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(blocks)

    def _forward(self, request: Request) -> Answer:
        connection = HTTPConnection(*self._upstream, timeout=_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            headers = {k: v for k, v in response.getheaders() if k.lower() not in _HOP}
            return Answer(response.status, response.read(), headers)
        finally:
            connection.close()

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        headers = answer.headers
        if answer.body and self.command != "HEAD":
            # What says that it is longer than it is ends with the connection.
            headers = {"Content-Length": str(len(answer.body)), **headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers):
            self.send_header("Content-Length", "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
            said = {k.lower(): v for k, v in headers.items()}.get("content-length")
            if said is not None and int(said) != len(answer.body):
                self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


# --- which operation a request is ------------------------------------------------------------


def _routes() -> Iterator[tuple[str, re.Pattern[str], str]]:
    model = get_session().get_service_model("omics")
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.sub(r"\{\w+\\?\}", "[^/]+", http["requestUri"].split("?")[0])
        yield http["method"], re.compile(path), name


_ROUTES = list(_routes())


def operation_of(method: str, target: str, headers: Any, body: bytes) -> str:
    """`service:Operation`, by what the protocol of the service says."""
    scope = _SCOPE.search(headers.get("Authorization", ""))
    service = scope.group(1) if scope else "unsigned"
    if called := headers.get("X-Amz-Target"):
        return f"{service}:{called.rpartition('.')[2]}"
    url = urlsplit(target)
    if service == "omics":
        for verb, route, name in _ROUTES:
            if verb == method and route.fullmatch(url.path):
                return f"omics:{name}"
    if service == "s3":
        return f"s3:{_s3_operation(method, url.path, url.query)}"
    action = parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
    return f"{service}:{action}"


def _s3_operation(method: str, path: str, query: str) -> str:
    in_bucket = path.strip("/").count("/") > 0
    asked = parse_qs(query, keep_blank_values=True)
    if "uploads" in asked:
        return {"GET": "ListMultipartUploads", "POST": "CreateMultipartUpload"}[method]
    if "uploadId" in asked:
        return {
            "GET": "ListParts",
            "PUT": "UploadPart",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
        }[method]
    verb = {"GET": "Get", "PUT": "Put", "HEAD": "Head", "DELETE": "Delete", "POST": "Post"}[method]
    if in_bucket:
        return f"{verb}Object"
    return {"GET": "ListObjectsV2", "PUT": "CreateBucket"}.get(method, f"{verb}Bucket")


# --- what can go wrong -----------------------------------------------------------------------


def refuse(status: int, code: str, message: str = "injected", **headers: str) -> Action:
    """An error as the service of the request writes it; it is not processed."""

    def act(request: Request, forward: Forward) -> Answer:
        if request.operation.startswith("s3:"):
            body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
            return Answer(
                status,
                b"" if request.method == "HEAD" else body,
                {"Content-Type": "text/xml", **headers},
            )
        body = json.dumps({"__type": code, "message": message}).encode()
        if request.operation.startswith("sts:"):
            body = (
                f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                "<RequestId>injected</RequestId></ErrorResponse>"
            ).encode()
        return Answer(
            status,
            body,
            {"Content-Type": "application/json", "x-amzn-errortype": code, **headers},
        )

    return act


def throttled(request: Request, forward: Forward) -> Answer:
    if request.operation.startswith("s3:"):
        answer = refuse(503, "SlowDown")(request, forward)
    else:
        answer = refuse(429, "ThrottlingException", "Rate exceeded")(request, forward)
    assert answer is not None
    return answer


broken = refuse(500, "InternalServerException")
unavailable = refuse(503, "ServiceUnavailable")


def denied(request: Request, forward: Forward) -> Answer | None:
    code = (
        "AccessDenied" if request.operation.startswith(("s3:", "sts:")) else "AccessDeniedException"
    )
    message = f"User is not authorized to perform: {request.operation}"
    return refuse(403, code, message)(request, forward)


expired = refuse(403, "ExpiredTokenException", "The security token included has expired")
keys_changed = refuse(
    403, "UnrecognizedClientException", "The security token included in the request is invalid."
)
clock_is_off = refuse(
    403, "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than …"
)
s3_clock_is_off = refuse(403, "RequestTimeTooSkewed", "The difference … is too large.")
over_quota = refuse(402, "ServiceQuotaExceededException", "the quota of active runs is used up")
not_found = refuse(404, "ResourceNotFoundException", "Run does not exist")


def reset_before(request: Request, forward: Forward) -> None:
    """The connection is reset, and the service never sees the request."""


def reset_after(request: Request, forward: Forward) -> None:
    """The service does what it is asked for, and the answer is lost."""
    forward()


def foreign(request: Request, forward: Forward) -> Answer:
    """A portal that wants a login answers for the service, with 200."""
    page = b"<!DOCTYPE html><html><body>Please sign in to the network.</body></html>"
    return Answer(200, page, {"Content-Type": "text/html"})


def cut(request: Request, forward: Forward) -> Answer:
    """Half of the answer, then the end of the connection."""
    whole = forward()
    headers = {k: v for k, v in whole.headers.items() if k.lower() != "content-length"}
    headers["Content-Length"] = str(len(whole.body))
    return Answer(whole.status, whole.body[: len(whole.body) // 2], headers)


def truncated(request: Request, forward: Forward) -> Answer:
    """Half of the answer that claims to be all of it."""
    whole = forward()
    headers = {k: v for k, v in whole.headers.items() if k.lower() != "content-length"}
    return Answer(whole.status, whole.body[: len(whole.body) // 2], headers)


def edited(change: Callable[[dict[str, Any]], Any]) -> Action:
    """The service's JSON after `change`, which may change what it is given or return another."""

    def act(request: Request, forward: Forward) -> Answer:
        whole = forward()
        if whole.status >= 300:
            return whole
        said = json.loads(whole.body)
        other = change(said)
        body = json.dumps(said if other is None else other).encode()
        headers = {k: v for k, v in whole.headers.items() if k.lower() != "content-length"}
        return Answer(whole.status, body, headers)

    return act


def without(*members: str) -> Action:
    """The rows of a list, or the answer itself, without some members."""

    def drop(said: dict[str, Any]) -> None:
        for row in [said, *said.get("items", ())]:
            for member in members:
                row.pop(member, None)

    return edited(drop)


def shuffled(said: dict[str, Any]) -> None:
    """Rows backwards, and each of them twice."""
    rows = said.get("items", [])
    said["items"] = [row for row in reversed(rows) for _ in range(2)]


def later(seconds: float) -> Action:
    """All times of the answer moved: as the service's clock differs from the head's."""

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: moved(member) for name, member in value.items()}
        if isinstance(value, list):
            return [moved(member) for member in value]
        if isinstance(value, str) and _TIME.fullmatch(value):
            time = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return (time + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
        return value

    return edited(moved)


def paged() -> Action:
    """Two empty pages with a token, then the rows one by one."""
    rows: dict[str, list[Any]] = {}
    tokens = count()

    def act(request: Request, forward: Forward) -> Answer:
        asked = parse_qs(urlsplit(request.path).query)
        token = asked.get("startingToken", asked.get("nextToken", [""]))[0]
        if token not in rows:
            whole = forward()
            if whole.status >= 300:
                return whole
            said = json.loads(whole.body)
            assert "nextToken" not in said, "the service has pages of its own here"
            pages = [[], [], *([row] for row in said.get("items", []))]
        else:
            pages = rows[token]
        more: dict[str, Any] = {"items": pages[0]}
        if pages[1:]:
            more["nextToken"] = f"injected-{next(tokens)}"
            rows[more["nextToken"]] = pages[1:]
        return Answer(200, json.dumps(more).encode(), {"Content-Type": "application/json"})

    return act


def stalled(seconds: float) -> Action:
    """Silence, then the answer if anybody still waits for it."""

    def act(request: Request, forward: Forward) -> Answer:
        threading.Event().wait(seconds)
        return forward()

    return act


def of(part: str, action: Action) -> Action:
    """Of requests whose path has that part; the others go through."""

    def act(request: Request, forward: Forward) -> Answer | None:
        return action(request, forward) if part in request.path else forward()

    return act


def instead(what: Callable[[], object]) -> Action:
    """`what` happens, and the service never sees the request."""

    def act(request: Request, forward: Forward) -> None:
        what()

    return act


def before(what: Callable[[], object]) -> Action:
    """`what` happens, then the service gets the request."""

    def act(request: Request, forward: Forward) -> Answer:
        what()
        return forward()

    return act


def after(what: Callable[[], object]) -> Action:
    """The service has answered, `what` happens, then the answer goes on."""

    def act(request: Request, forward: Forward) -> Answer:
        answer = forward()
        what()
        return answer

    return act


def half_way(what: Callable[[], object]) -> Action:
    """The head has half of the answer when `what` happens."""

    def act(request: Request, forward: Forward) -> Answer:
        answer = cut(request, forward)
        threading.Timer(0.2, what).start()
        return answer

    return act
