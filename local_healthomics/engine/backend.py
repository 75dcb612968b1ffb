"""How a task of the run is carried out, whatever runs its command.

miniwdl calls `_run` once per task; here that is: look into the run cache, ask the server for the
resources, execute (again with twice the memory after an out-of-memory kill, if the task allows
it), report every step. What executes is a subclass: processes.py, containers.py.
"""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from WDL import Env, Error, Expr, Tree, Value
from WDL.runtime.error import Terminated
from WDL.runtime.task_container import TaskContainer

from .cache import task_key
from .finished_tasks import Entry
from .logs import TaskLog
from .paths import real
from .resources import GIB, Resources, asked, usable_bytes
from .session import Session
from .tasks import Attempt

OUT_OF_MEMORY = 137  # 128 + SIGKILL: what a container reports when it was killed for its memory


class TaskTimedOut(Error.RuntimeError):
    """The task ran longer than its omicsTimeout."""

    reason = "TASK_TIMED_OUT"


class OmicsTask(TaskContainer):
    """A miniwdl task container that behaves and reports as the service's tasks do."""

    session: ClassVar[Session]
    default_image: ClassVar[str | None] = None

    def __init__(self, cfg: Any, run_id: str, host_dir: str) -> None:
        super().__init__(cfg, run_id, host_dir)
        self.asked = Resources()
        self.attempt: Attempt
        self._task: Tree.Task
        self._grant: Mapping[str, Any] = {}
        self._cache_key: str | None = None
        self._results: dict[str, str] | None = None

    # what miniwdl's runner calls

    def process_runtime(self, logger: logging.Logger, runtime_eval: dict[str, Value.Base]) -> None:
        request = self.session.request
        self.asked = asked(
            runtime_eval,
            request.registries,
            self.default_image,
            scratch_local=request.scratch_local,
        )
        # Retries are the service's business here: out of memory only, see `_run`.
        kept = {k: v for k, v in runtime_eval.items() if k not in ("maxRetries", "preemptible")}
        lenient = kept.pop("continueOnReturnCode", None)
        if lenient is not None and "returnCodes" not in kept:
            if isinstance(lenient, Value.Boolean):
                lenient = Value.String("*") if lenient.value else None
            if lenient is not None:
                kept["returnCodes"] = lenient
        super().process_runtime(logger, kept)
        self._limit_memory(self.asked)
        if self.asked.image:
            self.runtime_values["docker"] = self.asked.image.pull

    def host_path(self, container_path: str, inputs_only: bool = False) -> str | None:
        if self._results is None:
            return super().host_path(container_path, inputs_only)
        found = self._results.get(container_path)
        if found is None and (found := super().host_path(container_path, inputs_only)) is not None:
            self._results[container_path] = found
        return found

    def _run(self, logger: logging.Logger, terminating: Callable[[], bool], command: str) -> int:
        board = self.session.board
        if self.attempt.is_final:
            self.attempt = board.new(self.attempt.name, self.attempt.resources)
        board.move(self.attempt, "PENDING")
        exit_code = self._from_cache(command)
        retries = self.asked.oom_retries
        while exit_code is None:
            exit_code = self._execute_once(logger, terminating, command)
            killed = exit_code == OUT_OF_MEMORY and not self.success_exit_code(exit_code)
            if killed and retries and self._double_memory(logger):
                retries -= 1
                exit_code = None
        self._results = {}  # from here on the outputs are evaluated, and nothing changes
        return exit_code

    # what the task hook calls

    def begin(self, task: Tree.Task, attempt: Attempt) -> None:
        """The runtime section is evaluated, the command is about to be run."""
        attempt.resources, attempt.known = self.asked, True
        self._task, self.attempt = task, attempt

    def finish(self, outputs: Env.Bindings[Value.Base], run_dir: str) -> None:
        """The outputs are evaluated and linked under `run_dir`/out."""
        cache = self.session.cache
        if cache is None or self._cache_key is None or self.attempt.cache_hit:
            return
        files: dict[str, str] = {}
        others: dict[str, Any] = {}
        for binding in outputs:
            linked = _linked_files(binding.value, run_dir)
            files |= linked
            if not linked:
                others[binding.name] = binding.value.json
        by_content = {target: path for path, target in reversed(files.items())}
        restore: dict[str, str] = {}
        for name, file in self._restorable():
            if file is None:
                restore[name] = ""
            else:
                restore[name] = by_content.get(real(file), name)
                files.setdefault(restore[name], file)
        cache.keep(
            Entry(
                key=self._cache_key,
                task_key=self.attempt.key,
                task_id=str(self._grant.get("task_id", self.attempt.key)),
                work_dir=self.work_dir(),
                files=files,
                restore=restore,
                other_outputs=others,
                exit_code=self.attempt.exit_code or 0,
            )
        )

    # what a subclass does

    @abstractmethod
    def execute(
        self, logger: logging.Logger, terminating: Callable[[], bool], command: str, log: TaskLog
    ) -> int:
        """Run the command and return its exit status; raises Terminated or TaskTimedOut."""

    def running(self, **more: Any) -> None:
        self.session.board.move(self.attempt, "RUNNING", **more)

    def work_dir(self) -> str:
        return str(self.host_work_dir())  # type: ignore[no-untyped-call]

    def streams(self) -> list[str]:
        return [self.host_stdout_txt(), self.host_stderr_txt()]  # type: ignore[no-untyped-call]

    def environment(self) -> dict[str, str]:
        return self.session.task_environment(self.attempt.key, self._grant)

    def _execute_once(
        self, logger: logging.Logger, terminating: Callable[[], bool], command: str
    ) -> int:
        board, attempt, wants = self.session.board, self.attempt, self.attempt.resources
        with self.session.gate.hold(
            attempt.key,
            cpus=wants.cpus,
            memory_gib=wants.memory_gib,
            gpus=wants.gpus,
            stopping=self.session.stopping,
        ) as grant:
            if grant is None:
                raise Terminated(quiet=True)
            self._grant = grant
            board.move(attempt, "STARTING")
            self.session.pause("task-start-seconds")
            cut = self.session.request.readings["long-lines"] == "cut"
            with TaskLog(self.session.events, attempt.key, self.streams(), cut=cut) as log:
                exit_code = self.execute(logger, terminating, command, log)
            attempt.exit_code = exit_code
            if wants.scratch_gib:
                attempt.metrics["scratchStorageReservedGiB"] = wants.scratch_gib
            board.move(attempt, "STOPPING")
        if not self.success_exit_code(exit_code):
            if exit_code == OUT_OF_MEMORY:
                reason, why = "OUT_OF_MEMORY_ERROR", ": out of memory, or killed"
            else:
                reason, why = "RUN_TASK_FAILED", ""
            board.fail(attempt, reason, f"command exited with status {exit_code}{why}")
        return exit_code

    def _double_memory(self, logger: logging.Logger) -> bool:
        """Make ready for another attempt; False if no instance has so much memory."""
        resources = self.attempt.resources
        resources = replace(resources, memory_gib=resources.memory_gib * 2)
        if resources.instance_type is None:
            return False
        limit = self.detect_resource_limits(self.cfg, logger)["mem_bytes"]
        self.runtime_values["memory_reservation"] = min(limit, resources.memory_gib * GIB)
        self._limit_memory(resources)
        self.reset(logger)
        self.attempt = self.session.board.new(self.attempt.name, resources)
        self.session.board.move(self.attempt, "PENDING")
        return True

    def _limit_memory(self, resources: Resources) -> None:
        """What a container may use; of plain processes it is watched."""
        if self.session.request.memory_limit:
            self.runtime_values["memory_limit"] = usable_bytes(
                resources.memory_gib, self.session.request.readings
            )

    def _from_cache(self, command: str) -> int | None:
        cache, task = self.session.cache, self._task
        # User guide, "Run cache": a task is cached that has a container and an output.
        if cache is None or not task.outputs or _is_volatile(task) or self.asked.image is None:
            return None
        self._cache_key = task_key(
            command=command,
            environment=self.runtime_values.get("env", {}),
            inputs=self.input_path_map,
            identify=self.session.inputs.identity,
            task_dir=self.host_dir,
            resources=self.asked,
            outputs="\n".join(str(declaration) for declaration in task.outputs),
        )
        hit = cache.lookup(self._cache_key, task.name)
        if hit is None or not cache.restore(hit, Path(self.host_dir), task.name):
            return None
        self.attempt.cache_hit = True
        self.attempt.cache_s3_uri = hit.s3_uri
        self.attempt.exit_code = hit.exit_code
        return hit.exit_code

    def _restorable(self) -> list[tuple[str, str | None]]:
        """(path in the task's folder on a first attempt, file or None for a folder)."""
        work = self.work_dir()
        streams = dict(zip(self.streams(), ("stdout.txt", "stderr.txt"), strict=True))
        found: list[tuple[str, str | None]] = []
        for path in sorted({*(self._results or {}).values()}):
            if path in streams:
                found.append((streams[path], path))
                continue
            relative = os.path.relpath(path, work)
            if relative.startswith(".."):
                continue  # an input handed on: it will be there again
            if path.endswith("/"):
                for base, _folders, names in os.walk(path):
                    inner = os.path.normpath(os.path.join("work", os.path.relpath(base, work)))
                    found.append((inner, None))
                    found += [(f"{inner}/{name}", os.path.join(base, name)) for name in names]
            else:
                found.append((os.path.join("work", relative), path))
        return found


def _is_volatile(task: Tree.Task) -> bool:
    value = task.meta.get("volatile")
    return value is True or (isinstance(value, Expr.Boolean) and value.value)


def _linked_files(value: Value.Base, run_dir: str) -> dict[str, str]:
    """Files of an output value, by their path below the run folder (out/<output>/…)."""
    found: dict[str, str] = {}

    def visit(item: Value.File | Value.Directory) -> str:
        if isinstance(item, Value.Directory):
            for base, _folders, names in os.walk(item.value):
                for name in names:
                    path = os.path.join(base, name)
                    found[os.path.relpath(path, run_dir)] = real(path)
        else:
            found[os.path.relpath(item.value, run_dir)] = real(item.value)
        return str(item.value)

    Value.rewrite_paths(value, visit)
    return found
