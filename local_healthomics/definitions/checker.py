"""Takes workflows and versions from CREATING to ACTIVE or FAILED, as the service answers at once.

A definition is a zip file (`archive`) and the folder it is unpacked into, both named after the
uuid of its workflow or version.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from ..removing import remove
from ..store.documents import Store
from . import cwl, nextflow, wdl
from .checked import STATUS_MESSAGE, BadDefinition, Checked, Start, end_checks
from .languages import identify
from .unpacking import unpack

README_BYTES = 500 * 1024
_LOOK_SECONDS = 0.1
_CHECKS: Mapping[str, Callable[[Path, str, str, Start], Checked]] = {
    "WDL": wdl.check,
    "WDL_LENIENT": wdl.check,
    "CWL": cwl.check,
    "NEXTFLOW": nextflow.check,
}


class DefinitionChecker:
    """The definitions of one state folder."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        start: Start,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._start = store, start
        self._on_end = on_end  # told of every definition that is checked
        self.folder = folder
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="definitions")
        self._under_way: set[Future[None]] = set()
        self._closing = threading.Event()

    def sweep(self) -> None:
        """Drop what no workflow, version or waiting run needs; before the server answers."""
        needed = {
            row.body["uuid"] for kind in ("workflow", "version") for row in self._store.rows(kind)
        }
        needed |= {
            row.body["definitionUuid"] for row in self._store.rows("run", statuses=["PENDING"])
        }
        for path in self.folder.iterdir():
            if path.stem in needed:
                continue
            remove(path, within=self.folder)

    def resume(self) -> None:
        """Go on with what an earlier server left in CREATING."""
        for kind in ("workflow", "version"):
            for key in self._store.keys(kind, ["CREATING"]):
                self.submit(kind, key)

    def archive(self, uuid: str) -> Path:
        return self.folder / f"{uuid}.zip"

    def unpacked(self, uuid: str) -> Path:
        return self.folder / uuid

    def submit(self, kind: str, key: str) -> None:
        """Build a document; `key` is its key in the store."""
        future = self._workers.submit(self._build, kind, key)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)

    def _build(self, kind: str, key: str) -> None:
        document = self._store.get(kind, key)
        if document is None or self._closing.is_set():
            return
        changes: dict[str, Any]
        try:
            changes = self._built(document)
        except BadDefinition as error:
            changes = {"status": "FAILED", "statusMessage": str(error)[:STATUS_MESSAGE]}
        except Exception as error:  # a worker thread has nobody above it to tell
            changes = {"status": "FAILED", "statusMessage": f"internal error: {error!r}"}
        if self._closing.is_set():  # the check may have been ended: the next server makes another
            return
        with self._store.transaction():
            document = self._store.get(kind, key)
            if document is None:
                return
            if document.get("readmeMarkdown") is not None:  # an update may have come before us
                changes.pop("readmeMarkdown", None)
            self._store.update(kind, key, changes)
        self._on_end()

    def _built(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of a document once its definition is unpacked and checked."""
        archive, target = self.archive(document["uuid"]), self.unpacked(document["uuid"])
        remove(target, within=self.folder)
        target.mkdir(parents=True)
        unpack(archive, target)
        engine, main = identify(target, document.get("engine"), document.get("main"))
        checked = _CHECKS[engine](target, main, engine, self._start)
        template = document.get("parameterTemplate") or checked.template
        with archive.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        changes: dict[str, Any] = {
            "status": "ACTIVE",
            "engine": engine,
            "main": main,
            "digest": digest,
        }
        if checked.message:
            changes["statusMessage"] = checked.message[:STATUS_MESSAGE]
        if template:
            changes["parameterTemplate"] = template
        readme = target / "README.md"
        if readme.is_file() and readme.stat().st_size <= README_BYTES:
            changes["readmeMarkdown"] = readme.read_text(errors="replace")
        return changes

    def close(self) -> None:
        """Leave what is under way to the next server."""
        self._closing.set()
        self._workers.shutdown(wait=False, cancel_futures=True)
        while wait(set(self._under_way), timeout=_LOOK_SECONDS).not_done:
            end_checks()  # again, as one may have begun meanwhile
