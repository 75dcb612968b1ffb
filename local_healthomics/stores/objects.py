"""Where the bytes of read sets and references are: S3 objects in buckets of the service's own.

Each store has a bucket that is named like the alias of its access point, so the URI in `s3Access`
is one that any S3 client reads, and the operations of HealthOmics serve the same object. Clients
cannot write there (see `other_services`). A document holds its files as the API shows them, a
`FileInformation` each; the functions here take one and find its object.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..arn import ALIAS, REGION, object_of
from ..context import Context
from ..errors import NotFound, RangeNotSatisfiable
from ..protocol.rest_json import Excerpt

PART = 100 * 1024 * 1024  # what a part holds, unless the file would have too many of them
_MOST_PARTS = 10_000
_SETS = {"sequenceStore": "readSet", "referenceStore": "reference"}
_RANGE = re.compile(r"(\d*)-(\d*)")

FileInformation = Mapping[str, Any]  # totalParts, partSize, contentLength, s3Access.s3Uri


def new_bucket(account: str, store_id: str) -> str:
    """A name for the bucket of a new store; the document keeps it as `bucket`."""
    return f"{account}-{store_id}-{uuid.uuid4().hex[:24]}{ALIAS}"


def store_uri(store: Mapping[str, Any]) -> str:
    """The S3 URI below which everything of a store is."""
    return f"s3://{store['bucket']}/{store['account']}/{store['arn'].rpartition(':')[2]}/"


def access_point(store: Mapping[str, Any]) -> str:
    """The ARN of a store's access point; its name is the account's id and the store's."""
    account = store["account"]
    return f"arn:aws:s3:{REGION}:{account}:accesspoint/{account}-{store['id']}"


def uri_of(store: Mapping[str, Any], id: str, filename: str) -> str:
    """The S3 URI of a file of a read set or reference."""
    kind = store["arn"].rpartition(":")[2].partition("/")[0]
    return f"{store_uri(store)}{_SETS[kind]}/{id}/{filename}"


def keep(
    context: Context,
    store: Mapping[str, Any],
    id: str,
    filename: str,
    path: Path,
    *,
    etag: str | None = None,
) -> dict[str, Any]:
    """Take a file in, without copying it if it is on the state's disk; `path` may go then.

    `etag` is the MD5 of the file in hex, if it is known already: else S3 computes it.
    """
    uri = uri_of(store, id, filename)
    bucket, key = object_of(uri)
    context.objects.make_bucket(bucket)
    context.objects.link(bucket, key, path, etag)
    length = path.stat().st_size
    size = max(PART, -(-length // _MOST_PARTS))
    return {
        "totalParts": max(1, -(-length // size)),
        "partSize": size,
        "contentLength": length,
        "s3Access": {"s3Uri": uri},
    }


def path(context: Context, file: FileInformation) -> Path:
    """The file that holds the bytes; ResourceNotFoundException if they are gone."""
    uri = file["s3Access"]["s3Uri"]
    found = context.objects.file(*object_of(uri))
    if found is None:
        raise NotFound("file", uri)
    return found


def drop(context: Context, *files: FileInformation) -> None:
    """Forget files of one store; they may be gone already."""
    places = [object_of(file["s3Access"]["s3Uri"]) for file in files]
    there = [key for bucket, key in places if context.objects.file(bucket, key) is not None]
    if there:
        context.objects.remove(places[0][0], *there)


def archive(context: Context, file: FileInformation, archived: bool = True) -> None:
    """Make S3 refuse (or, not `archived`, serve again) a file: InvalidObjectState, as S3 does."""
    context.objects.archive(*object_of(file["s3Access"]["s3Uri"]), archived)


def tag(context: Context, file: FileInformation, tags: Mapping[str, str]) -> None:
    """Give the S3 object of a file these tags and no other."""
    context.objects.tag(*object_of(file["s3Access"]["s3Uri"]), tags)


def part(
    context: Context, file: FileInformation, number: int, within: str | None = None
) -> Excerpt:
    """A part of a file, counted from 1, or the bytes `within` it (`0-99`, `100-`, `-100`).

    RangeNotSatisfiableException if the file has no such part, or the part no such bytes.
    """
    found = path(context, file)
    length = found.stat().st_size
    start = (number - 1) * file["partSize"]
    end = min(start + file["partSize"], length)
    if start >= length:
        raise RangeNotSatisfiable(f"part {number} is not one of {file['totalParts']}")
    if within is None:
        return Excerpt(found, start, end)
    first, past = _bounds(within, end - start)
    return Excerpt(found, start + first, start + past)


def _bounds(text: str, length: int) -> tuple[int, int]:
    """First byte and the byte after the last of a range of HTTP."""
    matched = _RANGE.fullmatch(text)
    first, last = matched.groups() if matched else ("", "")
    if first:
        bounds = int(first), min(int(last) + 1, length) if last else length
    else:
        bounds = max(0, length - int(last or 0)), length
    if bounds[0] >= bounds[1]:
        raise RangeNotSatisfiable(f"{text} is no range of {length} bytes")
    return bounds
