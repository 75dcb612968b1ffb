"""Workflow definitions: unpack the zip, find the main file, let `miniwdl check` judge it.

Runs in a worker of its own, as the service answers CREATING at once. miniwdl is a subprocess: the
server never loads it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .store import Store

MAX_UNPACKED = 1024**3
MAX_FILES = 20_000
_CHECK_SECONDS = 900
_STATUS_MESSAGE = 4096


class BadDefinition(Exception):
    """Why a definition cannot become ACTIVE, in words for its statusMessage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    main: str
    message: str
    template: dict[str, Any] | None


def unpack(archive: Path, target: Path) -> None:
    """Unpack into `target`, which nothing may leave."""
    root = target.resolve()
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = opened.infolist()
            if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_UNPACKED:
                raise BadDefinition("The workflow definition is too large when unpacked")
            for info in infos:
                path = (root / info.filename).resolve()
                if not path.is_relative_to(root) or (info.external_attr >> 28) == 0xA:
                    raise BadDefinition(f"Unsafe path in the zip file: {info.filename}")
                if info.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(info) as source, path.open("wb") as out:
                    shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadDefinition("Invalid zip file") from error


def main_file(folder: Path, wanted: str | None) -> str:
    """The path of the main WDL inside the definition."""
    if wanted is not None:
        path = (folder / wanted).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise BadDefinition(f"The main file {wanted} is not in the zip file")
        return wanted
    found = sorted(path.name for path in folder.glob("*.wdl"))
    if "main.wdl" in found:
        return "main.wdl"
    if len(found) != 1:
        raise BadDefinition(f"No main file given, and {len(found)} WDL files at the top level")
    return found[0]


def check(folder: Path, wanted: str | None, *, derive: bool) -> Checked:
    """What `miniwdl check` says, and the parameter template if there is none yet."""
    main = main_file(folder, wanted)
    command = [sys.executable, "-m", "WDL", "check", "--no-shellcheck", main]
    done = _run(command, folder)
    if done.returncode != 0:
        raise BadDefinition((done.stderr + done.stdout).strip() or "miniwdl check failed")
    template = None
    if derive:
        derived = _run([sys.executable, "-m", f"{__package__}.wdl_inputs", main], folder)
        if derived.returncode != 0:
            raise BadDefinition(derived.stderr.strip())
        template = json.loads(derived.stdout)
    return Checked(main=main, message=done.stdout.strip()[:_STATUS_MESSAGE], template=template)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_CHECK_SECONDS,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BadDefinition("miniwdl check took too long") from error


class Builder:
    """Takes workflows and versions from CREATING to ACTIVE or FAILED."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self.folder = folder
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="definitions")
        self._closing = threading.Event()

    def resume(self) -> None:
        """Go on with what an earlier server left in CREATING."""
        for kind in ("workflow", "version"):
            for row in self._store.rows(kind, statuses=["CREATING"]):
                self.submit(kind, _key(kind, row.body))

    def archive(self, uuid: str) -> Path:
        return self.folder / f"{uuid}.zip"

    def unpacked(self, uuid: str) -> Path:
        return self.folder / uuid

    def submit(self, kind: str, id: str) -> None:
        self._workers.submit(self._build, kind, id)

    def _build(self, kind: str, id: str) -> None:
        document = self._store.get(kind, id)
        if document is None or self._closing.is_set():
            return
        target = self.unpacked(document["uuid"])
        changes: dict[str, Any]
        try:
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            unpack(self.archive(document["uuid"]), target)
            checked = check(
                target, document.get("main"), derive=document.get("parameterTemplate") is None
            )
            changes = {"status": "ACTIVE", "statusMessage": checked.message, "main": checked.main}
            if checked.template is not None:
                changes["parameterTemplate"] = checked.template
            readme = target / "README.md"
            if document.get("readmeMarkdown") is None and readme.is_file():
                changes["readmeMarkdown"] = readme.read_text(errors="replace")[: 500 * 1024]
        except BadDefinition as error:
            changes = {"status": "FAILED", "statusMessage": str(error)[:_STATUS_MESSAGE]}
        except Exception as error:  # a worker thread has nobody above it to tell
            changes = {"status": "FAILED", "statusMessage": f"internal error: {error!r}"}
        with self._store.transaction():
            if self._store.get(kind, id) is not None:
                self._store.update(kind, id, changes)

    def close(self) -> None:
        self._closing.set()
        self._workers.shutdown(wait=True, cancel_futures=True)


def _key(kind: str, body: dict[str, Any]) -> str:
    return f"{body['workflowId']}/{body['versionName']}" if kind == "version" else str(body["id"])
