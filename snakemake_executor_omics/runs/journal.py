"""What this project has in flight, on disk, so that a head that died can attach to its run again.

One SQLite file under `.snakemake/omics/`. A run is written down before `StartRun` is called, with
the idempotency token that makes a doubtful start safe to repeat.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import JournalError
from ..files.exported import Exported
from ..model import JobKey
from ..settings.options import Place

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    plan TEXT NOT NULL,
    request_id TEXT NOT NULL PRIMARY KEY,
    run_id TEXT,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS run_in_flight ON run (plan) WHERE ended = 0;
CREATE TABLE IF NOT EXISTS failure (job TEXT NOT NULL PRIMARY KEY, run_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS duration (job TEXT NOT NULL PRIMARY KEY, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS export (
    path TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    uri TEXT NOT NULL,
    etag TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS carried (run_id TEXT NOT NULL, identity TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS result (
    path TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    identity TEXT NOT NULL,
    run_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS quotas (
    account TEXT NOT NULL PRIMARY KEY,
    day TEXT NOT NULL,
    told TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS start (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    plan TEXT NOT NULL,
    told TEXT NOT NULL
);
"""
_COLUMNS = ("plan", "request_id", "run_id")
_BUSY_SECONDS = 60  # that another process may take to write, on a slow disk
_VERSION = 1  # of the tables; 0 are those of a file that was just made, and of the first ones
_MOVE = "move the file away to start anew; runs that it knew are on the service still"
_HINTS = {  # by SQLite's primary code
    sqlite3.SQLITE_BUSY: "another process uses it: wait for its end, and call Snakemake again",
    sqlite3.SQLITE_LOCKED: "another process uses it: wait for its end, and call Snakemake again",
    sqlite3.SQLITE_FULL: "make room on the disk, and call Snakemake again",
    sqlite3.SQLITE_IOERR: "look whether the disk is full or damaged, and call Snakemake again",
    sqlite3.SQLITE_PERM: "it must be yours to write",
    sqlite3.SQLITE_CANTOPEN: "it must be a file that is yours to write, in a folder that is",
    sqlite3.SQLITE_READONLY: "it must be yours to write",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in flight; `run_id` is None where `StartRun` was not seen to answer.

    A new one was written down just now; of another one the service may know more than we do.
    """

    plan: str
    request_id: str
    run_id: str | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """What is told of a run that was started from this folder, for a person who looks after it.

    `command` starts the same plan again, called in `folder`; `definition` is the folder of the
    compiled wave, below the project's for what must survive. The runs of one call of Snakemake
    have the same `call`, which is empty where an older version wrote it down. `expected` is what
    the run was expected to cost and take, as plain JSON.
    """

    run_id: str
    plan: str
    place: Place
    definition: str
    folder: str
    command: tuple[str, ...]
    call: str = ""
    expected: Mapping[str, Any] | None = None


class Journal:
    """The project's journal.

    Raises:
        JournalError: by every method. The file is no journal, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # the scheduler's thread and the one that polls
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
            )
            path.chmod(0o600)  # it holds command lines
            self._db.execute("PRAGMA synchronous = FULL")
            ((version,),) = self._db.execute("PRAGMA user_version").fetchall()
            if version > _VERSION:
                raise JournalError(
                    f"the journal {self._path} is one of a newer version of this plugin",
                    hint=f"use that version, or {_MOVE}",
                )
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except (OSError, sqlite3.Error) as error:
            raise self._damaged(error) from error
        self._execute(f"SELECT {', '.join(_COLUMNS)}, ended FROM run LIMIT 1")

    def open(self, plan: str, request_id: str | None = None) -> Entry:
        """The run in flight for `plan`, or a new entry.

        Its idempotency token is fresh, or made of the user's `request_id` and the plan, so that
        the waves of one invocation do not share a token; a plan that is started again after its
        run has ended has another one. Of two heads that ask at once, one makes the entry.
        """
        token = str(uuid.uuid4())
        if request_id is not None:
            ((before,),) = self._execute("SELECT count(*) FROM run WHERE plan = ?", plan)
            token = f"{request_id}-{plan[:16]}" + (f"-{before}" if before else "")
        self._execute(
            "INSERT INTO run (plan, request_id) SELECT ?, ? WHERE NOT EXISTS "
            "(SELECT 1 FROM run WHERE plan = ? AND ended = 0)",
            *(plan, token, plan),
        )
        (row, *_) = self._execute(
            f"SELECT {', '.join(_COLUMNS)} FROM run WHERE plan = ? AND ended = 0", plan
        )
        entry = Entry(*row)
        return replace(entry, is_new=entry.request_id == token)

    def started(self, entry: Entry, run_id: str) -> None:
        """`StartRun` answered."""
        self._execute("UPDATE run SET run_id = ? WHERE request_id = ?", run_id, entry.request_id)

    def ended(self, run_id: str) -> None:
        """Snakemake has recorded the run's jobs, or it has none to give."""
        self._execute("UPDATE run SET ended = 1 WHERE run_id = ?", run_id)
        self._execute("DELETE FROM carried WHERE run_id = ?", run_id)
        self._execute("DELETE FROM result WHERE run_id = ?", run_id)

    def drop(self, entry: Entry) -> None:
        """The entry's token leads to a run that is no answer."""
        self._execute("UPDATE run SET ended = 1 WHERE request_id = ?", entry.request_id)

    def plans_in_flight(self) -> set[str]:
        """Plans whose run Snakemake has not recorded yet."""
        rows = self._execute("SELECT plan FROM run WHERE ended = 0 AND run_id IS NOT NULL")
        return {str(plan) for (plan,) in rows}

    def others(self, plan: str) -> set[str]:
        """Runs that are none of `plan`'s in flight: of other plans, or cancelled, or recorded."""
        rows = self._execute(
            "SELECT run_id FROM run WHERE run_id IS NOT NULL AND (plan != ? OR ended = 1)", plan
        )
        return {str(run_id) for (run_id,) in rows}

    def remember_exports(self, exports: Iterable[Exported]) -> None:
        """Where runs left results that are here now."""
        self._execute_many(
            "INSERT OR REPLACE INTO export (path, state, uri, etag) VALUES (?, ?, ?, ?)",
            [(item.path, item.state, item.uri, item.etag) for item in exports],
        )

    def exports(self, paths: Collection[str]) -> list[Exported]:
        """What is remembered of these paths."""
        rows = self._execute("SELECT path, state, uri, etag FROM export")
        return [Exported(*row) for row in rows if row[0] in paths]

    def remember_start(self, start: Start) -> None:
        told = {
            "place": asdict(start.place),
            "definition": start.definition,
            "folder": start.folder,
            "command": start.command,
            "call": start.call,
            "expected": start.expected,
        }
        self._execute(
            "INSERT INTO start (run_id, plan, told) VALUES (?, ?, ?)",
            start.run_id,
            start.plan,
            json.dumps(told),
        )

    def starts(self) -> list[Start]:
        """Every run that was started from this folder, the newest first."""
        rows = self._execute("SELECT run_id, plan, told FROM start ORDER BY number DESC")
        with self._sensible():
            return [_start(str(run_id), str(plan), json.loads(told)) for run_id, plan, told in rows]

    def in_flight(self) -> list[Start]:
        """The runs of this folder whose jobs Snakemake has not recorded yet, the newest first."""
        rows = self._execute("SELECT run_id FROM run WHERE ended = 0 AND run_id IS NOT NULL")
        ids = {run_id for (run_id,) in rows}
        return [start for start in self.starts() if start.run_id in ids]

    def carries(self, run_id: str, identities: Iterable[str]) -> None:
        """The jobs of a run, by what makes their results the same."""
        self._execute("DELETE FROM carried WHERE run_id = ?", run_id)
        self._execute_many(
            "INSERT INTO carried (run_id, identity) VALUES (?, ?)",
            [(run_id, identity) for identity in identities],
        )

    def carrying(self, identities: Collection[str]) -> list[str]:
        """The runs, of those that have not ended, that have all these jobs."""
        runs: dict[str, set[str]] = {}
        for run_id, identity in self._execute(
            "SELECT run_id, identity FROM carried WHERE run_id IN "
            "(SELECT run_id FROM run WHERE ended = 0)"
        ):
            runs.setdefault(run_id, set()).add(identity)
        return [run_id for run_id, found in runs.items() if found.issuperset(identities)]

    def delivered(self, run_id: str, results: Iterable[tuple[str, str, str]]) -> None:
        """Results of a run are here: path, content, identity.

        The content is told by a file's SHA-256 or an object's ETag; it is empty for a directory,
        which `exports` knows.
        """
        self._execute_many(
            "INSERT OR REPLACE INTO result (path, sha256, identity, run_id) VALUES (?, ?, ?, ?)",
            [(*result, run_id) for result in results],
        )

    def results(self) -> dict[str, tuple[str, str]]:
        """Content and identity of results of runs that have not ended, by path."""
        rows = self._execute("SELECT path, sha256, identity FROM result")
        return {path: (sha256, identity) for path, sha256, identity in rows}

    def failures(self) -> dict[JobKey, str]:
        """Jobs that failed in a run that went on: the run cache may have that as a success."""
        rows = self._execute("SELECT job, run_id FROM failure")
        with self._sensible():
            return {_job(text): str(run_id) for text, run_id in rows}

    def remember_failures(self, jobs: Iterable[tuple[JobKey, str]]) -> None:
        for key, run_id in jobs:
            self._execute(
                "INSERT OR REPLACE INTO failure (job, run_id) VALUES (?, ?)", _text(key), run_id
            )

    def durations(self) -> dict[JobKey, float]:
        """Seconds that the tasks of jobs took the last time that they succeeded."""
        rows = self._execute("SELECT job, seconds FROM duration")
        with self._sensible():
            return {_job(text): float(seconds) for text, seconds in rows}

    def remember_durations(self, durations: Mapping[JobKey, float]) -> None:
        self._execute_many(
            "INSERT OR REPLACE INTO duration (job, seconds) VALUES (?, ?)",
            [(_text(key), seconds) for key, seconds in durations.items()],
        )

    def remember_quotas(self, account: str, day: str, values: Mapping[str, float]) -> None:
        """What Service Quotas told of an account on a day, by code."""
        self._execute(
            "INSERT OR REPLACE INTO quotas (account, day, told) VALUES (?, ?, ?)",
            *(account, day, json.dumps(dict(values))),
        )

    def quotas(self, account: str) -> tuple[str, dict[str, float]] | None:
        """The day on which Service Quotas told of an account the last time, and what."""
        rows = self._execute("SELECT day, told FROM quotas WHERE account = ?", account)
        with self._sensible():
            for day, told in rows:
                found = json.loads(told)
                return str(day), {str(code): float(value) for code, value in found.items()}
        return None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _execute(self, statement: str, *values: object) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def _execute_many(self, statement: str, rows: Iterable[tuple[str | float, ...]]) -> None:
        try:
            with self._lock, self._db:  # one transaction: a disk takes its time for each
                self._db.execute("BEGIN")
                self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    @contextmanager
    def _sensible(self) -> Iterator[None]:
        """Rows that nobody of ours wrote are damage too."""
        try:
            yield
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> JournalError:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_READONLY_DBMOVED:
            return JournalError(
                f"the journal {self._path} was removed while Snakemake used it",
                hint="call Snakemake again",
            )
        if isinstance(error, OSError):
            hint = _HINTS[sqlite3.SQLITE_CANTOPEN]
        else:
            hint = _MOVE if code is None else _HINTS.get(code & 0xFF, _MOVE)
        return JournalError(f"cannot use the journal {self._path}: {error}", hint=hint)


def _start(run_id: str, plan: str, told: Any) -> Start:
    return Start(
        run_id,
        plan,
        Place(**told["place"]),
        told["definition"],
        told["folder"],
        tuple(told["command"]),
        told.get("call", ""),
        told.get("expected"),
    )


def _text(key: JobKey) -> str:
    return json.dumps([key.rule, key.wildcards, key.outputs])


def _job(text: str) -> JobKey:
    rule, wildcards, outputs = json.loads(text)
    return JobKey(rule, tuple((name, value) for name, value in wildcards), tuple(outputs))


def durations_before(path: Path) -> dict[JobKey, float]:
    """The times of tasks of earlier runs by the journal at `path`; none is made where none is."""
    if not path.exists():
        return {}
    with closing(Journal(path)) as journal:
        return journal.durations()
