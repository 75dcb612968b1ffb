"""Runs from PENDING to their end: which may start, one engine process each, what it reports.

Changes of state happen inside the store's transactions, which are also the lock between the API's
threads and the ones here.
"""

from __future__ import annotations

import math
import re
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..arn import REGION, object_of
from ..clock import epoch_ms, now
from ..definitions import DefinitionChecker
from ..engine.finished_tasks import FILE
from ..engine.image_folders import FOLDER
from ..engine.request import CacheRequest, RunRequest
from ..errors import ValidationFault
from ..keys import OwnerKey
from ..objects import Objects
from ..options import ServerOptions
from ..quotas import RESOURCES
from ..removing import remove
from ..states import FINAL, LIVE
from ..store.documents import Store
from . import failures, run_log
from . import parameters as run_parameters
from .engine_events import Active, EngineEvents, Look, Take
from .engine_process import EngineProcess, Start, birth, kill_orphan
from .manifest import manifest
from .pool import Pool

# Unless quotas say more, so many runs work at once: each has an engine process on one machine.
# Runs whose tasks can never start do not count, up to a number that the machine bears.
_ACTIVE_RUNS = 10
_ENGINES = 40
_PAUSE_SECONDS = 1.0  # until what could not be written is tried again
_END_SECONDS = 30.0
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/.+")
_NO_TRUST = (  # user guide, "Run failure reasons"
    "HealthOmics doesn't have permission to assume the role. Specify the HealthOmics principal"
    " in the trust relationship for the role."
)
PUBLISH = "--publish"  # to the engine: see its `__main__`
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class _CannotStart(Exception):
    """A run fails before its engine starts; `reason` is one of the service's failure reasons."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Scheduler:
    """Starts what may start, and follows it."""

    def __init__(
        self,
        store: Store,
        checker: DefinitionChecker,
        *,
        objects: Objects,
        logs: run_log.Logs,
        folder: Path,
        options: ServerOptions,
        endpoint_url: str,
        owner: OwnerKey,
        engine: Start,
        pool: Pool,
        images: Callable[[str], Mapping[str, Any]] = lambda account: {},
        trusts: Callable[[str], bool] = lambda role: True,
        on_image: Callable[[str, str], None] = lambda account, image: None,
        look: Look = lambda uri: True,
        take: Take = lambda files, within: [None] * len(files),
    ) -> None:
        self._store, self._checker = store, checker
        self._objects, self._logs = objects, logs
        self._folder, self._options, self._endpoint = folder, options, endpoint_url
        self._owner, self._engine, self._pool = owner, engine, pool
        self._limits = options.quotas.resources
        self._events = EngineEvents(
            store,
            logs,
            pool,
            self._limits,
            options.readings,
            on_image=on_image,
            look=look,
            take=take,
        )
        self._active: dict[str, Active] = {}
        self._wake = threading.Event()
        self._closing = False
        self._closed = threading.Event()
        self.trouble: str | None = None  # why the state cannot be written at the moment
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        self.on_end: Callable[[dict[str, Any]], None] = lambda run: None  # told of every final run
        self._images, self._trusts = images, trusts

    def start(self) -> None:
        """Settle what an earlier server left, then start what waits."""
        for row in self._store.rows("run", statuses=LIVE):
            kill_orphan(row.body.get("enginePid", 0), row.body.get("engineBorn"))
        self._publish()
        self._settle("the local HealthOmics stopped while the run was in flight")
        self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Something changed that may let a run start."""
        self._wake.set()

    def regroup(self, group: dict[str, Any]) -> None:
        """The limits of a run group have changed."""
        self._events.bound_group(group)
        self.wake()

    def cancel(self, id: str) -> None:
        """End a run; one that waits is CANCELLED at once, another STOPPING until its engine is."""
        with self._store.transaction():
            run = self._store.get("run", id)
            active = self._active.get(id)
            if run is None or run["status"] in FINAL or run.get("cancelled"):
                return
            if active is None:
                ended = {"status": "CANCELLED", "stopTime": now()}
                run = self._store.update("run", id, ended)
                run_log.tell(self._logs, run, "RUN_CANCELLED")
                self.on_end(run)
                return
            self._store.update("run", id, {"status": "STOPPING", "cancelled": True})
        active.engine.send({"cancel": True})

    def close(self) -> None:
        """End every engine; their runs are FAILED, as nobody follows them any more."""
        with self._store.transaction():
            self._closing = True
            self._closed.set()
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

    def _publish(self) -> None:
        """Put into the run caches what runs had finished whose engines came to no end."""
        for left in sorted(self._folder.glob(f"*/{FILE}")):
            run = self._store.get("run", left.parent.name.partition("-")[0])
            cache = self._store.get("cache", run["cacheId"]) if run is not None else None
            if run is None or cache is None:
                continue
            engine = EngineProcess(
                self._engine,
                left.parent,
                self._environment(run["account"]),
                [PUBLISH, self._endpoint],
            )
            stream = f"runCache/{cache['id']}/{cache['uuid']}"
            for events in engine.events():
                said = [line for event in events for line in event.get("lines", ())]
                self._logs.log({stream: [(int(at), text) for at, text in said]}, run["account"])
            engine.close_input()
            engine.wait(_END_SECONDS)

    def _environment(self, account: str) -> dict[str, str]:
        """What an engine has in its environment: the keys of the account whose run it is."""
        return {
            **_ENVIRONMENT,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": self._owner.secret_access_key(account),
        }

    def _settle(self, message: str) -> None:
        """Runs without a server to follow them are FAILED; their processes are killed."""
        for row in self._store.rows("run", statuses=LIVE):
            run = row.body
            kill_orphan(run.get("enginePid", 0), run.get("engineBorn"))
            state = "CANCELLED" if run.get("cancelled") else "FAILED"
            self._finish(
                run["id"],
                {
                    "status": state,
                    **(
                        {}
                        if state == "CANCELLED"
                        else {"failureReason": "SERVICE_ERROR", "statusMessage": message}
                    ),
                },
            )

    def _loop(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            self._written(self._start_all)

    def _written(self, work: Callable[[], None]) -> None:
        """Do what writes to the state folder; on a full disk again and again, until it can.

        Else a run would be left as it is for ever. What is asked meanwhile is answered with the
        `trouble`.
        """
        while True:
            try:
                work()
            except (sqlite3.Error, OSError) as error:
                self.trouble = f"the local HealthOmics cannot write its state: {error}"
                print(self.trouble, file=sys.stderr, flush=True)
                if self._closed.wait(_PAUSE_SECONDS):
                    return
            else:
                self.trouble = None
                return

    def _start_all(self) -> None:
        while not self._closing and self._start_next():
            pass

    def _start_next(self) -> bool:
        """Start the best of the runs that may start; False if there is none."""
        with self._store.transaction():
            if self._closing or self._is_full():
                return False
            waiting = self._store.rows(
                "run", statuses=["PENDING"], order_by="rank", without=self._full(), limit=1
            )
            if not waiting:
                return False
            run = waiting[0].body
            run = self._store.update("run", run["id"], {"status": "STARTING"})
            run_log.tell(self._logs, run, "STARTING_RUN")
            try:
                active = self._launch(run)
            except (_CannotStart, OSError) as error:
                self._finish(
                    run["id"],
                    {
                        "status": "FAILED",
                        "failureReason": getattr(error, "reason", "SERVICE_ERROR"),
                        "statusMessage": str(error),
                    },
                )
                return True
            self._active[run["id"]] = active
        active.thread = threading.Thread(
            target=self._follow, args=(active,), name=f"run-{run['id']}", daemon=True
        )
        active.thread.start()
        return True

    def _is_full(self) -> bool:
        """Whether the machine has enough to do; quotas of active runs may say it bears more."""
        quotas = self._limits.get("activeRunsStatic", 0) + self._limits.get("activeRunsDynamic", 0)
        busy = len(self._active.keys() - self._pool.stuck())
        return busy >= max(_ACTIVE_RUNS, quotas) or len(self._active) >= max(_ENGINES, quotas)

    def _full(self) -> list[dict[str, str]]:
        """The run groups, and the accounts' kinds of storage, that take no more runs."""
        groups = Counter(run.group for run in self._active.values() if run.group)
        full: list[dict[str, str]] = []
        for id, runs in groups.items():
            group = self._store.get("group", id) or {}
            if runs >= (group.get("maxRuns") or runs + 1):
                full.append({"runGroupId": id})
        kinds = Counter((run.account, run.storage) for run in self._active.values())
        for (account, storage), runs in kinds.items():
            most = self._limits.get(f"activeRuns{storage.capitalize()}")
            if most is not None and runs >= most:
                full.append({"account": account, "storageType": storage})
        return full

    def _launch(self, run: dict[str, Any]) -> Active:
        if not _ROLE.fullmatch(run["roleArn"]):
            raise _CannotStart("ASSUME_ROLE_FAILED", f"cannot assume the role {run['roleArn']}")
        if not self._trusts(run["roleArn"]):
            raise _CannotStart("ASSUME_ROLE_FAILED", _NO_TRUST)
        run_dir = self._folder / f"{run['id']}-{run['uuid'][:8]}"
        remove(run_dir, within=self._folder)
        run_dir.mkdir(parents=True)
        cache = self._store.get("cache", run["cacheId"]) if run.get("cacheId") else None
        RunRequest(
            run_dir=run_dir,
            run_id=run["id"],
            run_uuid=run["uuid"],
            run_arn=run["arn"],
            account=run["account"],
            region=REGION,
            endpoint_url=self._endpoint,
            definition_dir=self._checker.unpacked(run["definitionUuid"]),
            main=run["main"],
            engine=run["engine"],
            parameters=self._parameters(run),
            output_uri=run["runOutputUri"].rstrip("/"),
            cache=None
            if cache is None
            else CacheRequest(
                id=cache["id"],
                s3_uri=cache["cacheS3Uri"],
                behavior=run["cacheBehavior"],
            ),
            container_backend=self._options.backend,
            image_map=run.get("imageMap") or {},
            ecr_only=self._options.ecr_only,
            **(self._images(run["account"]) if self._options.ecr_only else {}),
            isolated=self._options.isolated,
            network=run.get("networkingMode") == "VPC",
            image_folders=self._folder.parent / FOLDER,
            server_dir=Path.cwd(),
            memory_limit=self._options.memory_limit,
            readings=self._options.readings,
            scratch_local=run.get("scratchStorageMode") == "LOCAL",
        ).save()
        engine = EngineProcess(self._engine, run_dir, self._environment(run["account"]))
        try:
            known = {"enginePid": engine.pid, "engineBorn": birth(engine.pid)}
            self._store.update("run", run["id"], known)
        except BaseException:
            engine.close_input()  # nobody would know of it
            raise
        active = Active(
            id=run["id"],
            folder=run_dir,
            account=run["account"],
            storage=run["storageType"],
            group=run.get("runGroupId"),
            log_level=run["logLevel"],
            engine=engine,
            cache_stream="" if cache is None else f"runCache/{cache['id']}/{cache['uuid']}",
        )
        self._limit_time(active)
        minutes = math.ceil(active.minutes)
        run_log.tell(self._logs, run, "SET_WORKFLOW_TIMEOUT", minutes=minutes)
        return active

    def _parameters(self, run: dict[str, Any]) -> Any:
        """Those of the request, or of the file that it names."""
        uri = run.get("parametersUri")
        if not uri:
            return run["parameters"]
        bucket, key = object_of(uri)
        try:
            return run_parameters.read(
                self._objects.file(bucket, key), uri, run["parameterTemplate"]
            )
        except ValidationFault as fault:
            raise _CannotStart("INVALID_RUN_PARAMETERS", fault.message) from fault

    def _limit_time(self, active: Active) -> None:
        """Let the run end when it exceeds its run group's duration, or the quota of all runs."""
        group = self._store.get("group", active.group) if active.group else None
        seconds = self._limits.get("runDuration", RESOURCES["runDuration"])
        enforced = "runDuration" in self._limits
        if group is not None and group.get("maxDuration"):
            seconds, enforced = min(group["maxDuration"] * 60, seconds), True
        active.minutes = seconds / 60
        if enforced:
            active.timer = threading.Timer(seconds, self._time_out, [active])
            active.timer.daemon = True
            active.timer.start()

    def _time_out(self, active: Active) -> None:
        active.timed_out = True
        active.engine.send({"cancel": True, "timed_out": True})

    def _follow(self, active: Active) -> None:
        """Hear the engine out, then settle its run."""
        end: dict[str, Any] | None = None
        problem = ""
        try:
            for events in active.engine.events():
                self._events.record(active, [e for e in events if e["event"] != "end"])
                if active.id in self._pool.stuck():
                    self.wake()  # a run that can never go on holds up nobody
                for end in (e for e in events if e["event"] == "end"):
                    self._stopping(active.id, end)
        except Exception as error:  # a thread has nobody above it to tell: the run says it
            problem = f"the engine's report could not be read: {error!r}"
        active.engine.close_input()
        code = active.engine.wait(_END_SECONDS)
        if end is None:
            problem = problem or f"the engine ended with status {code}"
            tail = active.engine.stderr_tail()
            end = {
                "status": "FAILED",
                "failure_reason": "SERVICE_ERROR",
                "status_message": f"{problem}\n{tail}".strip(),
            }
        self._closed.wait(float(self._options.readings["stop-seconds"]))
        self._conclude(active, end)

    def _stopping(self, id: str, end: dict[str, Any]) -> None:
        with self._store.transaction():
            run = self._store.get("run", id)
            if run is not None and run["status"] in ("STARTING", "RUNNING"):
                run = self._store.update("run", id, {"status": "STOPPING"})
        if run is None:
            return
        run_log.tell(self._logs, run, "STOPPING_RUN")
        used = (end.get("metrics") or {}).get("storageMaximumGiB")
        if run["storageType"] == "STATIC" and used is not None:
            size = run["storageCapacity"]
            run_log.tell(
                self._logs,
                run,
                "MAX_FILE_SYSTEM_USAGE",
                size=size,
                used=math.ceil(used),
                percent=math.floor(100 * used / size),
            )
        stream = run.get("logLocation", {}).get("engineLogStream", "")
        run_log.tell(self._logs, run, "ENGINE_LOG_GENERATED", stream=stream)

    def _conclude(self, active: Active, end: dict[str, Any]) -> None:
        if active.timer is not None:
            active.timer.cancel()
        self._pool.forget(active.id)
        self._written(lambda: self._settle_one(active, end))
        with self._store.transaction():
            self._active.pop(active.id, None)
        self.wake()

    def _settle_one(self, active: Active, end: dict[str, Any]) -> None:
        run = self._store.get("run", active.id)
        if run is not None:
            self._finish(active.id, self._outcome(active, run, end))

    def _outcome(self, active: Active, run: dict[str, Any], end: dict[str, Any]) -> dict[str, Any]:
        """How the run ends: as its engine says, unless it was we who ended the engine."""
        status, reason = end["status"], end.get("failure_reason") or "WORKFLOW_RUN_FAILED"
        task = self._store.get("task", active.tasks.get(end.get("failed_task", 0), ""))
        message = failures.of_run(run, reason, end.get("status_message") or "", task)
        if status != "COMPLETED" and active.timed_out:
            status, reason = "FAILED", "RUN_TIMED_OUT"
            message = f"Run timeout after {active.minutes:g} minutes"
        elif status != "COMPLETED" and self._closing and not run.get("cancelled"):
            status, reason = "FAILED", "SERVICE_ERROR"
            message = "the local HealthOmics was stopped"
        changes: dict[str, Any] = {
            "status": status,
            "stopTime": end.get("at") or now(),
            "resourceDigests": end.get("resource_digests") or {},
            "metrics": end.get("metrics") or {},
        }
        if status == "FAILED":
            changes |= {"failureReason": failures.short(reason), "statusMessage": message}
        if run["storageType"] == "DYNAMIC" and "storageMaximumGiB" in changes["metrics"]:
            changes["storageCapacity"] = math.ceil(changes["metrics"]["storageMaximumGiB"])
        return changes

    def _finish(self, id: str, changes: dict[str, Any]) -> None:
        """The end of a run, of the tasks it leaves open, and its manifest."""
        stopped = {"stopTime": now()} | changes
        lost = changes.get("failureReason") == "SERVICE_ERROR"
        with self._store.transaction():
            tasks = [row.body for row in self._store.rows("task", parent=id)]
            for task in tasks:
                if task["status"] not in FINAL:
                    # An engine that was killed leaves them running.
                    kill_orphan(task.get("pgid", 0), task.get("born"))
                    task |= {
                        "status": "FAILED" if lost else "CANCELLED",
                        "stopTime": stopped["stopTime"],
                        **({"failureReason": "SERVICE_ERROR"} if lost else {}),
                    }
                    self._store.update("task", task["id"], task)
            run = (self._store.get("run", id) or {}) | stopped
            if run.get("logLevel") != "OFF":
                run_log.tell(self._logs, run, f"RUN_{run['status']}")
                # The manifest first: who sees the run ended must find it.
                at = epoch_ms()
                lines = [(at, line) for line in manifest(run, tasks)]
                self._logs.log({f"manifest/run/{id}/{run['uuid']}": lines}, run["account"])
            self._store.update("run", id, stopped)
        self.on_end(run)
