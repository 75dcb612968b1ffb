"""Make moto's small services last (IAM, STS, ECR): each backend is kept as a whole, as JSON.

They hold few things (roles, keys, repositories) in plain objects, so all of it is written when a
request has changed it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..store.database import opened
from . import moto_internals as internals
from . import plain_json

SERVICES = ("iam", "sts", "ecr")
_TOLD_AS_EXPIRED = timedelta(hours=12)  # then a session's key is one that nobody knows
_SCHEMA = """
CREATE TABLE IF NOT EXISTS backend (
    service TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (service, account, region));
"""
Place = tuple[str, str, str]


class PeerState:
    """The backends of one state folder."""

    def __init__(self, path: Path) -> None:
        self._db = opened(path)
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._written: dict[Place, str] = {}

    def load(self) -> None:
        """Give moto back what an earlier process wrote down.

        Raises:
            NotPlain: it is damaged, or another moto wrote it.
        """
        for service, account, region, body in self._db.execute("SELECT * FROM backend").fetchall():
            restore(internals.backends(service)[account][region], body)
            self._written[service, account, region] = body
        self._save("sts")  # without the sessions that ended meanwhile

    @contextmanager
    def kept(self, service: str) -> Iterator[None]:
        """Carry out a request of a service; what it changed is on disk at the end."""
        if service not in SERVICES:
            yield
            return
        with self._lock:  # nobody may change what is being written
            yield
            self._save(service)

    def _save(self, service: str) -> None:
        if service == "sts":
            internals.forget_sessions(datetime.now(UTC) - _TOLD_AS_EXPIRED)
        for account, regions in list(internals.backends(service).items()):
            for region, backend in list(regions.items()):
                place, body = (service, account, region), record(backend)
                if self._written.get(place) != body:
                    self._db.execute(
                        "INSERT OR REPLACE INTO backend VALUES (?,?,?,?)", (*place, body)
                    )
                    self._written[place] = body

    def close(self) -> None:
        with self._lock:
            self._db.close()


def record(backend: Any) -> str:
    members = vars(backend).items()
    return plain_json.written(
        {name: value for name, value in members if name not in internals.BACKEND_OF_THE_MOMENT}
    )


def restore(backend: Any, body: str) -> None:
    vars(backend).update(plain_json.read(body))
