"""Objects in and out of S3: inputs into a folder of the run, results to their URIs.

The server reads and takes what it can as files of this machine (direct.py); of what it leaves,
as policies may deny it or its size takes several requests, S3 is asked as on AWS.

Everything the run downloads is fetched once, whoever asks (parameters, literals in the WDL), and
its ETag is remembered: it is the content's identity in digests and cache keys.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..arn import ALIAS, object_of
from ..rights import ROLE_AGENT
from .direct import Direct
from .errors import (
    EngineError,
    ImportFailed,
    InactiveStorage,
    InputNotFound,
    InvalidUri,
)
from .omics_uris import SCHEME

WORKERS = 16
_TAKEN_AT_ONCE = 500  # files that the server is told of in one line
_SINGLE_REQUEST = 8 * 1024 * 1024
_TRANSFER = TransferConfig(multipart_threshold=_SINGLE_REQUEST, max_concurrency=4)
S3_ERRORS = (ClientError, BotoCoreError, Boto3Error)
_CHUNK = 1024 * 1024
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


def connect(endpoint_url: str, region: str) -> Any:
    """An S3 client for the local endpoint (path style: bucket names are not host names there)."""
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "max_attempts": 5},
            max_pool_connections=WORKERS * 4,
            user_agent_extra=ROLE_AGENT,
        ),
    )


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI. Double slashes in keys are kept, as the service keeps them."""
    bucket, key = object_of(uri)
    if not uri.startswith("s3://") or not bucket or not key:
        raise InvalidUri(f"not an S3 object URI: {uri}")
    return bucket, key


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    return error_code(error) in _MISSING


def tidy_etag(etag: str) -> str:
    return etag.strip('"')


def _import_error(uri: str, error: Exception) -> EngineError:
    if isinstance(error, ClientError):
        if is_missing(error):
            return InputNotFound(uri)
        if error_code(error) == "InvalidObjectState" and split_uri(uri)[0].endswith(ALIAS):
            return InactiveStorage(uri)
        if error_code(error) in {"403", "AccessDenied"}:
            return ImportFailed(f"S3 access denied for {uri}")
    return ImportFailed(f"could not read {uri}: {error}")


class Objects:
    """S3 as the run's role has it; without a server to ask, by requests alone."""

    def __init__(self, s3: Any, direct: Direct | None = None) -> None:
        self._s3, self._direct = s3, direct

    def fetch(self, uri: str, target: Path) -> str:
        """Download one object to `target`; returns its ETag."""
        target.parent.mkdir(parents=True, exist_ok=True)
        found = self._look(uri)
        if isinstance(found, tuple):
            with suppress(FileNotFoundError):  # replaced meanwhile
                shutil.copyfile(found[0], target)
                return found[1]
        answer = self._get(uri)
        with target.open("wb") as out:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                out.write(chunk)
        return tidy_etag(answer["ETag"])

    def read(self, uri: str) -> bytes | None:
        """The content of an object; None if there is no such object."""
        found = self._look(uri)
        if not found:
            return None
        if isinstance(found, tuple):
            with suppress(FileNotFoundError):
                return Path(found[0]).read_bytes()
        try:
            content: bytes = self._get(uri)["Body"].read()
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return content

    def keys(self, uri: str) -> Iterator[str]:
        """The keys below a prefix."""
        bucket, prefix = split_uri(uri)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return (item["Key"] for page in pages for item in page.get("Contents", []))

    def send(self, files: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Upload (path, uri) pairs; returns the ETags by URI, raises the first failure."""
        sent: dict[str, str] = {}
        if self._direct is not None:
            for start in range(0, len(files), _TAKEN_AT_ONCE):
                some = files[start : start + _TAKEN_AT_ONCE]
                taken = zip(some, self._direct.take(some), strict=True)
                sent |= {uri: etag for (_, uri), etag in taken if etag is not None}
        left = [(path, uri) for path, uri in files if uri not in sent]
        if len(left) < 2:
            return sent | dict(map(self._put, left))
        with ThreadPoolExecutor(min(WORKERS, len(left))) as pool:
            return sent | dict(pool.map(self._put, left))

    def send_json(self, *texts: tuple[str, str]) -> None:
        """Upload (text, uri) pairs, in this order."""
        taken: Sequence[str | None] = [None] * len(texts)
        if self._direct is not None:
            taken = self._direct.take([({"json": text}, uri) for text, uri in texts])
        for (text, uri), etag in zip(texts, taken, strict=True):
            if etag is None:
                bucket, key = split_uri(uri)
                kind = "application/json"
                self._s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=kind)

    def _look(self, uri: str) -> tuple[str, str] | bool:
        return self._direct.look(uri) if self._direct else True

    def _get(self, uri: str) -> Any:
        bucket, key = split_uri(uri)
        return self._s3.get_object(Bucket=bucket, Key=key)

    def _put(self, item: tuple[str, str]) -> tuple[str, str]:
        path, uri = item
        bucket, key = split_uri(uri)
        if os.path.getsize(path) <= _SINGLE_REQUEST:
            with open(path, "rb") as body:
                done = self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        else:
            self._s3.upload_file(path, bucket, key, Config=_TRANSFER)
            done = self._s3.head_object(Bucket=bucket, Key=key)
        return uri, tidy_etag(done["ETag"])


@dataclass(frozen=True, slots=True)
class _Local:
    path: str
    etag: str


class Inputs:
    """The run's input objects on this machine."""

    def __init__(
        self,
        objects: Objects,
        locate: Callable[[str], str],
        folder: Path,
        stopping: Callable[[], bool],
        told: Callable[[str, bool], None] = lambda uri, done: None,
        *,
        writable: bool = False,
    ) -> None:
        self._objects = objects
        self._locate = locate  # the S3 URI behind one of HealthOmics
        self._folder = folder
        self._stopping = stopping
        self._told = told  # of every input: that its import begins, that it is done
        self._writable = writable  # their modes stay: what mounts them keeps tasks from writing
        self._lock = threading.Lock()
        self._known: dict[str, Future[_Local]] = {}
        self._identity: dict[str, str] = {}
        self.digests: dict[str, str] = {}

    def fetch_all(self, uris: Iterable[tuple[str, bool]]) -> None:
        """Download (uri, is a directory) pairs in parallel; the first failure is raised."""
        wanted = sorted(set(uris))
        if not wanted:
            return
        with ThreadPoolExecutor(min(WORKERS, len(wanted))) as pool:
            futures = [pool.submit(self.fetch, uri, directory) for uri, directory in wanted]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def fetch(self, uri: str, directory: bool = False) -> str:
        """The local path of an object (or prefix), downloading it if nobody has yet."""
        with self._lock:
            future = self._known.get(uri)
            mine = future is None
            if future is None:
                future = self._known[uri] = Future()
        if mine:
            try:
                self._told(uri, False)
                future.set_result(self._prefix(uri) if directory else self._object(uri))
                self._told(uri, True)
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result().path

    def source(self, uri: str) -> str:
        """The S3 URI behind the URI of an input."""
        return self._locate(uri) if uri.startswith(SCHEME) else uri

    def identity(self, path: str) -> str | None:
        """What stands for the content of a downloaded path in a cache key."""
        return self._identity.get(path.rstrip("/"))

    def _object(self, uri: str) -> _Local:
        if self._stopping():
            raise ImportFailed(f"stopped before {uri} was read")
        source = self.source(uri)
        _, key = split_uri(source)
        name = posixpath.basename(key)
        if not name or name in {".", ".."}:
            raise InvalidUri(f"an input file needs a name: {uri}")
        target = self._slot(uri) / name
        try:
            etag = self._objects.fetch(source, target)
        except S3_ERRORS as error:
            raise _import_error(source, error) from error
        return self._remember(uri, target, etag)

    def _prefix(self, uri: str) -> _Local:
        bucket, prefix = split_uri(uri.rstrip("/") + "/")
        target = self._slot(uri) / posixpath.basename(prefix.rstrip("/"))
        digest = hashlib.sha256()
        found = False
        try:
            for key in self._objects.keys(f"s3://{bucket}/{prefix}"):
                found = True
                relative = key.removeprefix(prefix)
                if not relative or relative.endswith("/"):
                    continue
                if ".." in relative.split("/") or relative.startswith("/"):
                    raise InvalidUri(f"unusable key below {uri}: {relative}")
                etag = self._objects.fetch(f"s3://{bucket}/{key}", target / relative)
                if not self._writable:
                    protect(str(target / relative))
                digest.update(f"{relative}\0{etag}\n".encode())
        except S3_ERRORS as error:
            raise _import_error(uri, error) from error
        if not found:
            raise InputNotFound(uri)
        target.mkdir(parents=True, exist_ok=True)
        return self._remember(uri, target, digest.hexdigest())

    def _slot(self, uri: str) -> Path:
        return self._folder / hashlib.sha256(uri.encode()).hexdigest()[:20]

    def _remember(self, uri: str, target: Path, etag: str) -> _Local:
        if not self._writable:
            protect(str(target))
        path = os.path.realpath(target)
        with self._lock:
            self._identity[path] = self._identity[str(target)] = f"etag:{etag}"
            self.digests[uri] = f"etag:{etag}"
        return _Local(path, etag)


def protect(path: str) -> None:
    """Take write permission from a file: an input is everybody's, a task must not change it."""
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o222:
        os.chmod(path, status.st_mode & ~0o222)
