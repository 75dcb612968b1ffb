"""A local HealthOmics in this process, which counts what it is asked, and a Snakemake beside it."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measure

from local_healthomics.errors import Fault
from local_healthomics.operations.registry import HANDLERS
from local_healthomics.options import ServerOptions
from local_healthomics.protocol.rest_json import Protocol
from local_healthomics.server import Server

HERE = Path(__file__).parent
SHAPES = ("wide", "chains", "gather", "diamonds")  # of `graphs.smk`
INSTANT = (sys.executable, str(HERE / "instant_engine.py"))


class Service(Server):
    """`calls` has the operations of HealthOmics by name, and the methods of everything else.

    `times` has when each operation was asked for.
    """

    def __init__(self, state: Path, engine: Sequence[str] | None) -> None:
        self.calls: Counter[str] = Counter()
        self.times: dict[str, list[float]] = {}
        self._names = Protocol(HANDLERS)
        super().__init__(state, ServerOptions(), engine=engine, stop=threading.Event())

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            operation, _ = self._names.match(method, path)
            self.calls[operation.name] += 1
            self.times.setdefault(operation.name, []).append(time.perf_counter())
        except Fault:
            self.calls[f"S3 {method}" if "omics-local" in path else f"other {method}"] += 1
        return super()._answer(environ, start_response)


@contextmanager
def running(workdir: Path, engine: Sequence[str] | None = INSTANT) -> Iterator[Service]:
    """The service that the plugin finds in this project's folder."""
    state = workdir / ".snakemake" / "omics" / "local"
    state.parent.mkdir(parents=True, exist_ok=True)
    service = Service(state, engine)
    service.start()
    try:
        yield service
    finally:
        service.close()


def snakemake(workdir: Path, executor: str, shape: str, jobs: int, *more: str) -> measure.Usage:
    """One call of Snakemake on the graphs of `graphs.smk`, of this executor."""
    shutil.copy(HERE / "graphs.smk", workdir / "Snakefile")
    found = os.environ.get("PYTHONPATH")
    paths = [str(HERE / "plugins"), str(HERE.parent), *([found] if found else [])]
    where = ["--omics-endpoint", "local"] if executor == "omics" else []
    return measure.command(
        [
            *("snakemake", "--executor", executor, *where),
            *(more or ("--jobs", "100000")),
            *("--config", f"shape={shape}", f"jobs={jobs}"),
        ],
        workdir,
        {**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
