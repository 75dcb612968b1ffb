"""One CWL run: load, fetch, execute all that is ready at once, export."""

from __future__ import annotations

import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cwltool.context import RuntimeContext
from cwltool.errors import WorkflowException
from cwltool.executors import JobExecutor
from cwltool.loghandler import _logger as cwltool_log
from cwltool.process import Process
from schema_salad.exceptions import ValidationException

from ..errors import Cancelled, DefinitionError, EngineError
from ..session import Session
from .inputs import job_order
from .loading import FAULTS, load
from .outputs import export_outputs
from .tools import tool_maker

_THREADS = 200  # tasks that wait for a grant each hold one
_LOOK = 0.5  # seconds until the loop looks again whether the run is to end


def execute(session: Session, logger: logging.Logger) -> dict[str, Any]:
    """Run the workflow; returns what outputs.json holds."""
    request = session.request
    cwltool_log.handlers, cwltool_log.propagate = list(logger.handlers), False
    cwltool_log.setLevel(logging.INFO)
    try:
        process = load(request.definition_dir, request.main, tool_maker(session))
    except FAULTS as error:
        raise DefinitionError(str(error)) from error
    order = job_order(process, request.parameters, session.inputs)
    _check_stop(session)
    try:
        outputs, status = Executor(session).execute(process, order, _context(session), cwltool_log)
    except (WorkflowException, ValidationException) as error:
        raise EngineError(str(error)) from error
    _check_stop(session)
    if status != "success":
        raise EngineError(f"the workflow ended with {status}")
    return export_outputs(session.objects, outputs, request)


def _check_stop(session: Session) -> None:
    if session.stopping():
        raise Cancelled("the run was cancelled")


def _context(session: Session) -> RuntimeContext:
    request = session.request
    work = request.run_dir / "cwl"
    work.mkdir()
    backend = request.container_backend
    return RuntimeContext(
        {
            "basedir": str(request.definition_dir),
            "outdir": str(request.run_dir / "out"),
            "tmpdir_prefix": f"{work}/tmp-",
            "tmp_outdir_prefix": f"{work}/work-",
            "compute_checksum": False,  # the summary has none
            "select_resources": _select_resources,
            "use_container": backend != "process",
            "podman": backend == "podman",
            "singularity": backend == "apptainer",
        }
    )


def _select_resources(request: Any, _: RuntimeContext) -> dict[str, int | float]:
    """A task gets what it asks for at least, whatever this machine has."""
    kinds = {name.removesuffix("Min") for name in request if name.endswith("Min")}
    chosen = {kind: math.ceil(request[f"{kind}Min"]) for kind in kinds}
    return {
        **{kind: chosen[kind] for kind in chosen if kind not in ("tmpdir", "outdir")},
        "tmpdirSize": chosen["tmpdir"],
        "outdirSize": chosen["outdir"],
    }


class Executor(JobExecutor):
    """Runs every job in a thread as soon as it is ready; the server says when it may start."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._running = 0
        self._errors: list[Exception] = []

    def run_jobs(
        self,
        process: Process,
        job_order_object: Any,
        logger: logging.Logger,
        runtime_context: RuntimeContext,
    ) -> None:
        changed = runtime_context.workflow_eval_lock
        assert changed is not None
        jobs = process.job(job_order_object, self.output_callback, runtime_context)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="cwl") as threads, changed:
            for job in jobs:
                if job is not None:
                    self.output_dirs.add(getattr(job, "outdir", "") or "")
                    self._running += 1
                    threads.submit(self._run, job, runtime_context, changed)
                elif not self._running or self._errors or self._session.stopping():
                    break
                else:
                    changed.wait(_LOOK)
            while self._running:
                changed.wait(_LOOK)
        if self._errors:
            raise self._errors[0]

    def _run(self, job: Any, context: RuntimeContext, changed: threading.Condition) -> None:
        try:
            job.run(context)
        except Exception as error:  # a thread has nobody above it to tell: `run_jobs` raises it
            self._errors.append(error)
        finally:
            with changed:
                self._running -= 1
                changed.notify_all()
