"""What this project has in flight, on disk, so that a head that died can attach to its run again.

One SQLite file under `.snakemake/omics/`. A run is written down before `StartRun` is called, with
the idempotency token that makes a doubtful start safe to repeat.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

from ..errors import JournalError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    plan TEXT NOT NULL,
    request_id TEXT NOT NULL PRIMARY KEY,
    run_id TEXT,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS run_in_flight ON run (plan) WHERE ended = 0;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in flight; `run_id` is None where `StartRun` was not seen to answer."""

    plan: str
    request_id: str
    run_id: str | None


class Journal:
    """The project's journal.

    Raises:
        JournalError: the file is no journal, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.DatabaseError) as error:
            raise JournalError(
                f"cannot use the journal {path}: {error}",
                hint="move the file away to start anew; runs that it knew are on the service still",
            ) from error

    def open(self, plan: str, request_id: str | None = None) -> Entry:
        """The run in flight for `plan`, or a new entry.

        Its idempotency token is fresh, or made of the user's `request_id` and the plan, so that
        the waves of one invocation do not share a token.
        """
        row = self._db.execute(
            "SELECT plan, request_id, run_id FROM run WHERE plan = ? AND ended = 0", (plan,)
        ).fetchone()
        if row is not None:
            return Entry(*row)
        token = str(uuid.uuid4()) if request_id is None else f"{request_id}-{plan[:16]}"
        entry = Entry(plan, token, None)
        self._db.execute(
            "INSERT OR REPLACE INTO run (plan, request_id) VALUES (?, ?)", (plan, entry.request_id)
        )
        return entry

    def started(self, entry: Entry, run_id: str) -> None:
        """`StartRun` answered."""
        self._db.execute(
            "UPDATE run SET run_id = ? WHERE request_id = ?", (run_id, entry.request_id)
        )

    def ended(self, run_id: str) -> None:
        """The run's results are where Snakemake looks for them, or it has none to give."""
        self._db.execute("UPDATE run SET ended = 1 WHERE run_id = ?", (run_id,))

    def close(self) -> None:
        self._db.close()
