"""The run cache: results of tasks by what they were made from.

A key covers the command with every input path replaced by its content's identity (ETag, or MD5
for files made in the run), the image, cpus, memory, gpus and the declared outputs: nothing of
the run itself. An entry holds every file that evaluating the outputs touched, so that a hit is
the work folder put back and the outputs evaluated as if the command had run.

    <cache>/<run id>/<task>/<entry>/            out/<output>/<file>, work/<other file>
    <cache>/<run id>/<task>/<entry>/<entry>.json   the manifest, as the service writes it
    <cache>/index/<key>.json                    where the entry of a key is
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..removing import remove
from .events import EventStream
from .finished_tasks import Entry, FinishedTasks
from .paths import real
from .request import CacheRequest, RunRequest
from .resources import Resources
from .transfer import S3_ERRORS, Objects

VERSION = 2
_WRITERS = 8  # entries at a time
_LAYOUT = 1  # of keys and of `localContext`; raise it when either changes


@dataclass(frozen=True, slots=True)
class Hit:
    s3_uri: str
    manifest: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        return int(self.manifest["localContext"]["exitCode"])


def file_identity(path: str) -> str:
    """The MD5 of a file, computed once for all the tasks that read it."""
    status = os.stat(path)
    return _digest(real(path), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=100_000)
def _digest(path: str, mtime: int, size: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1024 * 1024):
            digest.update(chunk)
    return f"md5:{digest.hexdigest()}"


def folder_identity(path: str) -> str:
    digest = hashlib.sha256()
    for base, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = os.path.join(base, name)
            digest.update(f"{os.path.relpath(file, path)}\0{file_identity(file)}\n".encode())
    return f"tree:{digest.hexdigest()}"


def task_key(
    *,
    command: str,
    environment: Mapping[str, str],
    inputs: Mapping[str, str],
    identify: Callable[[str], str | None],
    task_dir: str,
    resources: Resources,
    outputs: str,
) -> str:
    """The key of a task about to run.

    `inputs` are paths on this machine and as the command sees them; `identify` knows the
    identities of what was downloaded.
    """
    stands_for: dict[str, str] = {task_dir: "<task>"}
    generated = []
    for path, seen in inputs.items():
        bare, seen = path.rstrip("/"), seen.rstrip("/")
        if bare.startswith(task_dir + os.sep):  # written by write_lines() and the like
            generated.append((bare, seen))
        else:
            known = identify(bare)
            if known is None:
                known = folder_identity(bare) if os.path.isdir(bare) else file_identity(bare)
            # the name counts: commands print it and derive output names from it
            stands_for[seen] = f"<{known}/{os.path.basename(bare)}>"

    def neutral(text: str) -> str:
        for path in sorted(stands_for, key=len, reverse=True):
            text = text.replace(path, stands_for[path])
        return text

    for path, seen in sorted(generated):
        with open(path, "rb") as file:  # its text may hold input paths in turn
            content = neutral(file.read().decode("utf-8", "surrogateescape"))
        digest = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()
        stands_for[seen] = f"<text:{digest}>"
    recipe = {
        "layout": _LAYOUT,
        "command": neutral(command),
        "environment": {name: neutral(value) for name, value in sorted(environment.items())},
        "inputs": sorted(value for path, value in stands_for.items() if path != task_dir),
        "image": resources.image.name if resources.image else None,
        "cpus": resources.cpus,
        "memory": resources.memory_gib,
        "gpus": resources.gpus,
        "outputs": outputs,
    }
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class RunCache:
    """One run's view of its cache."""

    def __init__(
        self,
        request: CacheRequest,
        objects: Objects,
        events: EventStream,
        run: RunRequest,
    ) -> None:
        self._request = request
        self._at_once = (
            run.readings["cache-entries"] == "task-end" and request.behavior == "CACHE_ALWAYS"
        )
        self._objects = objects
        self._events = events
        self._run_id = run.run_id
        self._arn_prefix = f"arn:aws:omics:{run.region}:{run.account}"
        self._finished = FinishedTasks(run.run_dir)

    def lookup(self, key: str, task: str) -> Hit | None:
        """The entry of a key. Anything odd about it is a miss, never an error."""
        try:
            index = self._read(f"{self._request.root}/index/{key}.json")
            manifest = self._read(index["manifest"]) if index else None
            hit = Hit(index["s3uri"], manifest) if index and manifest else None
        except (*S3_ERRORS, ValueError, KeyError) as error:
            self._events.say("cache", f"CACHE_MISS {task} {key}: unreadable entry: {error}")
            return None
        if hit is None:
            self._events.say("cache", f"CACHE_MISS {task} {key}")
            return None
        return hit

    def restore(self, hit: Hit, task_dir: Path, task: str) -> bool:
        """Put an entry's files into a task's folder; False, and nothing there, if one is gone."""
        etags = {file["path"]: file["etag"] for file in hit.manifest["files"]}
        context = hit.manifest["localContext"]
        etags |= context["etags"]

        def fetch(item: tuple[str, str]) -> None:
            relative, path = item
            target = (task_dir / relative).resolve()
            if not target.is_relative_to(task_dir.resolve()):
                raise ValueError(f"{relative} leads out of the task's folder")
            if self._objects.fetch(f"{hit.s3_uri}/{path}", target) != etags[path]:
                raise ValueError(f"{path} has changed")

        try:
            for folder in context["folders"]:
                (task_dir / folder).mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(fetch, context["restore"].items()))
        except (*S3_ERRORS, ValueError, KeyError, OSError) as error:
            self._events.say("cache", f"CACHE_MISS {task}: {hit.s3_uri}: {error}")
            work = task_dir / "work"
            remove(work, within=task_dir)
            work.mkdir()
            return False
        self._events.say("cache", f"CACHE_HIT {task} {hit.s3_uri}")
        return True

    def keep(self, entry: Entry) -> None:
        """Remember a finished task until the end of the run decides whether it is written."""
        self._finished.add(entry)

    def write_at_once(self, task_key: int) -> str | None:
        """The URI of the entry of a task that has just finished, if it is to have one already."""
        if not self._at_once:
            return None
        for entry in self._finished.entries():
            if entry.task_key == task_key and (written := self._attempt(entry)) is not None:
                return written[1]
        return None

    def write(self, run_status: str) -> list[tuple[int, str]]:
        """Write the entries this run owes the cache; returns (task key, S3 URI) of each."""
        if self._at_once or (
            self._request.behavior == "CACHE_ON_FAILURE" and run_status == "COMPLETED"
        ):
            return []
        entries = list(self._finished.entries())
        with ThreadPoolExecutor(_WRITERS) as pool:
            return [done for done in pool.map(self._attempt, entries) if done is not None]

    def owed(self) -> bool:
        """Whether there is anything to write."""
        return any(True for _ in self._finished.entries())

    def settled(self) -> None:
        """What this run owes the cache is written; nobody else is to write it."""
        self._finished.forget()

    def _attempt(self, entry: Entry) -> tuple[int, str] | None:
        try:
            return entry.task_key, self._write(entry)
        except (*S3_ERRORS, OSError) as error:  # a cache that cannot be written loses no run
            self._events.say("cache", f"CACHE_ENTRY_FAILED task {entry.task_id}: {error}")
            return None

    def _write(self, entry: Entry) -> str:
        entry_id = str(uuid.uuid4())
        base = f"{self._request.root}/{self._run_id}/{entry.task_id}/{entry_id}"
        sent = self._objects.send([(file, f"{base}/{path}") for path, file in entry.files.items()])
        etags = {path: sent[f"{base}/{path}"] for path in entry.files}
        manifest = {
            "arn": f"{self._arn_prefix}:runCache/{self._request.id}",
            "s3uri": base,
            "taskArn": f"{self._arn_prefix}:task/{entry.task_id}",
            "workDir": entry.work_dir,
            "files": [
                {"name": os.path.basename(path), "path": path, "etag": etag}
                for path, etag in etags.items()
                if path.startswith("out/")
            ],
            "nextflowContext": {},
            "otherOutputs": dict(entry.other_outputs),
            "version": VERSION,
            "localContext": {
                "exitCode": entry.exit_code,
                "restore": {to: path for to, path in entry.restore.items() if path},
                "folders": [to for to, path in entry.restore.items() if not path],
                "etags": {path: e for path, e in etags.items() if not path.startswith("out/")},
            },
        }
        where = f"{base}/{entry_id}.json"
        index = {"s3uri": base, "manifest": where}
        self._objects.send_json(
            (json.dumps(manifest, indent=1), where),
            (json.dumps(index), f"{self._request.root}/index/{entry.key}.json"),
        )
        self._events.say("cache", f"CACHE_ENTRY_CREATED task {entry.task_id} {base}")
        return base

    def _read(self, uri: str) -> dict[str, Any] | None:
        body = self._objects.read(uri)
        content: dict[str, Any] | None = None if body is None else json.loads(body)
        return content
