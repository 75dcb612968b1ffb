"""The front door by itself: what is for this server is led on, everything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from local_healthomics.http.proxy import Proxy

_PORT = 8000
_OMICS = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/omics/aws4_request, Signature=x"
_S3 = _OMICS.replace("/omics/", "/s3/")


def _ask(uri: str, host: str = "", method: str = "GET", signed: str = "") -> tuple[str, str, str]:
    """The status, and the host and the URI that the application behind sees."""
    seen = {"host": "", "uri": "", "status": "200"}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen["host"], seen["uri"] = environ.get("HTTP_HOST", ""), environ["REQUEST_URI"]
        return []

    def start_response(status: str, headers: Any) -> None:
        seen["status"] = status.split()[0]

    environ = {"REQUEST_METHOD": method, "REQUEST_URI": uri, "PATH_INFO": uri}
    if host:
        environ["HTTP_HOST"] = host
    if signed:
        environ["HTTP_AUTHORIZATION"] = signed
    Proxy(application, _PORT)(environ, start_response)
    return seen["status"], seen["host"], seen["uri"]


@pytest.mark.parametrize(
    ("asked", "host", "uri"),
    [
        (("/run", "127.0.0.1:8000"), "127.0.0.1:8000", "/run"),
        (("http://127.0.0.1:8000/run?a=b",), "127.0.0.1:8000", "/run?a=b"),
        (("http://workflows-127.0.0.1:8000/run",), "workflows-127.0.0.1:8000", "/run"),
        (("http://localhost:8000",), "localhost:8000", "/"),
        (("HTTP://LOCALHOST:8000?x",), "LOCALHOST:8000", "/?x"),
        (("/key", "bucket.127.0.0.1:8000", "PUT", _S3), "127.0.0.1:8000", "/bucket/key"),
        (("http://bucket.localhost:8000/key",), "localhost:8000", "/bucket/key"),
    ],
)
def test_what_is_for_this_server_is_led_on(asked: tuple[str, ...], host: str, uri: str) -> None:
    assert _ask(*asked) == ("200", host, uri)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("http://example.org/",), "403"),
        (("http://127.0.0.1:9000/",), "403"),
        (("http://127.0.0.1/",), "403"),
        (("http://127.0.0.1.example.org:8000/",), "403"),
        (("http://user@127.0.0.1:8000/",), "403"),
        (("/run", "example.org:8000"), "403"),
        (("/run", "x" * 400), "400"),
        (("example.org:443", "", "CONNECT"), "405"),
    ],
)
def test_what_is_for_another_server_is_refused_and_never_forwarded(
    asked: tuple[str, ...], status: str
) -> None:
    assert _ask(*asked) == (status, "", "")


def test_what_is_signed_for_healthomics_is_for_us_by_any_name() -> None:
    asked = _ask("http://workflows-healthomics.local/run", signed=_OMICS)
    assert asked == ("200", "workflows-healthomics.local", "/run")
