"""What engines read from S3 and put there without a request: both see the same disk.

An object comes to be as by a PutObject of boto3 that says nothing but its content, and is a copy:
who changes the file afterwards changes no object. Where a request may be answered otherwise than by
doing it (the bucket has a policy, say), nothing is done, and the engine makes the request.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arn import ALIAS, object_of
from ..objects import Content
from . import checksums
from . import moto_internals as internals
from .plain_requests import is_too_long, make
from .s3_durable import DurableKey
from .s3_index import Objects
from .s3_records import FileValue

_MOST = 8 * 1024 * 1024  # bytes: of more boto3 makes an upload in parts, whose ETag is another
_ALGORITHM = "CRC32"  # what boto3 sends unasked


def look(backend: Any, uri: str) -> tuple[str, str] | bool:
    """The file of an object and what its content is known by.

    False if there is no such object, True if it takes a request to tell.
    """
    name, key = object_of(uri)
    bucket = backend.buckets.get(name)
    found = bucket.keys.get(key) if bucket is not None else None
    if not isinstance(found, DurableKey):
        return False
    if name.endswith(ALIAS) or not internals.is_readable(bucket, found):
        return True
    return str(found.file), str(found.digest)


def take(
    backend: Any, objects: Objects, files: Sequence[tuple[Content, str]], within: Path
) -> list[str | None]:
    """Make (content, uri) pairs objects; returns the ETag of each, None of those that it leaves.

    They are on disk when it returns. Only files in `within` are read.
    """
    etags = [_take(backend, objects, content, uri, within) for content, uri in files]
    objects.flush(backend, settings=False)
    return etags


def _take(backend: Any, objects: Objects, content: Content, uri: str, within: Path) -> str | None:
    name, key = object_of(uri)
    bucket = backend.buckets.get(name)
    if not key or bucket is None or name.endswith(ALIAS) or not internals.is_writable(bucket):
        return None
    file = objects.new_file()
    try:
        if is_too_long(key.encode()):
            return None
        data = _read(content, within) if isinstance(content, str) else content["json"].encode()
        if data is None:
            return None
        file.write_bytes(data)
        etag, checksum = hashlib.md5(data, usedforsecurity=False).hexdigest(), _checksum(data)
        value = FileValue(file, kept=True)
        made = make(backend, bucket, key, value, algorithm=_ALGORITHM, checksum=checksum, etag=etag)
    except (OSError, UnicodeError, internals.S3Refusal):
        objects.discard(file)
        return None
    if not isinstance(content, str):
        made.set_metadata({"Content-Type": "application/json"})
    return etag


def _read(path: str, within: Path) -> bytes | None:
    """The content of a file; None if it is not to be read here."""
    real = os.path.realpath(path)
    if not real.startswith(f"{within}{os.sep}"):
        return None
    # A pipe would be waited for, and a link that has just come is not what was looked at.
    source = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(source, "rb") as opened:
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST:
            return None
        return opened.read(status.st_size)


def _checksum(data: bytes) -> str:
    checksum = checksums.new(_ALGORITHM)
    assert checksum is not None
    checksum.update(data)
    return checksums.text(checksum)
