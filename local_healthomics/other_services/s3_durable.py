"""Make moto's S3 last: values are files in the state folder, the index is SQLite (s3_index.py).

moto keeps keys in memory or in temporary files that die with the process. `install` puts our key,
key store and multipart classes into moto's module before its backend is used; every change marks
what it touches, to be written before the client has its answer. What moto puts together in memory
(a finished multipart upload, a copy) is put together on disk here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ..arn import ALIAS
from . import checksums
from . import moto_internals as internals
from .s3_index import Objects
from .s3_records import FileValue

_BLOCK = 256 * 1024

_objects: Objects | None = None


def _store() -> Objects:
    assert _objects is not None, "install() comes first"
    return _objects


class DurableKey(internals.Key):
    """A key whose value is a file; parts of an upload are such keys too, without a bucket."""

    file: Path

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "last_modified":
            value = value.replace(microsecond=0)  # the resolution of S3, also in its listings
        super().__setattr__(name, value)
        bucket = self.__dict__.get("bucket_name")
        if bucket and name not in internals.KEY_OF_THE_MOMENT:
            _store().mark("object", bucket, str(self.__dict__.get("name")))

    def __deepcopy__(self, memo: Any) -> Self:
        """For moto's listing of versions, which would copy the values too."""
        copy = self.__class__.__new__(self.__class__)
        copy.__dict__.update(self.__dict__)
        return copy

    @property
    def value(self) -> Any:
        if getattr(_by_reference, "on", False):
            return FileValue(self.file)
        return self.file.read_bytes()

    @value.setter
    def value(self, new: bytes | str | FileValue) -> None:
        if isinstance(new, FileValue) and new.kept:
            self.file, self.contentsize = new.path, new.size
            self.digest = self.digest or new.etag
            return
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
        if self.digest is None or old is not None:
            self.digest = _md5(path)
        if old is not None:
            _store().discard(old)

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'

    def set_metadata(self, metadata: Any, replace: bool = False) -> None:
        super().set_metadata(metadata, replace)
        self.bucket_name = self.bucket_name  # marks the key

    def dispose(self, garbage: bool = False) -> None:
        # moto disposes in __del__ as well: the end of the process must not delete the objects.
        if garbage or self.disposed:
            return
        self.close_buffer()
        if self.multipart:
            self.multipart.dispose()
        self.disposed = True
        if "file" in self.__dict__:
            _store().discard(self.file)

    def __del__(self) -> None:
        return


class DurableMultipart(internals.Multipart):
    """A multipart upload that is put together on disk."""

    id: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _store().mark("upload", self.id)

    def set_part(self, part_id: int, value: bytes | FileValue) -> Any:
        part = super().set_part(part_id, _arrived() or value)
        _store().mark("part", self.id, part_id)
        return part

    def dispose(self) -> None:
        super().dispose()
        _store().mark("upload", self.id)

    def complete(self, body: Iterator[tuple[int, str]]) -> tuple[Any, str, Any]:
        wanted = [(number, etag.replace('"', "")) for number, etag in body]
        if not wanted:
            raise internals.MalformedXML
        for place, (number, etag) in enumerate(wanted):
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag:
                raise internals.InvalidPart()
            last = place == len(wanted) - 1
            if not last and part.contentsize < internals.smallest_part():
                raise internals.EntityTooSmall()
        target, digests = _store().new_file(), hashlib.md5(usedforsecurity=False)
        # Of checksums of the parts' checksums nothing is said: moto tells them as those of a whole.
        is_whole = self.metadata.get("x-amz-checksum-type") == "FULL_OBJECT"
        algorithm = self.metadata.get("x-amz-checksum-algorithm")
        checksum = checksums.new(algorithm) if is_whole else None
        with target.open("wb") as out:
            for number, etag in wanted:
                digests.update(bytes.fromhex(etag))
                with self.parts[number].file.open("rb") as source:
                    while block := source.read(_BLOCK):
                        if checksum is not None:
                            checksum.update(block)
                        out.write(block)
        made = checksum and ("FULL_OBJECT", checksums.text(checksum), len(wanted))
        return FileValue(target, kept=True), f"{digests.hexdigest()}-{len(wanted)}", made


class DurableKeys(internals.VersionedKeyStore):
    """The keys of a bucket; what leaves the bucket is marked as well as what comes."""

    def _mark(self, key: str, versions: list[Any]) -> None:
        for version in versions:
            owner = version
            while not internals.is_key(owner):  # a delete marker
                owner = owner.key
            _store().mark("object", owner.bucket_name, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if internals.is_delete_marker(value):
            value.last_modified = value.last_modified.replace(microsecond=0)
        super().__setitem__(key, value)
        self._mark(key, [value])

    def iterlists(self) -> Iterator[tuple[str, list[Any]]]:
        """For moto's listing of versions, which sorts by a time that several may share."""
        for key, versions in super().iterlists():
            yield key, versions[::-1]

    def pop(self, key: str) -> None:
        self._mark(key, self.getlist(key, []))
        super().pop(key)

    def setlist(self, key: Any, list_: Any) -> Any:
        self._mark(key, [*self.getlist(key, []), *list_])
        return super().setlist(key, list_)


_by_reference = threading.local()
_arriving = threading.local()


@contextmanager
def arriving(value: FileValue) -> Iterator[None]:
    """While a request is answered whose content has come into a file already."""
    _arriving.value = value
    try:
        yield
    finally:
        if _arrived() is not None:  # nobody wanted it: the request was refused
            _store().discard(value.path)


def _arrived() -> FileValue | None:
    """The file, for the one who takes it."""
    value: FileValue | None = _arriving.__dict__.pop("value", None)
    return value


def _list_own(backend: Any, prefix: Any, bucket_region: Any, max_buckets: Any) -> list[Any]:
    """moto's `list_buckets` without those behind access points, which are nobody's to see."""
    found = internals.list_buckets(backend, prefix, bucket_region, None)
    own = [bucket for bucket in found if not bucket.name.endswith(ALIAS)]
    return own[: int(max_buckets)] if max_buckets else own


def _put_arrived(
    backend: Any, bucket_name: str, key_name: str, value: Any, *args: Any, **kwargs: Any
) -> Any:
    """moto's `put_object`, with the content that came into a file."""
    arrived = None if isinstance(value, FileValue) else _arrived()
    if arrived is not None:
        value, kwargs["etag"] = arrived, arrived.etag
    return internals.put_object(backend, bucket_name, key_name, value, *args, **kwargs)


def _copy_by_reference(backend: Any, *args: Any, **kwargs: Any) -> None:
    """moto's `copy_object`, with the value handed on as a file."""
    _by_reference.on = True
    try:
        internals.copy_object(backend, *args, **kwargs)
    finally:
        _by_reference.on = False


def _upload_part_copy(
    backend: Any,
    dest_bucket_name: str,
    multipart_id: str,
    part_id: int,
    src_bucket_name: str,
    src_key_name: str,
    src_version_id: str | None,
    start_byte: int | None,
    end_byte: int | None,
) -> Any:
    """moto's `upload_part_copy`, reading only the part."""
    multipart = backend.get_bucket(dest_bucket_name).multiparts[multipart_id]
    source = backend.get_object(src_bucket_name, src_key_name, version_id=src_version_id)
    start, size = start_byte or 0, source.contentsize
    end = size if end_byte is None else min(end_byte + 1, size)
    path, digest = _store().new_file(), hashlib.md5(usedforsecurity=False)
    with source.file.open("rb") as opened, path.open("wb") as out:
        opened.seek(start)
        while block := opened.read(min(_BLOCK, max(end - opened.tell(), 0))):
            digest.update(block)
            out.write(block)
    return multipart.set_part(part_id, FileValue(path, kept=True, etag=digest.hexdigest()))


def install(state: Path) -> Objects:
    """Put the durable classes under moto's S3; once per process."""
    global _objects
    _objects = Objects(state)
    internals.replace_in_s3(
        key=DurableKey,
        multipart=DurableMultipart,
        key_store=DurableKeys,
        put_object=_put_arrived,
        list_buckets=_list_own,
        copy_object=_copy_by_reference,
        upload_part_copy=_upload_part_copy,
    )
    return _objects


def _md5(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "md5").hexdigest()
