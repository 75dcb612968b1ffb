"""The content of objects and parts goes to a file as it comes, never through memory.

moto would read a body whole, several times. What it is given here is a request without a body: the
file is handed to its key (`s3_durable.arriving`). What the request says of its content (length,
MD5, SHA-256, checksums in a header or behind the content) is held against what came.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from werkzeug import exceptions as http

from . import checksums
from .s3_records import FileValue

_BLOCK = 256 * 1024
_LINE = 8192  # of what stands between the chunks
_OTHERS = 16 * 1024 * 1024  # bytes of a body that is no object: a list of parts, a policy
_NO_SUBRESOURCE = ("x-id", "partnumber", "uploadid", "awsaccesskeyid", "signature", "expires")
BAD_CHECKSUM = "The {} you specified did not match the calculated checksum."


class Unacceptable(Exception):
    """A body that is not what the request says; `code` is S3's."""

    def __init__(self, code: str, message: str, status: str = "400 Bad Request") -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def is_content(environ: Mapping[str, Any]) -> bool:
    """Whether the body of a request is an object's, or a part's."""
    query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    names = {name.lower() for name, _ in query}
    return (
        environ["REQUEST_METHOD"] == "PUT"
        and "/" in environ["PATH_INFO"].strip("/")
        and "HTTP_X_AMZ_COPY_SOURCE" not in environ
        and all(name in _NO_SUBRESOURCE or name.startswith("x-amz-") for name in names)
    )


def small(environ: dict[str, Any]) -> None:
    """Read a body that is no object, and put it where moto reads it as it is."""
    with _translated():
        body = environ["wsgi.input"].read(_OTHERS + 1)
    if len(body) > _OTHERS:
        raise Unacceptable("MaxMessageLengthExceeded", "Your request was too big.")
    _check_digest(environ, hashlib.sha256(body).hexdigest())
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    if environ["REQUEST_METHOD"] == "PUT" or body.lstrip().startswith(b"<"):
        environ["CONTENT_TYPE"] = "application/xml"  # whatever it says, a form it is not


def receive(environ: dict[str, Any], path: Path) -> FileValue:
    """Write the content to a file, and leave the request without it.

    Raises:
        Unacceptable: the content is not what the request says.
    """
    trailers: dict[str, str] = {}
    how = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    encodings = [e.strip() for e in environ.get("HTTP_CONTENT_ENCODING", "").split(",")]
    source = environ["wsgi.input"]
    in_chunks = how.startswith("STREAMING-") or "aws-chunked" in encodings
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    algorithm = _algorithm(environ)
    own = checksums.new(algorithm)
    size = 0
    with path.open("wb") as out, _translated():
        for block in _chunks(source, trailers) if in_chunks else _blocks(source):
            out.write(block)
            size += len(block)
            for digest in (md5, sha256, own):
                if digest is not None:
                    digest.update(block)
    decoded = environ.pop("HTTP_X_AMZ_DECODED_CONTENT_LENGTH", None)
    if in_chunks and decoded is not None and decoded != str(size):
        raise Unacceptable("IncompleteBody", "The body has not the length that the request says.")
    if not in_chunks:
        _check_digest(environ, sha256.hexdigest())
    said_md5 = environ.pop("HTTP_CONTENT_MD5", None)
    if said_md5 is not None and said_md5 != checksums.text(md5):
        raise Unacceptable(
            "BadDigest", "The Content-MD5 you specified did not match what we received."
        )
    if algorithm:
        _check_sum(environ, trailers, algorithm, checksums.text(own) if own else None)
    if "HTTP_CONTENT_ENCODING" in environ:
        kept = [e for e in encodings if e and e != "aws-chunked"]
        environ["HTTP_CONTENT_ENCODING"] = ",".join(kept)
        if not kept:
            del environ["HTTP_CONTENT_ENCODING"]
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(), "0"
    environ["HTTP_X_AMZ_CONTENT_SHA256"] = "UNSIGNED-PAYLOAD"
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ.pop("HTTP_X_AMZ_TRAILER", None)
    return FileValue(path, kept=True, etag=md5.hexdigest())


def _algorithm(environ: Mapping[str, Any]) -> str:
    """Which checksum a request has, or wants."""
    said = environ.get("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", "").upper()
    trailer = environ.get("HTTP_X_AMZ_TRAILER", "").lower().removeprefix("x-amz-checksum-").upper()
    for name in checksums.ALGORITHMS:
        if name in (said, trailer) or f"HTTP_X_AMZ_CHECKSUM_{name}" in environ:
            return name
    return ""


def _check_sum(
    environ: dict[str, Any], trailers: Mapping[str, str], algorithm: str, found: str | None
) -> None:
    """`found` is None for what cannot be made here: such a checksum is not kept."""
    name = f"HTTP_X_AMZ_CHECKSUM_{algorithm}"
    said = environ.pop(name, None) or trailers.get(f"x-amz-checksum-{algorithm.lower()}")
    environ.pop("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", None)
    if found is None:
        return
    if said and said != found:
        raise Unacceptable("BadDigest", BAD_CHECKSUM.format(algorithm))
    environ |= {name: found, "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM": algorithm}


def _check_digest(environ: Mapping[str, Any], found: str) -> None:
    said = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if len(said) == len(found) and said != found:
        raise Unacceptable(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )


def _blocks(source: Any) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block


def _chunks(source: Any, trailers: dict[str, str]) -> Iterator[bytes]:
    """The content of AWS's own chunks ("Signature calculations … Transferring payload in multiple
    chunks"); what follows the last is put into `trailers`. The signatures of single chunks are not
    looked at: that of the request stands for who sends them.
    """
    malformed = Unacceptable("IncompleteBody", "The chunks of the body are malformed.")
    while True:
        try:
            left = int(_line(source).partition(b";")[0], 16)
        except ValueError as error:
            raise malformed from error
        if not left:
            break
        while left:
            block = source.read(min(left, _BLOCK))
            if not block:
                raise malformed
            left -= len(block)
            yield block
        if _line(source):
            raise malformed
    while line := _line(source):
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip().lower()] = value.strip()


def _line(source: Any) -> bytes:
    line: bytes = source.readline(_LINE)
    return line.rstrip(b"\r\n")


class _translated:
    """What the connection does wrong, in the words of S3."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, http.RequestTimeout):
            raise Unacceptable("RequestTimeout", str(error.description)) from error
        if isinstance(error, http.RequestEntityTooLarge):
            raise Unacceptable("EntityTooLarge", "The object is larger than allowed.") from error
        if isinstance(error, http.HTTPException):
            raise Unacceptable("IncompleteBody", str(error.description)) from error
