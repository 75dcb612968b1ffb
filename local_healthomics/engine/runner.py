"""One run from its definition to its end event."""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import WDL
from WDL import Env, Tree, Value
from WDL.runtime.cache import CallCache
from WDL.runtime.error import RunFailed, Terminated

from . import loading
from . import miniwdl_internals as internals
from .backend import TaskTimedOut
from .cache import RunCache
from .configuration import configuration
from .direct import Direct
from .errors import (
    Cancelled,
    DefinitionError,
    EngineError,
    ExportFailed,
    InvalidUri,
    OutOfSpace,
    ParameterError,
)
from .events import EventStream, Inbox, timestamp
from .export import export_log, export_outputs
from .gate import Gate
from .hook import causes, task_hook
from .logs import attach
from .omics_uris import SCHEME, OmicsUris
from .processes import ProcessTask
from .request import RunRequest
from .session import Session
from .storage import StorageMeter
from .tasks import TaskBoard
from .transfer import Inputs, Objects, connect

_OTHERS = {"CWL": ".cwl.runner", "NEXTFLOW": ".nextflow"}
# miniwdl's own: what is ready, begins and has ended. Below it are the values of all inputs and
# outputs, three times each; nobody has told of them in a log of the service.
_LOG_LEVEL = "NOTICE"
_LAST_RESORT = 15.0  # seconds for an orderly end after the server died


class Control:
    """The ways in which a run is stopped from outside."""

    def __init__(self, wake: Callable[[], None], groups: set[int]) -> None:
        self._wake, self._groups = wake, groups
        self._main = threading.main_thread().ident or 0
        self.cancelled = threading.Event()
        self.orphaned = threading.Event()
        self.timed_out = False  # why it was cancelled
        self._lock = threading.Lock()
        self._finished = False

    def finish(self) -> bool:
        """From here on nothing stops the run any more; False if the server is gone already."""
        with self._lock:
            self._finished = True
            return not self.orphaned.is_set()

    def cancel(self, timed_out: bool = False) -> None:
        with self._lock:
            if self._finished or self.cancelled.is_set():
                return
            self.timed_out = timed_out
            self.cancelled.set()
            # miniwdl's own flag is set by signals only, and those reach Python on the main thread
            signal.pthread_kill(self._main, signal.SIGTERM)
        self._wake()

    def lost(self) -> None:
        """The server is gone: end the tasks, and in any case this process."""
        with self._lock:
            if self._finished or self.orphaned.is_set():
                return
            self.orphaned.set()
        timer = threading.Timer(_LAST_RESORT, self._give_up)
        timer.daemon = True
        timer.start()
        self.cancel()

    def _give_up(self) -> None:
        for group in list(self._groups):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        os._exit(3)


@dataclass(slots=True)
class Result:
    status: str
    failure_reason: str | None = None
    status_message: str | None = None
    failed_task: int | None = None  # the key of the one that failed the run
    outputs: dict[str, Any] = field(default_factory=dict)


def run(request: RunRequest, source: TextIO, out: TextIO) -> bool:
    """Carry a run out, talking to the server; False when the server was lost on the way."""
    events = EventStream(out)
    gate = Gate(events)
    groups: set[int] = set()
    control = Control(gate.wake, groups)
    events.on_lost = control.lost
    log_file = request.run_dir / "engine.log"
    logger = attach(events, log_file)
    with internals.termination_flag(logger) as flag:

        def stopping() -> bool:
            return flag() or control.cancelled.is_set()

        gate.watch(stopping)
        meter = StorageMeter(request.run_dir)
        meter.start()
        direct = Direct(events, control.orphaned.is_set)
        Inbox(
            source,
            on_grant=gate.grant,
            on_answer=direct.answer,
            on_cancel=control.cancel,
            on_eof=control.lost,
        ).start()
        objects = Objects(connect(request.endpoint_url, request.region), direct)
        session = Session(
            request=request,
            events=events,
            gate=gate,
            board=TaskBoard(events),
            inputs=Inputs(
                objects,
                OmicsUris(request.endpoint_url, request.region, request.account).locate,
                request.run_dir / "inputs",
                stopping,
                told=lambda uri, done: events.emit("import", uri=uri, done=done),
                writable=request.has_read_only_mounts,
            ),
            objects=objects,
            cache=None
            if request.cache is None
            else RunCache(request.cache, objects, events, request),
            stopping=stopping,
            groups=groups,
        )
        session.pause("start-seconds")
        events.emit("run", status="RUNNING", at=timestamp())
        result = _outcome(session, logger, control)
        if control.orphaned.is_set():
            return False
        if session.cache is not None and _is_cached(session, control, result):
            for key, uri in session.cache.write(result.status):
                session.board.cached(key, uri)
        if session.cache is not None:
            session.cache.settled()
        result = _export_log(session, logger, log_file, result)
        if not control.finish():
            return False
        events.flush()
        final: dict[str, Any] = {
            "failure_reason": result.failure_reason,
            "status_message": result.status_message,
            "failed_task": result.failed_task,
        }
        events.emit(
            "end",
            status=result.status,
            at=timestamp(),
            **{name: value for name, value in final.items() if value},
            metrics=meter.metrics(),
            resource_digests=session.inputs.digests,
            outputs=result.outputs,
        )
        return True


def publish(request: RunRequest, out: TextIO) -> None:
    """Write to the run cache what the tasks of a run have made whose engine ended before."""
    if request.cache is None:
        return
    objects = Objects(connect(request.endpoint_url, request.region))
    events = EventStream(out)
    cache = RunCache(request.cache, objects, events, request)
    if cache.write("FAILED") or not cache.owed():  # else the server's next start tries again
        cache.settled()
    events.flush()


def _outcome(session: Session, logger: logging.Logger, control: Control) -> Result:
    try:
        outputs = _engine(session.request.engine)(session, logger)
    except (EngineError, RunFailed, Terminated, WDL.Error.RuntimeError) as error:
        stopped = isinstance(causes(error)[-1], Cancelled | Terminated)
        if control.cancelled.is_set() or (stopped and session.board.first_failure is None):
            return Result("CANCELLED", status_message="the run was cancelled")
        result = _failure(session, error)
        logger.critical("run failed: %s: %s", result.failure_reason, result.status_message)
        return result
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            logger.critical("run failed: %s", error)
            return Result("FAILED", OutOfSpace.reason, str(error))
        # A defect of the engine itself: the run must end with an answer, and say where.
        logger.critical("the engine failed", exc_info=True)
        return Result("FAILED", "SERVICE_ERROR", f"{type(error).__name__}: {error}")
    return Result("COMPLETED", outputs=outputs)


def _failure(session: Session, error: BaseException) -> Result:
    """How the run failed: as its first failed task did, or by what the engine met."""
    task = session.board.first_failure
    if task is not None:
        message = f"task {task.name} failed: {task.status_message}"
        return Result("FAILED", task.failure_reason or "RUN_TASK_FAILED", message, task.key)
    chain = causes(error)
    for cause in chain:
        if isinstance(cause, EngineError):
            return Result("FAILED", cause.reason, str(cause))
    return Result("FAILED", "WORKFLOW_RUN_FAILED", str(chain[-1]) or type(chain[-1]).__name__)


def _engine(name: str) -> Callable[[Session, logging.Logger], dict[str, Any]]:
    """What executes a run of this language; the other engines load only if they are wanted."""
    if name in _OTHERS:
        execute: Callable[..., dict[str, Any]] = import_module(_OTHERS[name], __package__).execute
        return execute
    return _execute


def _execute(session: Session, logger: logging.Logger) -> dict[str, Any]:
    request = session.request
    logger.setLevel(_LOG_LEVEL)
    lenient = request.engine == "WDL_LENIENT"
    workflow = load(request.definition_dir, request.main, lenient=lenient)
    internals.spare()
    inputs = bind_inputs(workflow, request.parameters)
    _check_stop(session)
    session.inputs.fetch_all(_uris(workflow, inputs))
    _check_stop(session)

    backend_class = _backend(request.container_backend)
    bound = type(backend_class.__name__, (backend_class,), {"session": session})
    internals.register_plugins(
        {
            "task": [("omics", task_hook(session))],
            "container_backend": [("omics", bound)],
            "cache_backend": [("dir", CallCache)],
        }
    )
    wdl_dir = request.run_dir / "wdl"
    here: Any = f"{wdl_dir}/."  # the dot: not in a folder with the time in its name
    cfg = configuration(session, logger)
    try:
        _, outputs = WDL.runtime.run(cfg, workflow, inputs, run_dir=here)
    except RunFailed:
        failed = session.board.first_failure
        exported = failed is not None and (
            failed.failure_reason == TaskTimedOut.reason
            or request.readings["export-after-failure"] == "all"
        )
        if exported and isinstance(workflow, Tree.Workflow):
            made = session.finished.outputs(workflow, CallCache(cfg, logger), wdl_dir)
            export_outputs(session.objects, workflow.name, made, wdl_dir, request)
        raise
    _check_stop(session)
    return export_outputs(session.objects, workflow.name, outputs, wdl_dir, request)


def _backend(name: str) -> type[Any]:
    """What runs the commands of tasks; those in containers load a client of Docker."""
    if name == "process":
        return ProcessTask
    from .containers import BACKENDS

    return BACKENDS[name]


def _check_stop(session: Session) -> None:
    if session.stopping():
        raise Cancelled("the run was cancelled")


def load(definition_dir: Path, main: str, *, lenient: bool) -> Tree.Workflow | Tree.Task:
    """The workflow of a definition (or its only task); imports stay inside the definition."""
    try:
        document = loading.kept(definition_dir, main, lenient=lenient)
    except loading.FAULTS as error:
        detail = getattr(error, "exceptions", None) or [*causes(error)]
        raise DefinitionError("; ".join(str(one) for one in detail if str(one))) from error
    return loading.target(document, main)


def bind_inputs(workflow: Tree.Workflow | Tree.Task, parameters: Any) -> Env.Bindings[Value.Base]:
    """Parameters as miniwdl's values; files stay URIs, which miniwdl then asks us to fetch."""
    try:
        values = WDL.values_from_json(
            dict(parameters), workflow.available_inputs, workflow.required_inputs, workflow.name
        )
    except WDL.Error.InputError as error:
        raise ParameterError(f"check JSON input; {error}") from error
    for uri, directory in _paths(values):
        if not _is_input(uri, directory):
            raise InvalidUri(f"not an S3 URI: {uri}")
    return values


def _is_input(uri: str, directory: bool) -> bool:
    """Whether a File or Directory may be given so: read sets and references are files."""
    return uri.startswith("s3://") or (uri.startswith(SCHEME) and not directory)


def _paths(values: Env.Bindings[Value.Base]) -> Iterator[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []

    def visit(value: Value.File | Value.Directory) -> str:
        found.append((value.value, isinstance(value, Value.Directory)))
        return str(value.value)

    Value.rewrite_env_paths(values, visit)
    yield from found


def _uris(
    workflow: Tree.Workflow | Tree.Task, values: Env.Bindings[Value.Base]
) -> Iterator[tuple[str, bool]]:
    """What the run reads before it starts: its parameters and the defaults it falls back to."""
    yield from _paths(values)
    for binding in workflow.available_inputs:
        expression = binding.value.expr
        if binding.name in values or not isinstance(expression, WDL.Expr.String):
            continue
        literal, type = expression.literal, binding.value.type
        if literal is None or not isinstance(type, WDL.Type.File | WDL.Type.Directory):
            continue
        directory = isinstance(type, WDL.Type.Directory)
        if _is_input(literal.value, directory):
            yield literal.value, directory


def _is_cached(session: Session, control: Control, result: Result) -> bool:
    """Whether the run cache gets what the run's tasks have made."""
    readings = session.request.readings
    if result.failure_reason == ExportFailed.reason:
        return False
    if control.timed_out:
        return readings["cache-after-timeout"] == "completed"
    if result.failure_reason == OutOfSpace.reason:
        return readings["cache-after-full-storage"] == "completed"
    return result.status != "CANCELLED" or readings["cache-after-cancel"] == "completed"


def _export_log(session: Session, logger: logging.Logger, log_file: Path, result: Result) -> Result:
    for handler in logger.handlers:
        handler.flush()
    try:
        export_log(session.objects, log_file, session.request.output_uri)
    except ExportFailed as error:
        if result.status != "COMPLETED":  # it has a reason already; this one only goes to the log
            logger.error("%s", error)
            return result
        return Result("FAILED", error.reason, str(error))
    return result
