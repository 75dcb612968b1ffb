"""Requests for whole objects that say nothing else, answered as by moto but not by its way.

moto's way through Flask to its own S3 takes two thirds of what such a request takes of the server.
Whatever says more (a version, a range, a condition, tags, a lock, …), and whatever is refused, is
moto's to answer.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import checksums
from . import moto_internals as internals
from .s3_durable import DurableKey

Headers = list[tuple[str, str]]
_LONGEST_KEY = 1024  # bytes (S3's user guide, "Naming Amazon S3 objects")
_QUERY = re.compile(r"(x-id=\w+)?")  # which some clients name the operation by
# What a request may have beside its content; whoever sends it and where was looked at before.
_SAID = {
    f"HTTP_{name}"
    for name in (
        "ACCEPT", "ACCEPT_ENCODING", "AMZ_SDK_INVOCATION_ID", "AMZ_SDK_REQUEST", "AUTHORIZATION",
        "CONNECTION", "DATE", "EXPECT", "HOST", "USER_AGENT", "X_AMZN_TRACE_ID",
        "X_AMZ_CONTENT_SHA256", "X_AMZ_DATE", "X_AMZ_SECURITY_TOKEN", "X_AMZ_USER_AGENT",
        "X_MOTO_ACCOUNT_ID",
    )
}  # fmt: skip
_OF_READING = {*_SAID, "HTTP_IF_MATCH", "HTTP_X_AMZ_CHECKSUM_MODE"}
_ALGORITHM = "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"
_CHECKSUM = "HTTP_X_AMZ_CHECKSUM_{}"
_OF_WRITING = {*_SAID, _ALGORITHM, *map(_CHECKSUM.format, checksums.ALGORITHMS)}


def read(backend: Any, environ: Mapping[str, Any]) -> tuple[Headers, Path] | None:
    """The headers and the file that answer a GetObject or HeadObject; None if it is not plain."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    if (place := _place(environ, _OF_READING)) is None:
        return None
    bucket = backend.buckets.get(place[0])
    key = bucket.keys.get(place[1]) if bucket is not None else None
    if not isinstance(key, DurableKey) or not internals.is_readable(bucket, key):
        return None
    if environ.get("HTTP_IF_MATCH", key.etag).strip('"') != key.digest:
        return None
    if key.checksum_type:  # of an upload in parts: more is said of it
        return None
    headers = {**key.response_dict, **key.metadata, "Accept-Ranges": "bytes"}
    if (
        key.checksum_algorithm
        and key.checksum_value
        and environ.get("HTTP_X_AMZ_CHECKSUM_MODE") == "ENABLED"
    ):
        headers[f"x-amz-checksum-{key.checksum_algorithm.lower()}"] = key.checksum_value
    return _headers(headers), key.file


def write(backend: Any, environ: Mapping[str, Any]) -> Headers | None:
    """Carry out a PutObject whose content has arrived; None if it is not plain."""
    if (place := _place(environ, _OF_WRITING)) is None:
        return None
    bucket = backend.buckets.get(place[0])
    if bucket is None or not internals.is_writable(bucket):
        return None
    algorithm = environ.get(_ALGORITHM, "")
    checksum = environ.get(_CHECKSUM.format(algorithm))
    if bool(algorithm) != bool(checksum):
        return None
    try:
        made = make(backend, bucket, place[1], None, algorithm=algorithm, checksum=checksum)
    except internals.S3Refusal:  # the bucket went in this moment
        return None
    if kind := environ.get("CONTENT_TYPE"):
        made.set_metadata({"Content-Type": kind})
    headers = {k: v for k, v in made.response_dict.items() if k != "content-length"}
    if checksum:
        headers[f"x-amz-checksum-{algorithm.lower()}"] = checksum
    return [*_headers(headers), ("Content-Length", "0")]


def is_too_long(key: bytes) -> bool:
    """Whether S3 makes no object of this key."""
    return len(key) > _LONGEST_KEY


def make(
    backend: Any,
    bucket: Any,
    name: str,
    value: Any,
    *,
    algorithm: str,
    checksum: str | None,
    etag: str | None = None,
) -> Any:
    """A new object as by a request that says nothing but its content."""
    made = backend.put_object(bucket.name, name, value, etag=etag, checksum_value=checksum)
    made.set_acl(bucket.acl)
    if algorithm:
        made.checksum_algorithm = algorithm
    backend.put_object_tagging(made, {})
    return made


def _place(environ: Mapping[str, Any], said: set[str]) -> tuple[str, str] | None:
    """Bucket and key of a request that says no more than this."""
    if "HTTP_AUTHORIZATION" not in environ or not _QUERY.fullmatch(environ.get("QUERY_STRING", "")):
        return None
    if any(name.startswith("HTTP_") and name not in said for name in environ):
        return None
    try:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return None
    bucket, _, key = path.removeprefix("/").partition("/")
    return (bucket, key) if key else None


def _headers(headers: Mapping[str, str]) -> Headers:
    """As S3 writes them: some look for `Content-Length` and no other."""
    told = [(k if k.startswith(("x-", "ETag")) else k.title(), v) for k, v in headers.items()]
    return [*told, ("x-amzn-requestid", str(uuid.uuid4()))]
