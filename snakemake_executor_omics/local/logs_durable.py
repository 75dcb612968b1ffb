"""Make moto's CloudWatch Logs last: every stream and event is written to SQLite as it comes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import moto.logs.models

models: Any = moto.logs.models  # typed as nothing, as its classes are replaced

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stream (
    log_group TEXT NOT NULL, stream TEXT NOT NULL, PRIMARY KEY (log_group, stream));
CREATE TABLE IF NOT EXISTS event (
    log_group TEXT NOT NULL, stream TEXT NOT NULL, at INTEGER NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_stream ON event (log_group, stream);
"""


class LogBook:
    """The log streams of one state folder, and the way into moto's."""

    def __init__(self, path: Path, account: str, region: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._backend: Any = models.logs_backends[account][region]
        self._loading = False

    def write(self, group: str, stream: str, events: Iterable[tuple[int, str]]) -> None:
        """Append events, making the group and the stream on first use."""
        with self._lock:
            self._ensure(group, stream)
            self._backend.groups[group].put_log_events(
                stream, [{"timestamp": at, "message": text} for at, text in events]
            )

    def _ensure(self, group: str, stream: str) -> None:
        if group not in self._backend.groups:
            self._backend.create_log_group(group, {})
        if stream not in self._backend.groups[group].streams:
            self._backend.create_log_stream(group, stream)

    def load(self) -> None:
        """Give moto back what an earlier process wrote down."""
        self._loading = True
        try:
            for group, stream in self._db.execute("SELECT * FROM stream").fetchall():
                self._ensure(group, stream)
                events = self._db.execute(
                    "SELECT at, message FROM event WHERE log_group=? AND stream=? ORDER BY rowid",
                    (group, stream),
                ).fetchall()
                if events:
                    self.write(group, stream, events)
        finally:
            self._loading = False

    def keep_stream(self, group: str, stream: str) -> None:
        if not self._loading:
            with self._lock:
                self._db.execute("INSERT OR IGNORE INTO stream VALUES (?,?)", (group, stream))

    def keep_events(self, group: str, stream: str, events: Iterable[dict[str, Any]]) -> None:
        if self._loading:
            return
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO event VALUES (?,?,?,?)",
                [(group, stream, event["timestamp"], event["message"]) for event in events],
            )
            self._db.execute("COMMIT")

    def forget(self, group: str, stream: str | None = None) -> None:
        with self._lock:
            for table in ("stream", "event"):
                if stream is None:
                    self._db.execute(f"DELETE FROM {table} WHERE log_group=?", (group,))
                else:
                    self._db.execute(
                        f"DELETE FROM {table} WHERE log_group=? AND stream=?", (group, stream)
                    )

    def close(self) -> None:
        with self._lock:
            self._db.close()


_book: LogBook | None = None


class DurableStream(models.LogStream):
    def __init__(self, log_group: Any, name: str) -> None:
        super().__init__(log_group, name)
        if _book is not None:
            _book.keep_stream(log_group.name, name)

    def put_log_events(self, log_events: list[dict[str, Any]]) -> str:
        if _book is not None:
            _book.keep_events(self.log_group.name, self.log_stream_name, log_events)
        token: str = super().put_log_events(log_events)
        return token


_delete_group = models.LogsBackend.delete_log_group
_delete_stream = models.LogsBackend.delete_log_stream


def _forgetting_group(backend: Any, log_group_name: str) -> None:
    _delete_group(backend, log_group_name)
    if _book is not None:
        _book.forget(log_group_name)


def _forgetting_stream(backend: Any, log_group_name: str, log_stream_name: str) -> None:
    _delete_stream(backend, log_group_name, log_stream_name)
    if _book is not None:
        _book.forget(log_group_name, log_stream_name)


def install(state: Path, account: str, region: str) -> LogBook:
    """Put the durable stream under moto's Logs and load what there was; once per process."""
    global _book
    models.LogStream = DurableStream
    models.LogsBackend.delete_log_group = _forgetting_group
    models.LogsBackend.delete_log_stream = _forgetting_stream
    _book = LogBook(state / "logs.sqlite", account, region)
    _book.load()
    return _book
