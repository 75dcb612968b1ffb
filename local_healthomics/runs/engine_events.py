"""What the engine of a run reports, as documents, log streams and requests to the pool."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..arn import arn, log_stream_arn
from ..instances import instance_type
from ..objects import Content
from ..readings import DEFAULTS, Readings
from ..states import FINAL
from ..store.documents import Store
from . import failures, run_log
from .engine_process import EngineProcess, birth
from .pool import Ask, Limits, Pool

Look = Callable[[str], tuple[str, str] | bool]  # see the engine's direct.py
Take = Callable[[Sequence[tuple[Content, str]], Path], list[str | None]]
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
    open: dict[int, dict[str, Any]] = field(default_factory=dict)  # documents of what has no end
    kept: dict[int, deque[tuple[int, str]]] = field(default_factory=dict)
    minutes: float = 0.0  # that it may take
    timed_out: bool = False
    timer: threading.Timer | None = None
    thread: threading.Thread | None = None


@dataclass(slots=True)
class _Report:
    """What an engine said at one time, as it is about to be written down and answered."""

    active: Active
    status: str | None  # of the run; None if it is gone
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, list[run_log.LogLine]] = field(default_factory=dict)
    answers: list[Callable[[], None]] = field(default_factory=list)

    def say(self, stream: str, lines: Sequence[run_log.LogLine]) -> None:
        self.lines.setdefault(stream, []).extend(lines)

    def tell(self, event: str, **of_it: Any) -> None:
        """An event of the run, for the stream of these."""
        if self.status is not None:
            said = run_log.lines(self.active.log_level, self.status, event, **of_it)
            self.say(run_log.stream(self.active.id), said)


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

    def record(self, active: Active, events: Sequence[Mapping[str, Any]]) -> None:
        """Write down what an engine said at one time, then answer it.

        All of it or nothing: who sees a state finds the lines that were said before it, and who
        sees a line the state.
        """
        with self._store.transaction():
            report = _Report(active, self._store.status("run", active.id))
            for event in events:
                self._note(report, event)
            for task in report.tasks.values():
                self._store.replace("task", task["id"], task)
            self._logs.log(report.lines, active.account)
        for key, task in report.tasks.items():
            if task["status"] in FINAL:
                del active.open[key]
        for answer in report.answers:
            answer()

    def _note(self, report: _Report, event: Mapping[str, Any]) -> None:
        active = report.active
        match event["event"]:
            case "run":
                self._run(report, event)
            case "task":
                self._task(report, event)
            case "import":
                name = "IMPORT_COMPLETED" if event["done"] else "IMPORTING_FILES"
                report.tell(name, uri=event["uri"])
            case "log":
                self._log(report, event)
            case "acquire":
                report.answers.append(partial(self._acquire, active, event))
            case "look":
                report.answers.append(partial(self._answer_look, active, event))
            case "take":
                report.answers.append(partial(self._answer_take, active, event))
            case "release":
                report.answers.append(partial(self._pool.release, active.id, event["key"]))
            case other:
                raise ValueError(f"unknown event {other!r}")

    def _run(self, report: _Report, event: Mapping[str, Any]) -> None:
        if report.status not in ("STARTING", "RUNNING"):
            return  # a cancelled run stays STOPPING
        changes: dict[str, Any] = {"status": event["status"]}
        if event["status"] == "RUNNING":
            changes["startTime"] = event["at"]
        self._store.update("run", report.active.id, changes)
        report.status = event["status"]
        report.tell("RUNNING_WORKFLOW")

    def _task(self, report: _Report, event: Mapping[str, Any]) -> None:
        active, key = report.active, event["key"]
        known = self._known(active, key)
        task = known or {
            "id": self._store.new_id(),
            "account": active.account,
            "name": event["name"],
            "runId": active.id,
            "uuid": str(uuid.uuid4()),
            "status": event["status"],
            "creationTime": event["at"],
            "cacheHit": False,
            "cpus": 1,
            "memory": 1,
            "gpus": 0,
        }
        id = active.tasks[key] = task["id"]
        stream = self._stream(active, key)
        changed = task["status"] != event["status"]
        changes = task_changes(task, event)
        if "imageDetails" in changes.keys() - task.keys():
            self._on_image(active.account, event["image"])
        if self._readings["task-cache-uri"] == "hits" and not changes.get("cacheHit"):
            changes.pop("cacheS3Uri", None)
        if event["status"] == "RUNNING" and active.log_level != "OFF":
            changes["logStream"] = log_stream_arn(stream, active.account)
        if event["status"] == "CANCELLED" or event.get("stopped", False):
            # A task that is stopped with its run leaves none (published: many, stopped early).
            changes["logStream"] = None
            self._forgotten.add(stream)
            report.lines.pop(stream, None)
            report.answers.append(partial(self._logs.forget_log, stream, active.account))
        task |= changes
        active.open[key] = task
        if known is None:
            self._store.add("task", task, id=id, parent=active.id, account=active.account)
        else:
            report.tasks[key] = task
        if changed and (name := run_log.OF_TASK.get(event["status"])):
            report.tell(name, name=event["name"], task=id)
        kept = active.kept.pop(key, None) if event["status"] in FINAL else None
        if kept and event["status"] == "FAILED":
            self._deliver(report, stream, self._fit(list(kept)))

    def _known(self, active: Active, key: int) -> dict[str, Any] | None:
        """The document of a task; None if there is none yet."""
        if key in active.open:
            return active.open[key]
        return self._store.get("task", active.tasks[key]) if key in active.tasks else None

    @staticmethod
    def _stream(active: Active, key: int) -> str:
        return f"run/{active.id}/task/{active.tasks[key]}"

    def _log(self, report: _Report, event: Mapping[str, Any]) -> None:
        active = report.active
        lines = [(int(at), text) for at, text in event["lines"]]
        if not run_log.lets_through(active.log_level, event.get("level", "")):
            if event["stream"] == "task" and active.log_level == "ERROR":
                # Whether these lines tell of an error is known when the task has ended.
                active.kept.setdefault(event["key"], deque(maxlen=_KEPT_LINES)).extend(lines)
            return
        match event["stream"]:
            case "task":
                self._deliver(report, self._stream(active, event["key"]), self._fit(lines))
            case "engine":
                report.say(f"run/{active.id}/engine", lines)
            case _:
                report.say(active.cache_stream, lines)

    def _fit(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """The lines as CloudWatch takes them, which takes no empty one."""
        if self._readings["blank-lines"] == "dropped":
            return [(at, text) for at, text in lines if text]
        return [(at, text or " ") for at, text in lines]

    def _deliver(self, report: _Report, stream: str, lines: list[run_log.LogLine]) -> None:
        """The lines of a task, which a reading may have come later."""
        delay, account = float(self._readings["log-delay"]), report.active.account
        if stream in self._forgotten:
            return
        if not delay:
            report.say(stream, lines)
            return

        def deliver() -> None:
            if stream not in self._forgotten:
                self._logs.log({stream: lines}, account)

        timer = threading.Timer(delay, deliver)
        timer.daemon = True
        timer.start()

    def _answer_look(self, active: Active, event: Mapping[str, Any]) -> None:
        active.engine.send({"answer": event["number"], "found": self._look(event["uri"])})

    def _answer_take(self, active: Active, event: Mapping[str, Any]) -> None:
        taken = self._take(event["files"], active.folder)
        active.engine.send({"answer": event["number"], "found": taken})

    def _acquire(self, active: Active, event: Mapping[str, Any]) -> None:
        key, names = event["key"], self._names(active, event["key"])
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
                grant=lambda: active.engine.send({"grant": key, **names}),
            )
        )

    def _names(self, active: Active, key: int) -> dict[str, str]:
        """What a task's environment says of it."""
        task = self._known(active, key)
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
