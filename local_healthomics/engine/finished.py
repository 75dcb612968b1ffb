"""What the finished calls of a run have made, for a run that ends before its outputs are complete.

The service exports the outputs of finished tasks when another task exceeds its omicsTimeout
(user guide, "Task timeouts"). Only calls of the workflow itself count, not those in a scatter or
a subworkflow: an output of the run that names them cannot be known before all of them are done.
"""

from __future__ import annotations

import threading
from pathlib import Path

import WDL
from WDL import Env, Tree, Value
from WDL.runtime.cache import CallCache

from .miniwdl_internals import linked

_TOP = 2  # ids on the stack of a call of the workflow itself: the run's, the call's


class FinishedCalls:
    """The outputs of calls, by the names that expressions of the workflow have for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Env.Bindings[Value.Base] = Env.Bindings()

    def add(self, run_id_stack: list[str], outputs: Env.Bindings[Value.Base]) -> None:
        if len(run_id_stack) != _TOP:
            return
        call = run_id_stack[-1].removeprefix("call-")
        with self._lock:
            for binding in outputs:
                self._known = self._known.bind(f"{call}.{binding.name}", binding.value)

    def outputs(
        self, workflow: Tree.Workflow, cache: CallCache, wdl_dir: Path
    ) -> Env.Bindings[Value.Base]:
        """The run's outputs that can be evaluated, linked as those of a complete run are."""
        found: Env.Bindings[Value.Base] = Env.Bindings()
        stdlib = WDL.StdLib.Base(workflow.effective_wdl_version)
        for output in workflow.outputs or []:
            if output.expr is None:
                continue
            try:
                value = output.expr.eval(self._known, stdlib).coerce(output.type)
            except (WDL.Error.RuntimeError, KeyError, NotImplementedError):
                # It needs what was never made, or a file's content, which nobody asks for now.
                continue
            found = found.bind(output.name, value)
        return linked(cache, found, str(wdl_dir))
