"""miniwdl's task plugin: the beginning and the end of every task, reported to the server.

miniwdl drives it as a coroutine: inputs, then the container about to run, then the outputs. What
goes wrong anywhere in the task is thrown in here.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Generator
from typing import Any

from WDL import Tree
from WDL.runtime.error import Terminated

from .backend import OmicsTask, TaskTimedOut
from .errors import EngineError, OutOfSpace
from .resources import InvalidResource
from .session import Session
from .tasks import Attempt

_CALL = "call-"  # how miniwdl's ids of calls begin
Coroutine = Generator[dict[str, Any], dict[str, Any], None]


def causes(error: BaseException) -> list[BaseException]:
    """An exception and what it came from, outermost first."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__
    return chain


def explain(error: BaseException) -> tuple[str, str]:
    """Failure reason and message of a task that did not fail by its exit status."""
    for cause in causes(error):
        if isinstance(cause, EngineError):
            return cause.reason, str(cause)
        if isinstance(cause, TaskTimedOut):
            return cause.reason, str(cause)
        if isinstance(cause, InvalidResource):
            return cause.reason, str(cause)
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return OutOfSpace.reason, str(cause)
    return "RUN_TASK_FAILED", str(error) or type(error).__name__


def call_name(run_id_stack: list[str], task: Tree.Task) -> str:
    """The service names a task after its call: its alias, and in a scatter its place there.

    A task that is run for itself has no call, and its own name.
    """
    return run_id_stack[-1].removeprefix(_CALL) if len(run_id_stack) > 1 else task.name


def _stop(session: Session, attempt: Attempt) -> None:
    """The end of a task that was ended: by the run's, or because another one failed."""
    failed = session.board.first_failure
    alike = session.request.readings["stopped-tasks"] == "FAILED"
    running = attempt.status in ("STARTING", "RUNNING")
    if failed is None or failed.failure_reason == TaskTimedOut.reason or not (alike and running):
        session.board.cancel(attempt)
    else:
        session.board.fail(attempt, "RUN_TASK_FAILED", "Terminated", stopped=True)


def task_hook(session: Session) -> Callable[..., Coroutine]:
    """The plugin for one run."""
    board = session.board

    def hook(
        cfg: Any,
        logger: logging.Logger,
        run_id_stack: list[str],
        run_dir: str,
        task: Tree.Task,
        **received: Any,
    ) -> Coroutine:
        session.pace()
        attempt = board.new(call_name(run_id_stack, task))
        container: OmicsTask | None = None
        try:
            received = yield received
            container = received["container"]
            assert isinstance(container, OmicsTask)
            container.begin(task, attempt)
            received = yield received
            attempt = container.attempt
            container.finish(received["outputs"], run_dir)
            session.finished.add(run_id_stack, received["outputs"])
            board.move(attempt, "COMPLETED")
            if session.cache is not None and (uri := session.cache.write_at_once(attempt.key)):
                board.cached(attempt.key, uri)
            yield received
        except Exception as error:
            if container is not None:
                attempt = container.attempt
            if isinstance(error, Terminated):
                if not attempt.is_final:
                    _stop(session, attempt)
            else:
                if not attempt.is_final:
                    board.fail(attempt, *explain(error))
                board.blame(attempt)
                session.gate.wake()
            raise

    return hook
