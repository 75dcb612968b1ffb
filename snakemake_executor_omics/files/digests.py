"""What a file holds, in 32 bytes, and the memory of it: a large file is read once, not each time.

The cache believes what a file's size, modification time and inode say, as git does, and with git's
caution: a file that was young when it was read may change again without its time telling so, and is
read again the next time. It is a cache: deleting it costs time only.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..aws.checksums import WHOLE, Digest, OnBytes
from ..errors import JournalError, StagingError

_BLOCK = 1024 * 1024
# A time is trusted once it is older than any file system's granule (FAT's is the longest) and the
# usual difference between two machines' clocks.
_RACY_NS = 3_000_000_000
_COMMIT_SECONDS = 5.0
# No such column, not a database, damaged: as against locked, full or read-only.
_DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS content (
    path TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    crc32 INTEGER NOT NULL,
    size INTEGER NOT NULL,
    md5 TEXT
);
"""


_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file was changed, without reading it.

    `text` stands for size, modification time and inode, `newest_ns` is the modification time, for
    a directory the latest in it.
    """

    text: str
    size: int
    newest_ns: int


def file_state(path: Path) -> FileState:
    """The state of a file, links followed.

    Raises:
        StagingError: there is none, or what is there is no regular file.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise StagingError(f"cannot read {path}: it is neither a file nor a directory")
    text = f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
    return FileState(text, found.st_size, found.st_mtime_ns)


def digest_of(path: Path, on_bytes: OnBytes | None = None) -> Digest:
    """Read a file once.

    Raises:
        StagingError: it cannot be read.
    """
    sha, md5, crc, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0, 0
    block = memoryview(bytearray(_BLOCK))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(block):
                sha.update(block[:count])
                crc = zlib.crc32(block[:count], crc)
                size += count
                if size < WHOLE:
                    md5.update(block[:count])
                if on_bytes is not None:
                    on_bytes(count)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Digest(sha.hexdigest(), crc, size, md5.hexdigest() if size < WHOLE else None)


def _unreadable(path: Path, error: OSError) -> StagingError:
    if path.is_symlink() and not path.exists():
        return StagingError(
            f"cannot read {path}: the link leads to {os.readlink(path)}, which does not exist"
        )
    return StagingError(f"cannot read {path}: {error.strerror or error}")


class Digests:
    """The digests that are known, by path and state, in one SQLite file.

    A damaged file, or one of another kind, is made anew.

    Raises:
        JournalError: the file cannot be written.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path, self._say = path, say
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            self._renew(error)

    def __enter__(self) -> Digests:
        return self

    def __exit__(self, *_: object) -> None:
        self._commit()
        self._db.close()

    def known(self, name: str, state: FileState) -> Digest | None:
        """The digest of the file `name`, if it was taken in the same state."""
        row = self._try(
            lambda db: db.execute(
                "SELECT sha256, crc32, size, md5 FROM content WHERE path = ? AND state = ?",
                (name, state.text),
            ).fetchone()
        )
        return None if row is None else Digest(*row)

    def take(
        self,
        wanted: Sequence[tuple[str, FileState]],
        read: Callable[[str, OnBytes], Digest],
        on_bytes: OnBytes,
    ) -> dict[str, Digest]:
        """Digest all files, several at once; what is done is kept when a later one fails."""
        found: dict[str, Digest] = {}
        stopping = threading.Event()

        def moved(count: int) -> None:
            if stopping.is_set():  # nobody waits for the end of a large file after a failure
                raise StagingError("stopped")
            on_bytes(count)

        due = time.monotonic() + _COMMIT_SECONDS
        now = time.time_ns()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            futures = {pool.submit(read, name, moved): (name, state) for name, state in wanted}
            try:
                for future in as_completed(futures):
                    name, state = futures[future]
                    found[name] = future.result()
                    if now - state.newest_ns > _RACY_NS:
                        self._remember(name, state, found[name])
                    if time.monotonic() > due:
                        self._commit()
                        due = time.monotonic() + _COMMIT_SECONDS
            except BaseException:
                stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                self._commit()
        return found

    def forget(self, names: Iterable[str]) -> None:
        """Read these files again the next time."""
        rows = [(name,) for name in names]
        self._try(lambda db: db.executemany("DELETE FROM content WHERE path = ?", rows))
        self._commit()

    def _remember(self, name: str, state: FileState, digest: Digest) -> None:
        row = (name, state.text, digest.sha256, digest.crc32, digest.size, digest.md5)
        self._try(
            lambda db: db.execute("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?, ?)", row)
        )

    def _commit(self) -> None:
        self._try(lambda db: db.commit())

    def _try(self, work: Callable[[sqlite3.Connection], _Found]) -> _Found:
        try:
            return work(self._db)
        except sqlite3.DatabaseError as error:
            self._renew(error)
            return work(self._db)

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        db = sqlite3.connect(self._path)
        db.executescript(_SCHEMA)
        return db

    def _renew(self, error: sqlite3.DatabaseError) -> None:
        """Begin again with an empty file, if the one that is there is damaged or a foreign one."""
        if getattr(error, "sqlite_errorcode", None) not in _DAMAGED:
            raise self._unusable(error) from error
        self._say(f"omics: {self._path.name} is damaged ({error}) and made anew: inputs are read")
        try:
            for suffix in ("", "-journal", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._db = self._open()
        except (OSError, sqlite3.DatabaseError) as failed:
            raise self._unusable(failed) from failed

    def _unusable(self, error: Exception) -> JournalError:
        return JournalError(
            f"cannot use the digests in {self._path}: {error}",
            hint="look whether the disk is full or the folder read-only; deleting the file only "
            "means that the inputs are read again",
        )
