"""Work that goes on after an answer: import, export and activation jobs, stores being made.

Each kind of document has one function that takes it from its first state to its last. The state is
in the store, so what a killed server left undone is begun again by the next one: the functions
must bear being run twice. What they work with is made for the account of each document, by whoever
begins the work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from .errors import Fault
from .store.documents import Store

UNFINISHED = (
    "SUBMITTED",
    "IN_PROGRESS",
    "CREATING",
    "UPDATING",
    "ACTIVATING",
    "DELETING",
    "CANCELLING",
    "PROCESSING_UPLOAD",
    "PENDING",
    "SUBMITTING",
    "INPROGRESS",
    "STOPPING",
    "RUNS_DELETING",  # of run batches
)
_FAILED = {"readSet": "UPLOAD_FAILED"}  # what kinds of documents call it that do not say FAILED
_WORKERS = 4
_STATUS_MESSAGE = 1000

Context = TypeVar("Context")
Job = Callable[[Context, dict[str, Any]], None]


class Background(Generic[Context]):
    """Runs the functions, a few at a time; `begin` says with which."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._work: Mapping[str, Job[Context]] = {}
        self._for_account: Callable[[str], Context] | None = None
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="jobs")
        self._closing = threading.Event()
        # One worker at a document: what is asked for meanwhile is done by the same, afterwards.
        self._lock = threading.Lock()
        self._busy: set[tuple[str, str]] = set()
        self._again: set[tuple[str, str]] = set()

    def begin(
        self, for_account: Callable[[str], Context], work: Mapping[str, Job[Context]]
    ) -> None:
        """Take up the work, first of all what an earlier server left."""
        self._for_account, self._work = for_account, work
        for kind in work:
            for key in self._store.keys(kind, UNFINISHED):
                self.submit(kind, key)

    def submit(self, kind: str, key: str) -> None:
        """Work on a document; `key` is its key in the store."""
        with self._lock:
            if self.closing:
                return
            if (kind, key) in self._busy:
                self._again.add((kind, key))
                return
            self._busy.add((kind, key))
            self._workers.submit(self._work_off, kind, key)

    def later(self, kind: str, key: str, seconds: float) -> None:
        """Work on a document in a while; a server that ends before leaves it to the next."""
        timer = threading.Timer(seconds, self.submit, [kind, key])
        timer.daemon = True
        timer.start()

    def _work_off(self, kind: str, key: str) -> None:
        while True:
            self._do(kind, key)
            with self._lock:
                if (kind, key) not in self._again:
                    self._busy.discard((kind, key))
                    return
                self._again.discard((kind, key))

    def _do(self, kind: str, key: str) -> None:
        document = self._store.get(kind, key)
        if document is None or self._closing.is_set() or self._for_account is None:
            return
        try:
            self._work[kind](self._for_account(document["account"]), document)
        except Fault as fault:
            self._fail(kind, key, fault.message)
        except Exception as error:  # a worker has nobody above it to tell: the document says it
            self._fail(kind, key, f"internal error: {error!r}")

    def _fail(self, kind: str, key: str, message: str) -> None:
        with self._store.transaction():
            if self._store.get(kind, key) is not None:
                self._store.update(
                    kind,
                    key,
                    {
                        "status": _FAILED.get(kind, "FAILED"),
                        "statusMessage": message[:_STATUS_MESSAGE],
                    },
                )

    @property
    def closing(self) -> bool:
        """Long work looks here, and leaves the rest to the next server."""
        return self._closing.is_set()

    def close(self) -> None:
        with self._lock:
            self._closing.set()
        self._workers.shutdown(wait=True, cancel_futures=True)
