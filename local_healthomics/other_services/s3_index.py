"""The files of moto's S3 and the SQLite index that says what each is.

Every change of moto's objects marks what it touched; `flush` writes the rows of what is marked
before the client has its answer. A value's old file goes only after the row that named it is gone,
so a kill leaves a whole old or a whole new object.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from bisect import insort
from pathlib import Path
from typing import Any

from ..removing import remove
from ..store.database import opened
from .s3_records import (
    bucket_record,
    part_of,
    part_record,
    restore_bucket,
    upload_of,
    upload_record,
    version_of,
    version_record,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (bucket TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL,
    file TEXT, body TEXT NOT NULL, PRIMARY KEY (bucket, key, position));
CREATE TABLE IF NOT EXISTS upload (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS part (
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (upload, number));
"""

Mark = tuple[str, str, str | int]  # ("object", bucket, key), ("upload", id, ""), ("part", id, 1)


class Objects:
    """The object folder and its index."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "objects"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._db = opened(state / "objects.sqlite")
        self._db.executescript(_SCHEMA)
        self._marks = threading.Lock()
        self._flushing = threading.Lock()
        self._dirty: set[Mark] = set()
        self._garbage: list[Path] = []
        self._buckets: dict[str, str] = {}

    def new_file(self) -> Path:
        name = uuid.uuid4().hex
        folder = self.folder / name[:2]
        folder.mkdir(exist_ok=True)
        return folder / name

    def mark(self, kind: str, of: str, which: str | int = "") -> None:
        with self._marks:
            self._dirty.add((kind, of, which))

    def discard(self, path: Path) -> None:
        with self._marks:
            self._garbage.append(path)

    def flush(self, backend: Any, *, settings: bool = True) -> None:
        """Write down what changed; returns when everything marked before the call is on disk.

        The settings of buckets, which nothing marks, are compared unless they cannot have changed.
        """
        with self._flushing:
            with self._marks:
                dirty, self._dirty = self._dirty, set()
                garbage, self._garbage = self._garbage, []
            buckets = self._buckets
            # An object may be in a bucket whose own request has no answer yet.
            if settings or {of for kind, of, _ in dirty if kind == "object"} - buckets.keys():
                buckets = {
                    name: bucket_record(bucket, backend)
                    for name, bucket in list(backend.buckets.items())
                }
            if dirty or buckets != self._buckets:
                try:
                    self._write(backend, dirty, buckets)
                except sqlite3.Error:  # a full disk, say: the next flush tries again
                    with self._marks:
                        self._dirty |= dirty
                        self._garbage += garbage
                    raise
                self._buckets = buckets
            for path in garbage:
                remove(path, within=self.folder)

    def _write(self, backend: Any, dirty: set[Mark], buckets: dict[str, str]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for name in self._buckets.keys() - buckets.keys():
                self._db.execute("DELETE FROM settings WHERE bucket=?", (name,))
            for name, body in buckets.items():
                if self._buckets.get(name) != body:
                    self._db.execute("INSERT OR REPLACE INTO settings VALUES (?,?)", (name, body))
            # Uploads before their parts, as a part without one is not written.
            for kind, of, which in sorted(dirty, key=lambda mark: mark[0], reverse=True):
                match kind:
                    case "object":
                        self._write_object(backend, of, str(which))
                    case "upload":
                        self._write_upload(backend, of)
                    case _:
                        self._write_part(backend, of, int(which))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _write_object(self, backend: Any, bucket_name: str, key: str) -> None:
        self._db.execute("DELETE FROM object WHERE bucket=? AND key=?", (bucket_name, key))
        bucket = backend.buckets.get(bucket_name)
        versions = bucket.keys.getlist(key, []) if bucket is not None else []
        for position, version in enumerate(versions):
            path = getattr(version, "file", None)
            self._db.execute(
                "INSERT INTO object VALUES (?,?,?,?,?)",
                (
                    bucket_name,
                    key,
                    position,
                    path and self._name(path),
                    json.dumps(version_record(version, backend)),
                ),
            )

    def _write_upload(self, backend: Any, id: str) -> None:
        owner = _owner(backend, id)
        if owner is None:
            self._db.execute("DELETE FROM upload WHERE id=?", (id,))
            self._db.execute("DELETE FROM part WHERE upload=?", (id,))
        else:
            body = upload_record(owner.multiparts[id])
            self._db.execute("INSERT OR REPLACE INTO upload VALUES (?,?,?)", (id, owner.name, body))

    def _write_part(self, backend: Any, id: str, number: int) -> None:
        owner = _owner(backend, id)
        if owner is not None:
            part = owner.multiparts[id].parts[number]
            self._db.execute(
                "INSERT OR REPLACE INTO part VALUES (?,?,?,?)",
                (id, number, self._name(part.file), json.dumps(part_record(part))),
            )

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    def load(self, backend: Any) -> None:
        """Give moto back what an earlier process wrote down, and drop files that no row names."""
        for name, body in self._db.execute("SELECT bucket, body FROM settings").fetchall():
            restore_bucket(backend, name, body)
            self._buckets[name] = body
        known = self._load_objects(backend) | self._load_uploads(backend)
        for path in self.folder.glob("*/*"):
            if path not in known:
                remove(path, within=self.folder)
        with self._marks:
            self._dirty.clear()

    def _load_objects(self, backend: Any) -> set[Path]:
        known: set[Path] = set()
        rows = self._db.execute(
            "SELECT bucket, key, file, body FROM object ORDER BY bucket, key, position"
        )
        for bucket_name, name, file, body in rows.fetchall():
            bucket = backend.buckets.get(bucket_name)
            if bucket is not None:
                path = self.folder / file if file else None
                if path is not None:
                    known.add(path)
                bucket.keys[name] = version_of(json.loads(body), bucket, name, path, backend)
        return known

    def _load_uploads(self, backend: Any) -> set[Path]:
        known: set[Path] = set()
        uploads: dict[str, Any] = {}
        for id, bucket_name, body in self._db.execute("SELECT * FROM upload").fetchall():
            if bucket_name in backend.buckets:
                uploads[id] = backend.buckets[bucket_name].multiparts[id] = upload_of(body)
        rows = self._db.execute("SELECT upload, number, file, body FROM part ORDER BY number")
        for id, number, file, body in rows.fetchall():
            if id in uploads:
                path = self.folder / file
                known.add(path)
                upload = uploads[id]
                upload.parts[number] = part_of(json.loads(body), upload, number, path)
                insort(upload.partlist, number)
        return known

    def close(self) -> None:
        with self._flushing:
            self._db.close()


def _owner(backend: Any, upload: str) -> Any:
    """The bucket of an upload that is in progress."""
    return next((b for b in list(backend.buckets.values()) if upload in b.multiparts), None)
