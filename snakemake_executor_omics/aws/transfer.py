"""Move files to and from S3, in parallel, and look at what lies there.

Uploads carry the digest that was taken of the file, and S3 refuses content of another one: by
SHA-256 in one request, by the CRC-32 of the whole for an upload in parts, where S3 knows no
SHA-256 of the whole. An object of the same size and digest is not sent again. What comes is written
beside the target and renamed, so that a file is there whole or not at all, and compared with the
size and the MD5 that S3 lists.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber
from s3transfer.utils import S3_RETRYABLE_DOWNLOAD_ERRORS

from ..errors import AccessDenied, NotFound, ServiceError, StagingError
from ..limits import MAX_KEYS
from .checksums import WHOLE, Digest, OnBytes
from .multipart import ResumingClient
from .session import Services
from .translate import translated

_LOOK_SECONDS = 0.5  # between two looks whether the process ends
_PART = WHOLE  # s3transfer takes larger parts where a file would need more than 10,000
_SMALL = 1024 * 1024  # read at once: the tasks of s3transfer for a file take as long as its request
_TRIES = 5  # to read a body, as in s3transfer
_ENDS = "files are not fetched any further, as Snakemake ends"
_LISTED_PER_HEAD = 20  # objects of a listing, which cost about as much as one HEAD


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be sent, and what it held when it was read."""

    path: Path
    uri: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Listed:
    """An object below a prefix."""

    uri: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """An object to be fetched; one that was listed needs no HEAD."""

    uri: str
    path: Path
    listed: Listed | None = None

    @property
    def size(self) -> int:
        return 0 if self.listed is None else self.listed.size

    @property
    def is_here(self) -> bool:
        """Whether an earlier call fetched it: a fetched file has the object's size and time."""
        if self.listed is None or not self.path.is_file():
            return False
        found = self.path.stat()
        return (found.st_size, found.st_mtime_ns) == (self.listed.size, _time_ns(self.listed))

    @property
    def has_content(self) -> bool:
        """Whether the file that is here has the object's content, where its ETag tells it."""
        if self.listed is None or not _is_md5(self.listed.etag):
            return False
        if self.path.is_symlink() or not self.path.is_file():
            return False
        return self.path.stat().st_size == self.size and _md5(self.path) == self.listed.etag


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI; the key may be empty."""
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise StagingError(f"{uri!r} is not an S3 URI", hint="write it as s3://bucket/key")
    return bucket, key


def missing(services: Services, items: Sequence[Upload]) -> list[Upload]:
    """Those that S3 does not have, or has with another content."""
    there = listed(services, [item.uri for item in items])

    def is_missing(item: Upload) -> bool:
        if there is not None:
            found = there.get(item.uri)
            if found is None:
                return True
            if (found.size, found.etag) == (item.digest.size, item.digest.md5):
                return False
        return not _is_there(services, item.uri, item.digest)

    with ThreadPoolExecutor(services.concurrency) as pool:
        absent = list(pool.map(is_missing, items))
    return [item for item, is_absent in zip(items, absent, strict=True) if is_absent]


def listed(services: Services, uris: Sequence[str]) -> Mapping[str, Listed] | None:
    """What lies where these objects would, by URI; None where HEADs tell it with less work."""
    most = len(uris) * _LISTED_PER_HEAD
    prefix = os.path.commonprefix(uris)  # noqa: RUF071  # of characters, as S3 has it
    if most < MAX_KEYS or prefix.count("/") < 3:  # of several buckets
        return None
    try:
        found = list(islice(_each_below(services, prefix), most + 1))
    except (AccessDenied, NotFound):
        return None
    return None if len(found) > most else {item.uri: item for item in found}


def upload_many(
    services: Services, items: Sequence[Upload], on_bytes: OnBytes | None = None
) -> None:
    """Send all files; parts of large ones that an earlier call sent are not sent again.

    Raises:
        StagingError: a file cannot be read.
        ServiceError: S3 refused one; code `BadDigest` where its content is not that of its digest.
    """
    with _transfers(services, ResumingClient(services.s3)) as manager:
        futures = []
        for item in items:
            bucket, key = split_uri(item.uri)
            future = manager.upload(
                str(item.path),
                bucket,
                key,
                extra_args=_checksum(item.digest),
                subscribers=[_Progress(on_bytes)],
            )
            futures.append((f"send {item.path} to {item.uri}", future))
        _finish(futures)


def delete(services: Services, uri: str) -> None:
    """Remove an object that this process made."""
    bucket, key = split_uri(uri)
    with translated(f"delete {uri}"):
        services.s3.delete_object(Bucket=bucket, Key=key)


def download_each(
    services: Services, items: Sequence[Download], on_bytes: OnBytes | None = None
) -> Iterator[Download]:
    """Fetch all objects, and give each in its turn when it is there, whole and checked.

    The folders of their paths are made. What was listed gets the object's time, by which a later
    call sees that it `is_here`.

    Raises:
        StagingError: no room, or an object is not what it was listed as.
    """

    def take(item: Download, arrive: Callable[[], object]) -> Download:
        with _told(f"fetch {item.uri}"):
            arrive()
        if item.listed is not None:
            _check(services, item.path, item.listed)
            time_ns = _time_ns(item.listed)
            os.utime(item.path, ns=(time_ns, time_ns))
        return item

    # A failure cancels what is under way first: then nobody waits for it.
    with (
        _workers(os.cpu_count()) as checks,
        _workers(services.concurrency) as readers,
        _transfers(services, services.s3) as manager,
    ):
        arriving = []
        uris = [item.uri for item in items]
        files = dict(zip(uris, services.files(uris), strict=True))
        for item in items:
            try:
                item.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StagingError(f"cannot make the folder of {item.path}: {error}") from error
            arrive = _arrival(services, item, files[item.uri], on_bytes)
            if arrive is not None:
                arriving.append(readers.submit(take, item, arrive))
                continue
            bucket, key = split_uri(item.uri)
            future = manager.download(
                bucket, key, str(item.path), subscribers=[_Progress(on_bytes), _Known(item.listed)]
            )
            arriving.append(checks.submit(take, item, future.result))
        for arrived in arriving:
            yield _unless_ending(services, arrived)


def _arrival(
    services: Services,
    item: Download,
    file: tuple[str, str] | None,
    on_bytes: OnBytes | None,
) -> Callable[[], None] | None:
    """How an object comes without s3transfer; None if it is not to."""
    listed = item.listed
    if listed is not None and file is not None and file[1] == listed.etag:
        return partial(_copy, services, item, listed, file[0], on_bytes)
    if listed is not None and listed.size <= _SMALL:
        return partial(_read, services, item, listed, on_bytes)
    return None


def _copy(
    services: Services, item: Download, listed: Listed, file: str, on_bytes: OnBytes | None
) -> None:
    """Take an object from where it lies on this machine."""
    try:
        with open(file, "rb") as source:
            _write(services, item.path, iter(partial(source.read, _SMALL), b""), on_bytes)
    except FileNotFoundError:  # the object was replaced since: S3 says so
        _read(services, item, listed, on_bytes)


def _read(services: Services, item: Download, listed: Listed, on_bytes: OnBytes | None) -> None:
    """Fetch an object that was listed, in one request; none for one that is empty."""
    data = _body(services, item.uri, listed) if listed.size else b""
    _write(services, item.path, [data], on_bytes)


def _write(
    services: Services, path: Path, blocks: Iterable[bytes], on_bytes: OnBytes | None
) -> None:
    beside = path.with_name(f"{path.name}.part")
    try:
        with beside.open("wb") as out:
            for block in blocks:
                if services.ending.is_set():
                    raise StagingError(_ENDS)
                out.write(block)
                if on_bytes is not None:
                    on_bytes(len(block))
        beside.replace(path)
    except (OSError, StagingError):
        beside.unlink(missing_ok=True)
        raise


def _body(services: Services, uri: str, listed: Listed) -> bytes:
    bucket, key = split_uri(uri)
    tries = 1
    while True:
        # An object that was overwritten since the listing is refused.
        answer = services.s3.get_object(Bucket=bucket, Key=key, IfMatch=f'"{listed.etag}"')
        try:
            data: bytes = answer["Body"].read()
        except S3_RETRYABLE_DOWNLOAD_ERRORS:  # botocore repeats only what has no answer
            if tries == _TRIES or services.ending.is_set():
                raise
            tries += 1
        else:
            return data


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
    digest = Digest.of_bytes(data)
    if _is_there(services, uri, digest):
        return
    bucket, key = split_uri(uri)
    with translated(f"write {uri}"):
        services.s3.put_object(Bucket=bucket, Key=key, Body=data, **_checksum(digest))


def list_prefix(services: Services, uri: str) -> list[Listed]:
    """All objects whose URI begins with `uri`, in the order of their keys."""
    return list(_each_below(services, uri))


def _each_below(services: Services, uri: str) -> Iterator[Listed]:
    bucket, prefix = split_uri(uri)
    with translated(f"list {uri}"):
        pages = services.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                yield Listed(
                    f"s3://{bucket}/{item['Key']}",
                    item["Size"],
                    item["ETag"].strip('"'),
                    item["LastModified"],
                )


def list_folders(services: Services, uri: str) -> list[str]:
    """The URIs of the folders directly below the folder `uri`."""
    bucket, key = split_uri(uri)
    prefix = f"{key.rstrip('/')}/" if key.strip("/") else ""
    with translated(f"list the folders of {uri}"):
        pages = services.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/"
        )
        return [
            f"s3://{bucket}/{item['Prefix']}"
            for page in pages
            for item in page.get("CommonPrefixes", ())
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
            return services.s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except (NotFound, AccessDenied):
        return None  # S3 answers 403 for what is not there to who may not list the bucket


def _is_there(services: Services, uri: str, digest: Digest) -> bool:
    """S3's own checksum tells, which it compared when the object was made."""
    head = _head(services, uri)
    return (
        head is not None
        and head["ContentLength"] == digest.size
        and (
            head.get("ChecksumSHA256") == digest.s3_sha256
            or head.get("ChecksumCRC32") == digest.s3_crc32
        )
    )


def _checksum(digest: Digest) -> dict[str, Any]:
    """What makes S3 compare, whatever the process's environment says about checksums."""
    if digest.size < _PART:
        return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest.s3_sha256}
    return {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": digest.s3_crc32}


def _time_ns(listed: Listed) -> int:
    return int(listed.modified.timestamp()) * 1_000_000_000


class _Progress(BaseSubscriber):  # type: ignore[misc, unused-ignore]  # s3transfer is untyped
    def __init__(self, on_bytes: OnBytes | None) -> None:
        self._on_bytes = on_bytes

    def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:
        if self._on_bytes is not None:
            self._on_bytes(bytes_transferred)


class _Known(BaseSubscriber):  # type: ignore[misc, unused-ignore]
    """Tells s3transfer what a listing told: no HEAD, and no parts of two contents."""

    def __init__(self, listed: Listed | None) -> None:
        self._listed = listed

    def on_queued(self, future: Any, **_: Any) -> None:
        if self._listed is not None:
            future.meta.provide_transfer_size(self._listed.size)
            future.meta.provide_object_etag(f'"{self._listed.etag}"')


def _check(services: Services, path: Path, listed: Listed) -> None:
    """Refuse a file that is not what S3 lists, and leave none then."""
    size = path.stat().st_size
    if size == listed.size and (not _is_md5(listed.etag) or _md5(path) == listed.etag):
        return
    if size == listed.size:
        # With KMS, or a key of the customer's, the ETag is something else.
        head = _head(services, listed.uri) or {}
        if head.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in head:
            return
    path.unlink()
    raise StagingError(
        f"what came of {listed.uri} is not what S3 lists ({size:,} of {listed.size:,} bytes)",
        hint="look whether something writes there, and call Snakemake again",
    )


def _is_md5(etag: str) -> bool:
    return len(etag) == 32  # that of an upload in parts has their number behind it


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unless_ending(services: Services, awaited: Future[Download]) -> Download:
    """What comes of it; an error once the process ends, which cancels all that is on its way."""
    while not services.ending.is_set():
        done, _ = wait((awaited,), timeout=_LOOK_SECONDS)
        if done:
            return awaited.result()
    raise StagingError(_ENDS)


@contextmanager
def _workers(number: int | None) -> Iterator[ThreadPoolExecutor]:
    """Threads that begin nothing more once the block is left."""
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _transfers(services: Services, s3: Any) -> Iterator[Any]:
    config = TransferConfig(
        max_request_concurrency=services.concurrency,
        multipart_threshold=_PART,
        multipart_chunksize=_PART,
    )
    # Leaving with an exception cancels what is still under way.
    with TransferManager(s3, config) as manager:
        yield manager


def _finish(futures: Sequence[tuple[str, Any]]) -> None:
    for action, future in futures:
        with _told(action):
            future.result()


@contextmanager
def _told(action: str) -> Iterator[None]:
    """What goes wrong on the way, for people."""
    try:
        with translated(action):
            yield
    except ServiceError as error:
        error.add_note("files sent or fetched before are kept: the next call goes on there")
        raise
    except OSError as error:
        raise StagingError(
            f"cannot {action}: {error.strerror or error}",
            hint="make room and call Snakemake again: what is here is not fetched again"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else None,
        ) from error
