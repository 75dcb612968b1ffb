"""Make moto's small services last (IAM, STS, ECR): each backend is kept as a pickle.

They hold few things (roles, keys, repositories) in plain objects, so the whole backend is written
when a request has changed it. moto's other services are there too, and end with the process.
"""

from __future__ import annotations

import io
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..store.database import opened
from . import moto_internals as internals

SERVICES = ("iam", "sts", "ecr")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS backend (
    service TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (service, account, region));
"""
_LOCK_TYPE = type(threading.RLock())
Place = tuple[str, str, str]


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> tuple[Callable[[], Any], tuple[()]]:
        return (threading.RLock, ()) if isinstance(value, _LOCK_TYPE) else NotImplemented


class PeerState:
    """The backends of one state folder."""

    def __init__(self, path: Path) -> None:
        self._db = opened(path)
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._written: dict[Place, bytes] = {}

    def load(self) -> None:
        """Give moto back what an earlier process wrote down."""
        for service, account, region, body in self._db.execute("SELECT * FROM backend").fetchall():
            try:
                members = pickle.loads(body)
            except Exception as error:  # written by another moto, whose classes are gone
                print(f"what {service} held cannot be read: {error!r}", file=sys.stderr)
                continue
            vars(internals.backends(service)[account][region]).update(members)
            self._written[service, account, region] = body

    @contextmanager
    def kept(self, service: str) -> Iterator[None]:
        """Carry out a request of a service; what it changed is on disk at the end."""
        if service not in SERVICES:
            yield
            return
        with self._lock:  # nobody may change what is being pickled
            yield
            self._save(service)

    def _save(self, service: str) -> None:
        for account, regions in list(internals.backends(service).items()):
            for region, backend in list(regions.items()):
                body = io.BytesIO()
                _Pickler(body, pickle.HIGHEST_PROTOCOL).dump(vars(backend))
                place = (service, account, region)
                if self._written.get(place) != body.getvalue():
                    self._db.execute(
                        "INSERT OR REPLACE INTO backend VALUES (?,?,?,?)", (*place, body.getvalue())
                    )
                    self._written[place] = body.getvalue()

    def close(self) -> None:
        with self._lock:
            self._db.close()
