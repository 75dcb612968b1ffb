"""Make moto's CloudWatch Logs last: every stream and event is written to SQLite as it comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..store.database import opened, transaction
from . import moto_internals as internals

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_stream (
    account TEXT NOT NULL, log_group TEXT NOT NULL, stream TEXT NOT NULL,
    PRIMARY KEY (account, log_group, stream));
CREATE TABLE IF NOT EXISTS log_event (
    account TEXT NOT NULL, log_group TEXT NOT NULL, stream TEXT NOT NULL, at INTEGER NOT NULL,
    message TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log_group (
    account TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (account, name));
CREATE INDEX IF NOT EXISTS log_event_stream ON log_event (account, log_group, stream);
"""

Lines = Mapping[str, Sequence[tuple[int, str]]]  # by stream: times in milliseconds and texts


class LogBook:
    """The log streams of one state folder, and the way into moto's."""

    def __init__(self, path: Path, region: str) -> None:
        self._db = opened(path)
        self._db.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._region = region
        self._loading = False
        self._groups: dict[tuple[str, str], str] = {}

    def write(self, account: str, group: str, lines: Lines) -> None:
        """Append lines to streams of a group, making it and them on first use."""
        said = {stream: _events(some) for stream, some in lines.items() if some}
        if not said:
            return
        with self._lock:
            with transaction(self._db):
                for stream, events in said.items():
                    self._keep(account, group, stream, events)
            self._tell(account, group, said)

    def _tell(self, account: str, group: str, said: Mapping[str, list[dict[str, Any]]]) -> None:
        """Let moto have what is on disk."""
        for stream, events in said.items():
            self._ensured(account, group, stream).streams[stream].take(events)

    def remove(self, account: str, group: str, stream: str) -> None:
        """Forget a stream, if there is one."""
        backend = internals.logs_backend(account, self._region)
        with self._lock:
            if group in backend.groups and stream in backend.groups[group].streams:
                backend.delete_log_stream(group, stream)

    def _ensured(self, account: str, group: str, stream: str) -> Any:
        backend = internals.logs_backend(account, self._region)
        if group not in backend.groups:
            backend.create_log_group(group, {})
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        return backend.groups[group]

    def load(self) -> None:
        """Give moto back what an earlier process wrote down."""
        self._loading = True
        try:
            for account, name, body in self._db.execute("SELECT * FROM log_group").fetchall():
                self._groups[account, name] = body
                self._restore(account, name, json.loads(body))
            places = self._db.execute("SELECT * FROM log_stream").fetchall()
            for account, group, stream in places:
                self._ensured(account, group, stream)
                events = self._db.execute(
                    "SELECT at, message FROM log_event"
                    " WHERE account=? AND log_group=? AND stream=? ORDER BY rowid",
                    (account, group, stream),
                ).fetchall()
                self._tell(account, group, {stream: _events(events)} if events else {})
        finally:
            self._loading = False

    def _restore(self, account: str, name: str, members: dict[str, Any]) -> None:
        group = internals.logs_backend(account, self._region).create_log_group(
            name, members["tags"], RetentionInDays=members["days"], kmsKeyId=members["key"]
        )
        made = members["made"]
        if not isinstance(group.creation_time, int):
            zone = group.creation_time.tzinfo
            made = datetime.fromtimestamp(made / 1000, UTC).replace(tzinfo=zone)
        group.creation_time = made

    def flush(self) -> None:
        """Write down what changed of the groups themselves: what a request did to one."""
        with self._lock:
            groups = {
                (account, name): json.dumps(
                    {
                        "days": group.retention_in_days,
                        "key": group.kms_key_id,
                        "made": _milliseconds(group.creation_time),
                        "tags": regions[self._region].tagger.get_tag_dict_for_resource(group.arn),
                    }
                )
                for account, regions in list(internals.logs_backends().items())
                for name, group in list(regions[self._region].groups.items())
            }
            if groups == self._groups:
                return
            with transaction(self._db):
                self._db.executemany(
                    "DELETE FROM log_group WHERE account=? AND name=?",
                    list(self._groups.keys() - groups.keys()),
                )
                self._db.executemany(
                    "INSERT OR REPLACE INTO log_group VALUES (?,?,?)",
                    [
                        (*place, body)
                        for place, body in groups.items()
                        if self._groups.get(place) != body
                    ],
                )
            self._groups = groups

    def keep_stream(self, account: str, group: str, stream: str) -> None:
        if not self._loading:
            with self._lock:
                self._db.execute(
                    "INSERT OR IGNORE INTO log_stream VALUES (?,?,?)", (account, group, stream)
                )

    def keep_events(
        self, account: str, group: str, stream: str, events: Iterable[dict[str, Any]]
    ) -> None:
        with self._lock, transaction(self._db):
            self._keep(account, group, stream, events)

    def _keep(
        self, account: str, group: str, stream: str, events: Iterable[dict[str, Any]]
    ) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO log_stream VALUES (?,?,?)", (account, group, stream)
        )
        self._db.executemany(
            "INSERT INTO log_event VALUES (?,?,?,?,?)",
            [(account, group, stream, event["timestamp"], event["message"]) for event in events],
        )

    def forget(self, account: str, group: str, stream: str | None = None) -> None:
        with self._lock:
            for table in ("log_stream", "log_event"):
                query = f"DELETE FROM {table} WHERE account=? AND log_group=?"
                values = [account, group]
                if stream is not None:
                    query += " AND stream=?"
                    values.append(stream)
                self._db.execute(query, values)

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _events(lines: Iterable[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"timestamp": at, "message": text} for at, text in lines]


def _milliseconds(moment: datetime | int) -> int:
    """moto before 5.2.5 has numbers, later ones moments of UTC."""
    if isinstance(moment, int):
        return moment
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


_book: LogBook | None = None


class DurableStream(internals.LogStream):
    def __init__(self, log_group: Any, name: str) -> None:
        super().__init__(log_group, name)
        if _book is not None:
            _book.keep_stream(self.account_id, log_group.name, name)

    def put_log_events(self, log_events: list[dict[str, Any]]) -> str:
        if _book is not None:
            _book.keep_events(
                self.account_id, self.log_group.name, self.log_stream_name, log_events
            )
        return self.take(log_events)

    def take(self, log_events: list[dict[str, Any]]) -> str:
        """Have events that are on disk."""
        token: str = super().put_log_events(log_events)
        return token


def _forgetting_group(backend: Any, log_group_name: str) -> None:
    internals.delete_log_group(backend, log_group_name)
    if _book is not None:
        _book.forget(backend.account_id, log_group_name)


def _forgetting_stream(backend: Any, log_group_name: str, log_stream_name: str) -> None:
    internals.delete_log_stream(backend, log_group_name, log_stream_name)
    if _book is not None:
        _book.forget(backend.account_id, log_group_name, log_stream_name)


def install(state: Path, region: str) -> LogBook:
    """Put the durable stream under moto's Logs and load what there was; once per process."""
    global _book
    internals.replace_in_logs(
        stream=DurableStream,
        delete_log_group=_forgetting_group,
        delete_log_stream=_forgetting_stream,
    )
    _book = LogBook(state / "logs.sqlite", region)
    _book.load()
    return _book
