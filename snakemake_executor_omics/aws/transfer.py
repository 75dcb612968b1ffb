"""Move files to and from S3, in parallel, and look at what lies there.

Uploads carry the file's SHA-256 as metadata: an object of the same size and digest is not sent
again. s3transfer itself downloads beside the target and renames, so that a file is there whole
or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from snakemake_executor_omics.aws.session import S3_CONNECTIONS, Services
from snakemake_executor_omics.aws.translate import translated
from snakemake_executor_omics.errors import AccessDenied, NotFound, ServiceError, StagingError

_DIGEST = "sha256"
_MIB = 1024 * 1024
# As many requests as the client has connections; parts of 16 MiB allow files of 156 GiB.
_CONFIG = TransferConfig(
    max_request_concurrency=S3_CONNECTIONS - 4,
    multipart_threshold=16 * _MIB,
    multipart_chunksize=16 * _MIB,
)

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be sent; `sha256` (hex) if it is known already."""

    path: Path
    uri: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """An object to be fetched."""

    uri: str
    path: Path


@dataclass(frozen=True, slots=True)
class Listed:
    """An object below a prefix."""

    uri: str
    size: int
    etag: str


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI; the key may be empty."""
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise StagingError(f"{uri!r} is not an S3 URI", hint="write it as s3://bucket/key")
    return bucket, key


def sha256_of(path: Path) -> str:
    """The digest of a file, in hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StagingError(f"cannot read {path}: {error.strerror or error}") from error


def upload_many(
    services: Services, items: Sequence[Upload], on_bytes: OnBytes | None = None
) -> int:
    """Bring all files to S3; returns how many had to be sent."""

    def missing(item: Upload) -> tuple[Upload, str] | None:
        digest = item.sha256 or sha256_of(item.path)
        size = item.path.stat().st_size
        if not _is_there(services, item.uri, size, digest):
            return item, digest
        if on_bytes is not None:
            on_bytes(size)
        return None

    with ThreadPoolExecutor(S3_CONNECTIONS) as pool:
        to_send = [pair for pair in pool.map(missing, items) if pair is not None]
    with _transfers(services) as manager:
        futures = []
        for item, digest in to_send:
            bucket, key = split_uri(item.uri)
            future = manager.upload(
                str(item.path),
                bucket,
                key,
                extra_args={"Metadata": {_DIGEST: digest}},
                subscribers=_subscribers(on_bytes),
            )
            futures.append((f"send {item.path} to {item.uri}", future))
        _finish(futures)
    return len(to_send)


def download_many(
    services: Services, items: Sequence[Download], on_bytes: OnBytes | None = None
) -> None:
    """Fetch all objects; the folders of their paths are made."""
    with _transfers(services) as manager:
        futures = []
        for item in items:
            bucket, key = split_uri(item.uri)
            try:
                item.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StagingError(f"cannot make the folder of {item.path}: {error}") from error
            future = manager.download(
                bucket, key, str(item.path), subscribers=_subscribers(on_bytes)
            )
            futures.append((f"fetch {item.uri} to {item.path}", future))
        _finish(futures)


def read_bytes(services: Services, uri: str) -> bytes:
    """A small object, whole."""
    bucket, key = split_uri(uri)
    with translated(f"read {uri}"):
        data: bytes = services.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return data


def read_json(services: Services, uri: str) -> Any:
    """A small JSON object, parsed."""
    try:
        return json.loads(read_bytes(services, uri))
    except ValueError as error:
        raise StagingError(f"{uri} is not JSON: {error}") from error


def write_bytes(services: Services, uri: str, data: bytes) -> None:
    """Write a small object, unless it is there with the same content."""
    digest = hashlib.sha256(data).hexdigest()
    if _is_there(services, uri, len(data), digest):
        return
    bucket, key = split_uri(uri)
    with translated(f"write {uri}"):
        services.s3.put_object(Bucket=bucket, Key=key, Body=data, Metadata={_DIGEST: digest})


def exists(services: Services, uri: str) -> bool:
    """Whether the object is there."""
    return _head(services, uri) is not None


def list_prefix(services: Services, uri: str) -> list[Listed]:
    """All objects whose URI begins with `uri`, in the order of their keys."""
    bucket, prefix = split_uri(uri)
    with translated(f"list {uri}"):
        pages = services.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [
            Listed(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))
            for page in pages
            for item in page.get("Contents", ())
        ]


def check_bucket(services: Services, uri: str, region: str) -> None:
    """Refuse a bucket that a run could not use, before anything is billed."""
    bucket, _ = split_uri(uri)
    try:
        with translated(f"use bucket {bucket}"):
            answer = services.s3.head_bucket(Bucket=bucket)
    except NotFound as error:
        raise StagingError(
            f"there is no bucket {bucket}", hint=f"create it in {region}, or change the output URI"
        ) from error
    except AccessDenied as error:
        raise StagingError(
            f"no access to bucket {bucket}: {error.message}",
            hint="the credentials need s3:ListBucket, s3:GetObject and s3:PutObject there",
        ) from error
    # boto3 follows a redirect to another region in silence; runs would fail to export.
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    home = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
    if home is not None and home != region:
        raise StagingError(
            f"bucket {bucket} is in {home}, the runs are in {region}",
            hint=f"use a bucket in {region}, or --omics-region {home}",
        )


def _head(services: Services, uri: str) -> Any | None:
    bucket, key = split_uri(uri)
    try:
        with translated(f"look at {uri}"):
            return services.s3.head_object(Bucket=bucket, Key=key)
    except NotFound:
        return None


def _is_there(services: Services, uri: str, size: int, digest: str) -> bool:
    head = _head(services, uri)
    return (
        head is not None
        and head["ContentLength"] == size
        and head.get("Metadata", {}).get(_DIGEST) == digest
    )


class _Progress(BaseSubscriber):  # type: ignore[misc, unused-ignore]  # s3transfer is untyped
    def __init__(self, on_bytes: OnBytes) -> None:
        self._on_bytes = on_bytes

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        self._on_bytes(bytes_transferred)


def _subscribers(on_bytes: OnBytes | None) -> list[_Progress]:
    return [] if on_bytes is None else [_Progress(on_bytes)]


@contextmanager
def _transfers(services: Services) -> Iterator[Any]:
    # Leaving with an exception cancels what is still under way.
    with TransferManager(services.s3, _CONFIG) as manager:
        yield manager


def _finish(futures: Sequence[tuple[str, Any]]) -> None:
    for action, future in futures:
        try:
            with translated(action):
                future.result()
        except ServiceError as error:
            error.add_note("files sent or fetched before are kept: the next call goes on there")
            raise
        except OSError as error:
            raise StagingError(f"cannot {action}: {error.strerror or error}") from error
