"""Make moto's S3 last: values are files in the state folder, the index is SQLite.

moto keeps keys in memory or in temporary files that die with the process. `install` puts our key,
key store and multipart classes into moto's module before its backend is used; every change marks
its key as dirty, and `flush` writes the dirty rows before the client has its answer. A value's old
file goes only after the row that named it is gone, so a kill leaves a whole old or a whole new
object. What moto puts together in memory (a finished multipart upload, a copy) is put together
on disk here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sqlite3
import threading
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import moto.s3.models
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML, S3ClientError
from moto.s3.utils import _VersionedKeyStore
from moto.utilities.utils import LowercaseDict

from .arn import ALIAS

# Typed as nothing: assigning to a library's classes is what types are there to forbid.
models: Any = moto.s3.models

_BLOCK = 4 * 1024 * 1024
_SHA256_LENGTH = 44  # in base64; no other checksum that S3 takes is as long
# What moto's key carries beside its value; simple types only.
_PLAIN = (
    "_storage_class", "_etag", "_version_id", "_is_versioned", "encryption", "kms_key_id",
    "bucket_key_enabled", "lock_mode", "lock_legal_status", "lock_until", "checksum_value",
    "checksum_type", "checksum_parts", "checksum_algorithm", "website_redirect_location",
    "contentsize",
)  # fmt: skip
_SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL,
    file TEXT, body TEXT NOT NULL, PRIMARY KEY (bucket, key, position));
"""


@dataclass(frozen=True, slots=True)
class FileValue:
    """A value that is already a file of the object folder."""

    path: Path


class Objects:
    """The object folder and its index."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "objects"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            state / "objects.sqlite", isolation_level=None, check_same_thread=False, timeout=30
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)
        self._marks = threading.Lock()
        self._flushing = threading.Lock()
        self._dirty: set[tuple[str, str]] = set()
        self._garbage: list[Path] = []
        self._buckets: str | None = None

    def new_file(self) -> Path:
        name = uuid.uuid4().hex
        folder = self.folder / name[:2]
        folder.mkdir(exist_ok=True)
        return folder / name

    def mark(self, bucket: str, key: str) -> None:
        with self._marks:
            self._dirty.add((bucket, key))

    def discard(self, path: Path) -> None:
        with self._marks:
            self._garbage.append(path)

    def flush(self, backend: Any) -> None:
        """Write down what changed; returns when everything marked before the call is on disk."""
        with self._flushing:
            with self._marks:
                dirty, self._dirty = self._dirty, set()
                garbage, self._garbage = self._garbage, []
            buckets = {
                name: {"region": bucket.region_name, "versioning": bucket.versioning_status}
                for name, bucket in list(backend.buckets.items())
            }
            described = json.dumps(buckets, sort_keys=True)
            if dirty or described != self._buckets:
                self._write(backend, dirty, buckets)
                self._buckets = described
            for path in garbage:
                path.unlink(missing_ok=True)

    def _write(self, backend: Any, dirty: set[tuple[str, str]], buckets: dict[str, Any]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("DELETE FROM bucket")
            self._db.executemany(
                "INSERT INTO bucket VALUES (?,?)",
                [(name, json.dumps(body)) for name, body in buckets.items()],
            )
            for bucket_name, key in dirty:
                self._db.execute("DELETE FROM object WHERE bucket=? AND key=?", (bucket_name, key))
                bucket = backend.buckets.get(bucket_name)
                versions = bucket.keys.getlist(key, []) if bucket is not None else []
                for position, version in enumerate(versions):
                    if isinstance(version, DurableKey):
                        self._db.execute(
                            "INSERT INTO object VALUES (?,?,?,?,?)",
                            (bucket_name, key, position, str(version.file.relative_to(self.folder)),
                             json.dumps(_described(version, backend))),
                        )  # fmt: skip
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def load(self, backend: Any) -> None:
        """Give moto back what an earlier process wrote down, and drop files that no row names."""
        for name, body in self._db.execute("SELECT name, body FROM bucket").fetchall():
            settings = json.loads(body)
            bucket = backend.create_bucket(name, settings["region"])
            bucket.versioning_status = settings["versioning"]
        known = set()
        rows = self._db.execute(
            "SELECT bucket, key, file, body FROM object ORDER BY bucket, key, position"
        )
        for bucket_name, key, file, body in rows.fetchall():
            path = self.folder / file
            known.add(path)
            bucket = backend.buckets.get(bucket_name)
            if bucket is not None:
                restored = _restored(bucket, key, path, json.loads(body))
                bucket.keys.setlist(key, [*bucket.keys.getlist(key, []), restored])
        for path in self.folder.glob("*/*"):
            if path not in known:
                path.unlink()
        with self._marks:
            self._dirty.clear()

    def close(self) -> None:
        with self._flushing:
            self._db.close()


_objects: Objects | None = None


def _store() -> Objects:
    assert _objects is not None, "install() comes first"
    return _objects


class DurableKey(models.FakeKey):
    """A key whose value is a file; parts of an upload are such keys too, without a bucket."""

    file: Path
    # moto's own, which it leaves untyped
    _etag: str | None
    bucket_name: str | None
    disposed: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "last_modified":
            value = value.replace(microsecond=0)  # the resolution of S3, also in its listings
        super().__setattr__(name, value)
        bucket = self.__dict__.get("bucket_name")
        if bucket and name != "lock":
            _store().mark(bucket, str(self.__dict__.get("name")))

    @property
    def value(self) -> Any:
        if getattr(_by_reference, "on", False):
            return FileValue(self.file)
        return self.file.read_bytes()

    @value.setter
    def value(self, new: bytes | str | FileValue) -> None:
        old = self.__dict__.get("file")
        path = _store().new_file()
        if isinstance(new, FileValue):
            try:
                os.link(new.path, path)
            except OSError:  # a file system without hard links
                shutil.copyfile(new.path, path)
        else:
            path.write_bytes(new.encode() if isinstance(new, str) else new)
        self.file = path
        self.contentsize = path.stat().st_size
        if self._etag is None or old is not None:
            self._etag = _md5(path)
        if old is not None:
            _store().discard(old)

    @property
    def etag(self) -> str:
        return f'"{self._etag}"'

    def set_metadata(self, metadata: Any, replace: bool = False) -> None:
        super().set_metadata(metadata, replace)
        self.bucket_name = self.bucket_name  # marks the key

    def dispose(self, garbage: bool = False) -> None:
        # moto disposes in __del__ as well: the end of the process must not delete the objects.
        if garbage or self.disposed:
            return
        self._value_buffer.close()
        if self.multipart:
            self.multipart.dispose()
        self.disposed = True
        if "file" in self.__dict__:
            _store().discard(self.file)

    def __del__(self) -> None:
        return


class DurableMultipart(models.FakeMultipart):
    """A multipart upload that is put together on disk."""

    def complete(self, body: Iterator[tuple[int, str]]) -> tuple[Any, str, Any]:
        wanted = [(number, etag.replace('"', "")) for number, etag in body]
        if not wanted:
            raise MalformedXML
        for place, (number, etag) in enumerate(wanted):
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag:
                raise InvalidPart()
            last = place == len(wanted) - 1
            if not last and part.contentsize < models.S3_UPLOAD_PART_MIN_SIZE:
                raise EntityTooSmall()
        target = _store().new_file()
        digests, crc32 = hashlib.md5(usedforsecurity=False), 0
        with target.open("wb") as out:
            for number, etag in wanted:
                digests.update(bytes.fromhex(etag))
                with self.parts[number].file.open("rb") as source:
                    while block := source.read(_BLOCK):
                        crc32 = zlib.crc32(block, crc32)
                        out.write(block)
        _store().discard(target)  # the key holds a link of its own
        # The one checksum of a whole that is made here: for others moto reads it into memory.
        kind = self.metadata.get("x-amz-checksum-type")
        checksum = None
        if (self.metadata.get("x-amz-checksum-algorithm"), kind) == ("CRC32", "FULL_OBJECT"):
            value = base64.b64encode(crc32.to_bytes(4, "big")).decode()
            checksum = (kind, value, len(wanted))
        return FileValue(target), f"{digests.hexdigest()}-{len(wanted)}", checksum


class DurableKeys(_VersionedKeyStore):
    """The keys of a bucket; what leaves the bucket is marked as well as what comes."""

    def _mark(self, key: str, versions: list[Any]) -> None:
        for version in versions:
            owner = version if isinstance(version, models.FakeKey) else version.key
            while not isinstance(owner, models.FakeKey):
                owner = owner.key
            _store().mark(owner.bucket_name, key)

    def pop(self, key: str) -> None:  # type: ignore[override]
        self._mark(key, self.getlist(key, []))
        super().pop(key)

    def setlist(self, key: Any, list_: Any) -> Any:
        self._mark(key, [*self.getlist(key, []), *list_])
        return super().setlist(key, list_)


_by_reference = threading.local()
_copy_object = models.S3Backend.copy_object
_put_object = models.S3Backend.put_object
_list_buckets = models.S3Backend.list_buckets


def _list_own(backend: Any, prefix: Any, bucket_region: Any, max_buckets: Any) -> list[Any]:
    """moto's `list_buckets` without those behind access points, which are nobody's to see."""
    found = _list_buckets(backend, prefix, bucket_region, None)
    own = [bucket for bucket in found if not bucket.name.endswith(ALIAS)]
    return own[: int(max_buckets)] if max_buckets else own


def _put_checked(
    backend: Any, bucket_name: str, key_name: str, value: Any, *args: Any, **kwargs: Any
) -> Any:
    """moto's `put_object`, which takes a SHA-256 without comparing it as S3 does."""
    said = str(kwargs.get("checksum_value") or "")
    if isinstance(value, bytes) and len(said) == _SHA256_LENGTH:
        found = base64.b64encode(hashlib.sha256(value).digest()).decode()
        if found != said:
            raise S3ClientError(
                "BadDigest", "The SHA256 you specified did not match the calculated checksum."
            )
    return _put_object(backend, bucket_name, key_name, value, *args, **kwargs)


def _copy_by_reference(backend: Any, *args: Any, **kwargs: Any) -> None:
    """moto's `copy_object`, with the value handed on as a file."""
    _by_reference.on = True
    try:
        _copy_object(backend, *args, **kwargs)
    finally:
        _by_reference.on = False


def _upload_part_copy(
    backend: Any, dest_bucket_name: str, multipart_id: str, part_id: int, src_bucket_name: str,
    src_key_name: str, src_version_id: str | None, start_byte: int | None, end_byte: int | None,
) -> Any:  # fmt: skip
    """moto's `upload_part_copy`, reading only the part."""
    multipart = backend.get_bucket(dest_bucket_name).multiparts[multipart_id]
    source = backend.get_object(src_bucket_name, src_key_name, version_id=src_version_id)
    with source.file.open("rb") as opened:
        opened.seek(start_byte or 0)
        size = -1 if start_byte is None or end_byte is None else end_byte - start_byte + 1
        return multipart.set_part(part_id, opened.read(size))


def install(state: Path) -> Objects:
    """Put the durable classes under moto's S3; once per process."""
    global _objects
    _objects = Objects(state)
    models.FakeKey = DurableKey
    models.FakeMultipart = DurableMultipart
    models._VersionedKeyStore = DurableKeys
    models.S3Backend.put_object = _put_checked
    models.S3Backend.list_buckets = _list_own
    models.S3Backend.copy_object = _copy_by_reference
    models.S3Backend.upload_part_copy = _upload_part_copy
    return _objects


def _md5(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "md5").hexdigest()


def _described(key: DurableKey, backend: Any) -> dict[str, Any]:
    body = {name: key.__dict__[name] for name in _PLAIN if key.__dict__.get(name) is not None}
    body["metadata"] = dict(key.metadata)
    body["last_modified"] = key.last_modified.isoformat()
    body["tags"] = backend.tagger.get_tag_dict_for_resource(key.arn)
    return body


def _restored(bucket: Any, name: str, path: Path, body: dict[str, Any]) -> DurableKey:
    key = DurableKey(name, b"", bucket.account_id, bucket.region_name)
    key.file.unlink()  # the empty value of a moment ago
    key.__dict__.update({member: body.get(member) for member in _PLAIN})
    key.__dict__["file"] = path
    key.__dict__["_metadata"] = LowercaseDict(body["metadata"])
    key.__dict__["last_modified"] = datetime.fromisoformat(body["last_modified"])
    key.__dict__["bucket_name"] = bucket.name
    if body["tags"]:
        backend = models.s3_backends[bucket.account_id]["aws"]
        tags = [{"Key": k, "Value": v} for k, v in body["tags"].items()]
        backend.tagger.tag_resource(key.arn, tags)
    return key
