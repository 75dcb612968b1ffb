"""The server's front door: where a request was sent, and whether that is here.

Clients put a prefix before the host of their endpoint (`http://workflows-127.0.0.1:8000`, a name
that no resolver knows) or, for S3, a bucket. With HTTP_PROXY set they bring such a request here,
with an absolute URI; it is made a plain one. Nothing is ever forwarded: what was meant for another
server, and a tunnel, is refused. So is a name that somebody else's resolver leads here (DNS
rebinding): the browser that asks by it believes that it is at another site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ..protocol.signatures import SIGNED_HOST, SIGNED_URI

_ABSOLUTE = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HERE = re.compile(
    r"(?:[a-z-]+-|(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?(?:127\.0\.0\.1|localhost)(?::(?P<port>\d+))?",
    re.IGNORECASE,
)
_LONGEST_HOST = 300
_SERVICE = re.compile(r"/([a-z0-9-]+)/aws4_request")
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Proxy:
    """A WSGI application before the one that answers; `port` is the server's own."""

    def __init__(self, application: Application, port: int) -> None:
        self._application, self._port = application, port

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        uri: str = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "CONNECT":
            return self._refused(start_response, "405 Method Not Allowed", uri.lstrip("/"))
        if len(environ.get("HTTP_HOST", "")) > _LONGEST_HOST:
            return self._refused(start_response, "400 Bad Request", "such a host")
        signed = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = signed.group(1) if signed else ""
        if (absolute := _ABSOLUTE.match(uri)) is not None:
            host = absolute.group(1)
            # What is signed for HealthOmics is for us by whatever name a client knows us.
            if not self._is_here(host) and service != "omics":
                return self._refused(start_response, "403 Forbidden", host)
            environ["HTTP_HOST"] = host
            rest = uri[absolute.end() :]
            environ["REQUEST_URI"] = uri = rest if rest.startswith("/") else f"/{rest}"
        elif environ.get("HTTP_HOST") and not _HERE.fullmatch(environ["HTTP_HOST"]):
            return self._refused(start_response, "403 Forbidden", environ["HTTP_HOST"])
        environ[SIGNED_HOST], environ[SIGNED_URI] = environ.get("HTTP_HOST", ""), uri
        host = _HERE.fullmatch(environ.get("HTTP_HOST", ""))
        if host is not None and host["bucket"] and service in ("s3", ""):
            bucket = host["bucket"]
            environ["REQUEST_URI"] = f"/{bucket}{uri}"
            environ["HTTP_HOST"] = environ["HTTP_HOST"][len(bucket) + 1 :]
        return self._application(environ, start_response)

    def _is_here(self, host: str) -> bool:
        """Another port of this machine is another server, unless only we can be meant."""
        found = _HERE.fullmatch(host)
        if found is None:
            return False
        plain = host.lower().startswith(("127.", "localhost"))
        return not plain or int(found["port"] or 80) == self._port

    def _refused(self, start_response: Any, status: str, host: str) -> Iterable[bytes]:
        body = (
            f"This is the local HealthOmics, a proxy for itself only: it does not reach {host}.\n"
            f"If HTTP_PROXY brought you here: local-healthomics env --unset\n"
        ).encode()
        start_response(
            status,
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ],
        )
        return [body]
