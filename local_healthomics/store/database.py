"""How the SQLite files of a state folder are opened.

WAL with synchronous=NORMAL: what is committed outlives the process, however it ends; only a loss of
power may cost the last commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def opened(path: Path) -> sqlite3.Connection:
    """A connection for all threads, whose owner begins and ends transactions under a lock."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; whoever begins one has the lock of the connection."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # also where the disk was full for COMMIT
            database.execute("ROLLBACK")
        raise
