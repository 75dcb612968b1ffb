"""Objects that stay in S3: look at them, and copy them from one place there to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from s3transfer.manager import TransferConfig, TransferManager

from ..errors import AccessDenied, NotFound, StagingError
from ..limits import MAX_COPY
from .session import Services
from .transfer import Listed, list_prefix, split_uri
from .translate import translated

_LOOK_SECONDS = 0.05  # between two looks whether a copy is made, or the process ends
_PART = 512 * 1024**2  # 10,000 parts are allowed, 5 TB per object


@dataclass(frozen=True, slots=True)
class Object:
    """An object, and what tells its content."""

    uri: str
    etag: str


Found = tuple[Object, ...] | AccessDenied


def look_at(services: Services, uris: Iterable[str]) -> dict[str, Found]:
    """What lies at each URI: the object, or the objects below it as below a folder; none if empty.

    Asks once for each URI. A denied right is an answer too: whether it matters is the caller's.
    """

    def look(uri: str) -> Found:
        bucket, key = split_uri(uri)
        try:
            with translated(f"look at {uri}"):
                head = services.s3.head_object(Bucket=bucket, Key=key)
        except NotFound:
            below = _below(services, uri)
            return tuple(
                Object(item.uri, item.etag) for item in below if not item.uri.endswith("/")
            )
        except AccessDenied as error:
            return error
        return (Object(uri, head["ETag"].strip('"')),)

    distinct = list(dict.fromkeys(uris))
    with ThreadPoolExecutor(services.concurrency) as pool:
        return dict(zip(distinct, pool.map(look, distinct), strict=True))


def _below(services: Services, uri: str) -> list[Listed]:
    try:
        return list_prefix(services, f"{uri}/")
    except NotFound:  # the bucket
        return []


def copy_objects(
    services: Services,
    copies: Mapping[str, str],
    *,
    limit: int = MAX_COPY,
    part: int = _PART,
) -> None:
    """Copy inside S3; `copies` has the source of each target, as URIs."""
    config = TransferConfig(
        max_request_concurrency=services.concurrency,
        multipart_threshold=limit + 1,
        multipart_chunksize=part,
    )
    with TransferManager(services.s3, config) as manager:
        futures = []
        for target, source in copies.items():
            bucket, key = split_uri(source)
            to_bucket, to_key = split_uri(target)
            future = manager.copy({"Bucket": bucket, "Key": key}, to_bucket, to_key)
            futures.append((f"copy {source} to {target}", future))
        for action, future in futures:
            while not future.done():
                if services.ending.wait(_LOOK_SECONDS):  # leaving cancels what is under way
                    raise StagingError("results are not copied any further, as Snakemake ends")
            with translated(action):
                future.result()


def clock(services: Services, uri: str) -> int:
    """The time in seconds at S3, which dates objects by whole seconds of its own clock."""
    bucket, _ = split_uri(uri)
    with translated(f"use bucket {bucket}"):
        answer = services.s3.head_bucket(Bucket=bucket)
    date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return int(parsedate_to_datetime(date).timestamp())
