"""What the service remembers, in SQLite: documents of a kind, in the order of their making.

A document holds members named as the API names them (and some of our own, which the model keeps
out of every answer); `account` is the account that owns it. Ids are random, and used again when
their documents are gone; pages are cut by position, so that what is added or deleted between two
pages moves nothing.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arn import ACCOUNT
from .database import opened, transaction

ID_DIGITS = 7  # of the ids of workflows, runs and their kin
LONG_ID_DIGITS = 10  # of those of stores, read sets and their jobs
_VERSION = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS item (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,
    parent TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL,
    account TEXT NOT NULL DEFAULT '123456789012', UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS item_id ON item (id);
CREATE INDEX IF NOT EXISTS item_owner ON item (kind, account, seq);
CREATE INDEX IF NOT EXISTS item_listing ON item (kind, parent, seq);
CREATE INDEX IF NOT EXISTS item_name ON item (kind, name, seq);
CREATE INDEX IF NOT EXISTS item_status ON item (kind, status, seq);
CREATE INDEX IF NOT EXISTS item_group ON item (kind, json_extract(body, '$.runGroupId'), seq)
    WHERE json_extract(body, '$.runGroupId') IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_subscriber
    ON item (kind, json_extract(body, '$.principalSubscriber'), seq)
    WHERE json_extract(body, '$.principalSubscriber') IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_batch ON item (kind, json_extract(body, '$.batchId'), seq)
    WHERE json_extract(body, '$.batchId') IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_reference ON item (kind, json_extract(body, '$.referenceArn'), seq)
    WHERE json_extract(body, '$.referenceArn') IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_idle ON item (kind, parent, json_extract(body, '$.lastReadTime'))
    WHERE json_extract(body, '$.lastReadTime') IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_batch_status ON item (
    kind, json_extract(body, '$.batchId'), status)
    WHERE json_extract(body, '$.batchId') IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_queue ON item (kind, status, json_extract(body, '$.rank'), seq);
CREATE TABLE IF NOT EXISTS token (
    operation TEXT NOT NULL, token TEXT NOT NULL, digest TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (operation, token));
"""


@dataclass(frozen=True, slots=True)
class Row:
    seq: int
    body: dict[str, Any]


class Store:
    """The documents of one state folder."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = opened(path)
        if self._db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
            self._migrate()
        self._db.executescript(_SCHEMA)

    def _migrate(self) -> None:
        """Rows of version 1 do not say whose they are: there was one account.

        The indexes of version 2 have rows for members that a document does not have.
        """
        columns = {row[1] for row in self._db.execute("PRAGMA table_info(item)")}
        if columns and "account" not in columns:
            self._db.execute(
                f"ALTER TABLE item ADD COLUMN account TEXT NOT NULL DEFAULT '{ACCOUNT}'"
            )
            self._db.execute("UPDATE item SET body=json_set(body, '$.account', account)")
        for index in ("group", "subscriber", "batch", "reference", "batch_status"):
            self._db.execute(f"DROP INDEX IF EXISTS item_{index}")
        self._db.execute(f"PRAGMA user_version={_VERSION}")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody in between; may be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
            else:
                with transaction(self._db):
                    yield

    def add(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        id: str | None = None,
        parent: str = "",
        account: str = ACCOUNT,
        digits: int = ID_DIGITS,
    ) -> dict[str, Any]:
        """Keep a new document; without `id` it gets one of so many digits as `id`."""
        with self.transaction():
            document = {**body, "account": account}
            if id is None:
                id = document["id"] = self.new_id(digits)
            self._db.execute(
                "INSERT INTO item (kind, id, parent, name, status, body, account)"
                " VALUES (?,?,?,?,?,?,?)",
                (
                    kind,
                    id,
                    parent,
                    body.get("name") or "",
                    body.get("status") or "",
                    json.dumps(document),
                    account,
                ),
            )
        return document

    def new_id(self, digits: int = ID_DIGITS) -> str:
        """A number that no document has; the service's are random, too."""
        first = 10 ** (digits - 1)
        while True:
            id = str(first + secrets.randbelow(9 * first))
            with self._lock:
                if not self._db.execute("SELECT 1 FROM item WHERE id=?", (id,)).fetchone():
                    return id

    def get(self, kind: str, id: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM item WHERE kind=? AND id=?", (kind, id)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def status(self, kind: str, id: str) -> str | None:
        """The status of a document; None if there is no such document."""
        with self._lock:
            row = self._db.execute(
                "SELECT status FROM item WHERE kind=? AND id=?", (kind, id)
            ).fetchone()
        return row[0] if row else None

    def update(self, kind: str, id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change members; KeyError if the document is gone."""
        with self.transaction():
            body = self.get(kind, id)
            if body is None:
                raise KeyError(f"{kind} {id}")
            body.update(changes)
            self.replace(kind, id, body)
        return body

    def replace(self, kind: str, id: str, body: Mapping[str, Any]) -> None:
        """Let a document be this one from now on."""
        with self.transaction():
            self._db.execute(
                "UPDATE item SET body=?, name=?, status=? WHERE kind=? AND id=?",
                (json.dumps(body), body.get("name") or "", body.get("status") or "", kind, id),
            )

    def delete(self, kind: str, id: str) -> None:
        with self.transaction():
            self._db.execute("DELETE FROM item WHERE kind=? AND id=?", (kind, id))

    def delete_children(self, kind: str, parent: str) -> None:
        with self.transaction():
            self._db.execute("DELETE FROM item WHERE kind=? AND parent=?", (kind, parent))

    def rows(
        self,
        kind: str,
        *,
        account: str | None = None,
        parent: str | None = None,
        name: str | None = None,
        statuses: Sequence[str] = (),
        where: Mapping[str, str | Sequence[str]] | None = None,
        since: Mapping[str, str] | None = None,
        until: Mapping[str, str] | None = None,
        without: Sequence[Mapping[str, str]] = (),
        after: int | None = None,
        limit: int = -1,
        newest_first: bool = False,
        order_by: str | None = None,
    ) -> list[Row]:
        """Documents in order, from the position `after` on.

        `where` compares members (a dotted name reaches into an object), with one value or with any
        of several; `since` and `until` bound them, both ends included. `without` leaves out those
        that have all members of one of its mappings. `order_by` is a member that counts before the
        order of their making.
        """
        clauses: list[str] = ["kind=?"]
        values: list[Any] = [kind]
        if account is not None:
            clauses.append("account=?")
            values.append(account)
        if parent is not None:
            clauses.append("parent=?")
            values.append(parent)
        if name is not None:
            clauses.append("name=?")
            values.append(name)
        if statuses:
            clauses.append(f"status IN ({','.join('?' * len(statuses))})")
            values.extend(statuses)
        for members, compare in ((where, "IN"), (since, ">="), (until, "<=")):
            for member, wanted in (members or {}).items():
                some = [wanted] if isinstance(wanted, str) else wanted
                marks = ",".join("?" * len(some))
                # In the text, not a parameter: only so does SQLite see the index on it.
                clauses.append(f"json_extract(body, '{_member(member)}') {compare} ({marks})")
                values.extend(some)
        for alike in without:
            same = [f"json_extract(body, '{_member(name)}') IS ?" for name in alike]
            clauses.append(f"NOT ({' AND '.join(same)})")
            values.extend(alike.values())
        if after is not None:
            clauses.append("seq<?" if newest_first else "seq>?")
            values.append(after)
        first = f"json_extract(body, '{_member(order_by)}'), " if order_by else ""
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT seq, body FROM item WHERE {' AND '.join(clauses)}"
            f" ORDER BY {first}seq {order} LIMIT {int(limit)}"
        )
        with self._lock:
            found = self._db.execute(query, values).fetchall()
        return [Row(seq, json.loads(body)) for seq, body in found]

    def keys(self, kind: str, statuses: Sequence[str]) -> list[str]:
        """The keys of the documents in these states, in the order of their making."""
        marks = ",".join("?" * len(statuses))
        with self._lock:
            found = self._db.execute(
                f"SELECT id FROM item WHERE kind=? AND status IN ({marks}) ORDER BY seq",
                (kind, *statuses),
            ).fetchall()
        return [row[0] for row in found]

    def count(self, kind: str, parent: str | None = None, *, account: str | None = None) -> int:
        query, values = "SELECT count(*) FROM item WHERE kind=?", [kind]
        for column, wanted in (("parent", parent), ("account", account)):
            if wanted is not None:
                query += f" AND {column}=?"
                values.append(wanted)
        with self._lock:
            return int(self._db.execute(query, values).fetchone()[0])

    def tally(self, kind: str, member: str, wanted: str) -> dict[str, int]:
        """How many documents with this value of a member are in each state."""
        query = (
            "SELECT status, count(*) FROM item"
            f" WHERE kind=? AND json_extract(body, '{_member(member)}')=? GROUP BY status"
        )
        with self._lock:
            return dict(self._db.execute(query, (kind, wanted)).fetchall())

    def exists(self, kind: str, member: str, wanted: str, statuses: Sequence[str]) -> bool:
        """Whether any document with this value of a member is in one of the states."""
        query = (
            f"SELECT 1 FROM item WHERE kind=? AND json_extract(body, '{_member(member)}')=?"
            f" AND status IN ({','.join('?' * len(statuses))}) LIMIT 1"
        )
        with self._lock:
            return self._db.execute(query, (kind, wanted, *statuses)).fetchone() is not None

    def answered(self, operation: str, token: str) -> tuple[str, dict[str, Any]] | None:
        """Digest of the request and answer that a request token stands for."""
        with self._lock:
            row = self._db.execute(
                "SELECT digest, answer FROM token WHERE operation=? AND token=?",
                (operation, token),
            ).fetchone()
        return (row[0], json.loads(row[1])) if row else None

    def remember(self, operation: str, token: str, digest: str, answer: Mapping[str, Any]) -> None:
        with self.transaction():
            self._db.execute(
                "INSERT INTO token VALUES (?,?,?,?)", (operation, token, digest, json.dumps(answer))
            )


def _member(name: str) -> str:
    if not name.replace(".", "").isidentifier():
        raise ValueError(f"{name!r} is no member of a document")
    return f"$.{name}"
