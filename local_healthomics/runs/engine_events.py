"""What the engine of a run reports, as documents, log streams and requests to the pool."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..arn import arn, log_stream_arn
from ..instances import instance_type
from ..readings import DEFAULTS, Readings
from ..states import FINAL
from ..store.documents import Store
from . import failures, run_log
from .engine_process import EngineProcess, birth
from .pool import Ask, Limits, Pool

Look = Callable[[str], tuple[str, str] | bool]  # see the engine's questions.py
Take = Callable[[Sequence[tuple[str, str]], Path], list[str | None]]
_KEPT_LINES = 1000  # of a task, for the case that it fails, at logLevel ERROR


@dataclass(slots=True, kw_only=True)
class Active:
    """A run that has an engine process, and what does not change about it."""

    id: str
    folder: Path
    account: str
    storage: str
    group: str | None
    log_level: str
    cache_stream: str
    engine: EngineProcess
    tasks: dict[int, str] = field(default_factory=dict)
    kept: dict[int, deque[tuple[int, str]]] = field(default_factory=dict)
    minutes: float = 0.0  # that it may take
    timed_out: bool = False
    timer: threading.Timer | None = None
    thread: threading.Thread | None = None


class EngineEvents:
    """Writes down what engines say."""

    def __init__(
        self,
        store: Store,
        logs: run_log.Logs,
        pool: Pool,
        limits: Mapping[str, int],
        readings: Readings = DEFAULTS,
        *,
        on_image: Callable[[str, str], None] = lambda account, image: None,
        look: Look = lambda uri: True,
        take: Take = lambda files, within: [None] * len(files),
    ) -> None:
        self._on_image = on_image  # told of the account and the image of every task
        self._look, self._take = look, take
        self._store, self._logs, self._pool = store, logs, pool
        self._limits, self._readings = limits, readings
        self._forgotten: set[str] = set()  # streams of tasks that were stopped

    def bound_group(self, group: Mapping[str, Any]) -> None:
        """Hold the tasks of a run group to its limits."""
        limits = Limits(cpus=group.get("maxCpus"), gpus=group.get("maxGpus"))
        self._pool.bound(f"group/{group['id']}", limits)

    def record(self, active: Active, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "run":
                self._run(active, event)
            case "task":
                self._task(active, event)
            case "import":
                name = "IMPORT_COMPLETED" if event["done"] else "IMPORTING_FILES"
                self._tell(active, name, uri=event["uri"])
            case "log":
                self._log(active, event)
            case "acquire":
                self._acquire(active, event)
            case "look":
                found = self._look(event["uri"])
                active.engine.send({"answer": event["number"], "found": found})
            case "take":
                taken = self._take(event["files"], active.folder)
                active.engine.send({"answer": event["number"], "found": taken})
            case "release":
                self._pool.release(active.id, event["key"])
            case other:
                raise ValueError(f"unknown event {other!r}")

    def _run(self, active: Active, event: Mapping[str, Any]) -> None:
        with self._store.transaction():
            run = self._store.get("run", active.id)
            if run is None or run["status"] not in ("STARTING", "RUNNING"):
                return  # a cancelled run stays STOPPING
            changes: dict[str, Any] = {"status": event["status"]}
            if event["status"] == "RUNNING":
                changes["startTime"] = event["at"]
            self._store.update("run", active.id, changes)
        self._tell(active, "RUNNING_WORKFLOW")

    def _tell(self, active: Active, event: str, **of_it: Any) -> None:
        run = self._store.get("run", active.id)
        if run is not None:
            run_log.tell(self._logs, run, event, **of_it)

    def _task(self, active: Active, event: Mapping[str, Any]) -> None:
        with self._store.transaction():
            id = active.tasks.get(event["key"])
            if id is None:
                task = self._store.add(
                    "task",
                    {
                        "name": event["name"],
                        "runId": active.id,
                        "uuid": str(uuid.uuid4()),
                        "status": event["status"],
                        "creationTime": event["at"],
                        "cacheHit": False,
                        "cpus": 1,
                        "memory": 1,
                        "gpus": 0,
                    },
                    parent=active.id,
                    account=active.account,
                )
                id = active.tasks[event["key"]] = task["id"]
            else:
                found = self._store.get("task", id)
                assert found is not None
                task = found
            changed = task["status"] != event["status"]
            changes = task_changes(task, event)
            if event.get("image"):
                self._on_image(active.account, event["image"])
            if self._readings["task-cache-uri"] == "hits" and not changes.get("cacheHit"):
                changes.pop("cacheS3Uri", None)
            if event["status"] == "RUNNING" and active.log_level != "OFF":
                changes["logStream"] = log_stream_arn(
                    self._stream(active, event["key"]), active.account
                )
            stopped = event["status"] == "CANCELLED" or event.get("stopped", False)
            if stopped:
                changes["logStream"] = None
            self._store.update("task", id, changes)
        stream = self._stream(active, event["key"])
        if stopped:
            # A task that is stopped with its run leaves none (published: many, stopped early).
            self._forgotten.add(stream)
            self._logs.forget_log(stream, active.account)
        if changed and (name := run_log.OF_TASK.get(event["status"])):
            self._tell(active, name, name=event["name"], task=id)
        kept = active.kept.pop(event["key"], None) if event["status"] in FINAL else None
        if kept and event["status"] == "FAILED":
            self._deliver(stream, self._fit(list(kept)), active.account)

    @staticmethod
    def _stream(active: Active, key: int) -> str:
        return f"run/{active.id}/task/{active.tasks[key]}"

    def _log(self, active: Active, event: Mapping[str, Any]) -> None:
        lines = [(int(at), text) for at, text in event["lines"]]
        if not run_log.lets_through(active.log_level, event.get("level", "")):
            if event["stream"] == "task" and active.log_level == "ERROR":
                # Whether these lines tell of an error is known when the task has ended.
                active.kept.setdefault(event["key"], deque(maxlen=_KEPT_LINES)).extend(lines)
            return
        if event["stream"] == "task":
            self._deliver(self._stream(active, event["key"]), self._fit(lines), active.account)
            return
        match event["stream"]:
            case "engine":
                stream = f"run/{active.id}/engine"
            case _:
                stream = active.cache_stream
        self._logs.log(stream, lines, active.account)

    def _fit(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """The lines as CloudWatch takes them, which takes no empty one."""
        if self._readings["blank-lines"] == "dropped":
            return [(at, text) for at, text in lines if text]
        return [(at, text or " ") for at, text in lines]

    def _deliver(self, stream: str, lines: list[tuple[int, str]], account: str) -> None:
        def deliver() -> None:
            if lines and stream not in self._forgotten:
                self._logs.log(stream, lines, account)

        delay = float(self._readings["log-delay"])
        if not delay:
            deliver()
            return
        timer = threading.Timer(delay, deliver)
        timer.daemon = True
        timer.start()

    def _acquire(self, active: Active, event: Mapping[str, Any]) -> None:
        key = event["key"]
        scopes = [f"account/{active.account}", active.id]
        limits = self._limits
        self._pool.bound(
            scopes[0], Limits(cpus=limits.get("activeCpus"), gpus=limits.get("activeGpus"))
        )
        self._pool.bound(active.id, Limits(tasks=limits.get("tasksPerRun")))
        group = self._store.get("group", active.group) if active.group else None
        if group is not None:
            self.bound_group(group)
            scopes.append(f"group/{group['id']}")
        self._pool.ask(
            Ask(
                run=active.id,
                key=key,
                cpus=event["cpus"],
                memory_gib=event["memory_gib"],
                gpus=event.get("gpus") or 0,
                scopes=tuple(scopes),
                grant=lambda: active.engine.send({"grant": key, **self._names(active, key)}),
            )
        )

    def _names(self, active: Active, key: int) -> dict[str, str]:
        """What the task's environment says of the task."""
        id = active.tasks.get(key)
        task = self._store.get("task", id) if id else None
        if task is None:
            return {}
        return {
            "task_id": task["id"],
            "task_uuid": task["uuid"],
            "task_arn": arn(f"task/{task['id']}", active.account),
        }


_SAME = {
    "cpus": "cpus",
    "gpus": "gpus",
    "memory_gib": "memory",
    "accelerator": "accelerator",
    "failure_reason": "failureReason",
    "status_message": "statusMessage",
    "metrics": "metrics",
    "cache_hit": "cacheHit",
    "cache_s3_uri": "cacheS3Uri",
    "exit_code": "exitCode",
    "pgid": "pgid",
}


def task_changes(task: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's words as the API's members."""
    changes = {ours: event[its] for its, ours in _SAME.items() if event.get(its) is not None}
    changes["status"] = status = event["status"]
    if status == "RUNNING":
        changes["startTime"] = event["at"]
    if status in FINAL and "stopTime" not in task:  # a cache entry is told of after the end
        changes["stopTime"] = event["at"]
    if "pgid" in changes:
        changes["born"] = birth(changes["pgid"])
    if event.get("image"):
        changes["imageDetails"] = _image(event)
    if reason := changes.get("failureReason"):
        changes["failureReason"] = failures.short(reason)
        changes["statusMessage"] = failures.of_task(task, reason, changes.get("statusMessage", ""))
    known = {**task, **changes}
    changes["instanceType"] = instance_type(
        known["cpus"], known["memory"], known["gpus"], known.get("accelerator")
    )
    return changes


def _image(event: Mapping[str, Any]) -> dict[str, str]:
    """The image, the one that the workflow names if a registry map changed it, and its digest."""
    image: str = event["image"]
    details = {"image": image}
    if event.get("source_image", image) != image:
        details["sourceImage"] = event["source_image"]
    digest = event.get("image_digest") or image.partition("@")[2]
    if digest.startswith("sha256:"):
        details["imageDigest"] = digest
    return details
