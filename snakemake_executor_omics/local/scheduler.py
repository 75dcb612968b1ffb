"""Runs from PENDING to their end: which may start, one engine process each, what it reports.

Changes of state happen inside the store's transactions, which are also the lock between the API's
threads and the ones here.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .arn import REGION, log_stream_arn
from .aws_peers import Peers
from .clock import epoch_ms, now
from .definitions import Builder
from .engine_process import EngineProcess, birth, kill_orphan
from .instances import instance_type
from .manifest import manifest
from .pool import Ask, Limits, Pool
from .states import FINAL, LIVE
from .store import Store

MAX_ACTIVE_RUNS = 10
_END_SECONDS = 30.0
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(slots=True, kw_only=True)
class Active:
    """A run that has an engine process."""

    id: str
    engine: EngineProcess
    tasks: dict[int, str] = field(default_factory=dict)
    timed_out: bool = False
    timer: threading.Timer | None = None
    thread: threading.Thread | None = None


class Scheduler:
    """Starts what may start, and follows it."""

    def __init__(
        self, store: Store, peers: Peers, builder: Builder, *, folder: Path, backend: str,
        endpoint_url: str, engine: Sequence[str], pool: Pool,
    ) -> None:  # fmt: skip
        self._store, self._peers, self._builder = store, peers, builder
        self._folder, self._backend, self._endpoint = folder, backend, endpoint_url
        self._engine, self._pool = list(engine), pool
        self._active: dict[str, Active] = {}
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)

    def start(self) -> None:
        """Settle what an earlier server left, then start what waits."""
        self._settle("the local HealthOmics stopped while the run was in flight")
        self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Something changed that may let a run start."""
        self._wake.set()

    def cancel(self, id: str) -> None:
        with self._store.transaction():
            run = self._store.get("run", id)
            active = self._active.get(id)
            if run is None or run["status"] in FINAL:
                return
            if active is None:
                self._store.update("run", id, {"status": "CANCELLED", "stopTime": now()})
                self.wake()
                return
            self._store.update("run", id, {"status": "STOPPING", "cancelled": True})
        active.engine.send({"cancel": True})

    def close(self) -> None:
        """End every engine; their runs are FAILED, as nobody follows them any more."""
        with self._store.transaction():
            self._closing = True
            active = list(self._active.values())
        self.wake()
        for run in active:
            run.engine.close_input()
        for run in active:
            run.engine.wait(_END_SECONDS)
            if run.thread is not None:
                run.thread.join(_END_SECONDS)
        self._settle("the local HealthOmics was stopped while the run was in flight")
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def _settle(self, message: str) -> None:
        """Runs without a server to follow them are FAILED; their processes are killed."""
        for row in self._store.rows("run", statuses=LIVE):
            run = row.body
            kill_orphan(run.get("enginePid", 0), run.get("engineBorn"))
            for task in self._store.rows("task", parent=run["id"]):
                if task.body["status"] not in FINAL:
                    kill_orphan(task.body.get("pgid", 0), task.body.get("born"))
            state = "CANCELLED" if run.get("cancelled") else "FAILED"
            self._finish(run["id"], {
                "status": state,
                **({} if state == "CANCELLED" else
                   {"failureReason": "SERVICE_ERROR", "statusMessage": message}),
            })  # fmt: skip

    def _loop(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            while not self._closing and self._start_next():
                pass

    def _start_next(self) -> bool:
        """Start the best of the runs that may start; False if there is none."""
        with self._store.transaction():
            if self._closing or len(self._active) >= MAX_ACTIVE_RUNS:
                return False
            waiting = [row.body for row in self._store.rows("run", statuses=["PENDING"])]
            # 1 is the highest priority; without one a run comes last, and earlier runs first.
            waiting.sort(key=lambda run: run.get("priority") or 100_001)
            for run in waiting:
                if self._group_has_room(run):
                    self._store.update("run", run["id"], {"status": "STARTING"})
                    break
            else:
                return False
            try:
                active = self._launch(run)
            except OSError as error:
                self._finish(run["id"], {
                    "status": "FAILED", "failureReason": "SERVICE_ERROR",
                    "statusMessage": f"cannot start the engine: {error}",
                })  # fmt: skip
                return True
            self._active[run["id"]] = active
        active.thread = threading.Thread(
            target=self._follow, args=(active,), name=f"run-{run['id']}", daemon=True
        )
        active.thread.start()
        return True

    def _group_has_room(self, run: dict[str, Any]) -> bool:
        group = self._group(run)
        if not group.get("maxRuns"):
            return True
        live = self._store.rows(
            "run", statuses=LIVE, where={"runGroupId": run["runGroupId"]}, limit=group["maxRuns"]
        )
        return len(live) < int(group["maxRuns"])

    def _group(self, run: dict[str, Any]) -> dict[str, Any]:
        return (self._store.get("group", run["runGroupId"]) if run.get("runGroupId") else {}) or {}

    def _launch(self, run: dict[str, Any]) -> Active:
        run_dir = self._folder / f"{run['id']}-{run['uuid'][:8]}"
        shutil.rmtree(run_dir, ignore_errors=True)
        run_dir.mkdir(parents=True)
        cache = self._store.get("cache", run["cacheId"]) if run.get("cacheId") else None
        request = {
            "run_id": run["id"], "run_uuid": run["uuid"], "run_arn": run["arn"],
            "account": run["account"], "region": REGION, "endpoint_url": self._endpoint,
            "definition_dir": str(self._builder.unpacked(run["definitionUuid"])),
            "main": run["main"], "parameters": run["parameters"],
            "output_uri": run["runOutputUri"],
            "cache": None if cache is None else {
                "id": cache["id"], "uuid": cache["uuid"], "s3_uri": cache["cacheS3Uri"],
                "behavior": run["cacheBehavior"],
            },
            "container_backend": self._backend, "image_map": run.get("imageMap") or {},
        }  # fmt: skip
        (run_dir / "request.json").write_text(json.dumps(request))
        engine = EngineProcess(self._engine, run_dir, CREDENTIALS)
        self._store.update(
            "run", run["id"], {"enginePid": engine.pid, "engineBorn": birth(engine.pid)}
        )
        active = Active(id=run["id"], engine=engine)
        minutes = self._group(run).get("maxDuration")
        if minutes:
            active.timer = threading.Timer(minutes * 60, self._time_out, [active])
            active.timer.daemon = True
            active.timer.start()
        return active

    def _time_out(self, active: Active) -> None:
        active.timed_out = True
        active.engine.send({"cancel": True})

    def _follow(self, active: Active) -> None:
        """Hear the engine out, then settle its run."""
        end: dict[str, Any] | None = None
        problem = ""
        try:
            for event in active.engine.events():
                if event["event"] == "end":
                    end = event
                else:
                    self._hear(active, event)
        except Exception as error:  # a thread has nobody above it to tell: the run says it
            problem = f"the engine's report could not be read: {error!r}"
        active.engine.close_input()
        code = active.engine.wait(_END_SECONDS)
        if end is None:
            problem = problem or f"the engine ended with status {code}"
            tail = active.engine.stderr_tail()
            end = {
                "status": "FAILED", "failure_reason": "SERVICE_ERROR",
                "status_message": f"{problem}\n{tail}".strip(),
            }  # fmt: skip
        self._conclude(active, end)

    def _conclude(self, active: Active, end: dict[str, Any]) -> None:
        if active.timer is not None:
            active.timer.cancel()
        self._pool.forget(active.id)
        run = self._store.get("run", active.id)
        if run is not None:
            changes: dict[str, Any] = {
                "status": end["status"],
                "stopTime": end.get("at") or now(),
                "resourceDigests": end.get("resource_digests") or {},
            }
            if active.timed_out:
                end = {
                    "failure_reason": "RUN_TIMED_OUT",
                    "status_message": "the run took longer than maxDuration of its run group",
                }
                changes["status"] = "FAILED"
            elif self._closing and changes["status"] != "COMPLETED" and not run.get("cancelled"):
                changes["status"] = "FAILED"
                end = {
                    "failure_reason": "SERVICE_ERROR",
                    "status_message": "the local HealthOmics was stopped",
                }
            if changes["status"] == "FAILED":
                changes["failureReason"] = (end.get("failure_reason") or "WORKFLOW_RUN_FAILED")[:64]
                changes["statusMessage"] = end.get("status_message") or ""
            self._finish(active.id, changes)
        with self._store.transaction():
            self._active.pop(active.id, None)
        self.wake()

    def _finish(self, id: str, changes: dict[str, Any]) -> None:
        """The end of a run, of the tasks it leaves open, and its manifest."""
        stopped = {"stopTime": now()} | changes
        with self._store.transaction():
            for row in self._store.rows("task", parent=id):
                if row.body["status"] not in FINAL:
                    lost = changes.get("failureReason") == "SERVICE_ERROR"
                    self._store.update("task", row.body["id"], {
                        "status": "FAILED" if lost else "CANCELLED",
                        "stopTime": stopped["stopTime"],
                        **({"failureReason": "SERVICE_ERROR"} if lost else {}),
                    })  # fmt: skip
            tasks = [row.body for row in self._store.rows("task", parent=id)]
            run = (self._store.get("run", id) or {}) | stopped
            lines = manifest(run, tasks)
            # The manifest first: who sees the run ended must find it.
            at = epoch_ms()
            self._peers.log(f"manifest/run/{id}/{run['uuid']}", [(at, line) for line in lines])
            self._store.update("run", id, stopped)

    def _hear(self, active: Active, event: dict[str, Any]) -> None:
        match event["event"]:
            case "run":
                self._run_event(active, event)
            case "task":
                self._task_event(active, event)
            case "log":
                self._log_event(active, event)
            case "acquire":
                self._acquire(active, event)
            case "release":
                self._pool.release(active.id, event["key"])
            case other:
                raise ValueError(f"unknown event {other!r}")

    def _run_event(self, active: Active, event: dict[str, Any]) -> None:
        with self._store.transaction():
            run = self._store.get("run", active.id)
            if run is None or run["status"] not in ("STARTING", "RUNNING"):
                return  # a cancelled run stays STOPPING
            changes: dict[str, Any] = {"status": event["status"]}
            if event["status"] == "RUNNING":
                changes["startTime"] = event["at"]
            self._store.update("run", active.id, changes)

    def _task_event(self, active: Active, event: dict[str, Any]) -> None:
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
                    account=(self._store.get("run", active.id) or {})["account"],
                )
                id = active.tasks[event["key"]] = task["id"]
            else:
                found = self._store.get("task", id)
                assert found is not None
                task = found
            self._store.update("task", id, _task_changes(task, event))

    def _log_event(self, active: Active, event: dict[str, Any]) -> None:
        run = self._store.get("run", active.id)
        assert run is not None
        match event["stream"]:
            case "engine":
                stream = f"run/{active.id}/engine"
            case "run":
                stream = f"run/{active.id}"
            case "task":
                task = active.tasks[event["key"]]
                stream = f"run/{active.id}/task/{task}"
                self._store.update("task", task, {"logStream": log_stream_arn(stream)})
            case _:
                cache = self._store.get("cache", run["cacheId"]) or {}
                stream = f"runCache/{run['cacheId']}/{cache.get('uuid', 'deleted')}"
        if run.get("logLevel") != "OFF":
            self._peers.log(stream, [(int(at), text) for at, text in event["lines"]])

    def _acquire(self, active: Active, event: dict[str, Any]) -> None:
        run = self._store.get("run", active.id) or {}
        group = self._group(run)
        key = event["key"]
        self._pool.ask(Ask(
            run=active.id, key=key, cpus=event["cpus"], memory_gib=event["memory_gib"],
            gpus=event.get("gpus") or 0, group=run.get("runGroupId"),
            limits=Limits(cpus=group.get("maxCpus"), gpus=group.get("maxGpus")),
            grant=lambda: active.engine.send({"grant": key}),
        ))  # fmt: skip


_SAME = {
    "cpus": "cpus", "gpus": "gpus", "memory_gib": "memory", "image": "image",
    "failure_reason": "failureReason", "status_message": "statusMessage", "metrics": "metrics",
    "cache_hit": "cacheHit", "cache_s3_uri": "cacheS3Uri", "exit_code": "exitCode", "pgid": "pgid",
}  # fmt: skip


def _task_changes(task: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """The engine's words as the API's members."""
    changes = {ours: event[its] for its, ours in _SAME.items() if event.get(its) is not None}
    changes["status"] = status = event["status"]
    if status == "RUNNING":
        changes["startTime"] = event["at"]
    if status in FINAL:
        changes["stopTime"] = event["at"]
    if "pgid" in changes:
        changes["born"] = birth(changes["pgid"])
    if changes.get("image"):
        changes["imageDetails"] = {"image": changes["image"]}
    if changes.get("failureReason"):
        changes["failureReason"] = changes["failureReason"][:64]
    known = task | changes
    changes["instanceType"] = instance_type(known["cpus"], known["memory"], known["gpus"])
    return changes
