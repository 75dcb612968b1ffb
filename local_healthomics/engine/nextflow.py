"""Nextflow runs: the `nextflow` of this machine, told where S3 is; its trace file tells of tasks.

Nextflow schedules its tasks itself, as processes of this machine, so the run asks the server once,
for itself, and a task is seen when it has ended. What the user guide has published into
`/mnt/workflow/pubdir` goes to `pubdir/` below the run's output URI; here the path can only be given
by a parameter, which is then changed to a folder of the run.
"""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import math
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import Cancelled, EngineError, ExportFailed
from .groups import Group
from .logs import TaskLog
from .resources import GIB, Resources
from .session import Session
from .tasks import Attempt
from .transfer import S3_ERRORS

_PUBLISHED = "/mnt/workflow/pubdir"
_HEAD = 0  # the key of the run's own request for resources; tasks have keys from 1 on
_HEAD_GIB = 1
_FIELDS = "name,status,exit,cpus,memory,container,workdir,realtime,%cpu,peak_rss"
_TAIL = 2000  # characters of what nextflow said, for the run's message


def execute(session: Session, logger: logging.Logger) -> dict[str, Any]:
    """Run the pipeline; the service writes no summary of a Nextflow run's outputs either."""
    request = session.request
    published, trace = request.run_dir / "pubdir", Trace(session)
    with session.gate.hold(
        _HEAD, cpus=1, memory_gib=_HEAD_GIB, gpus=0, stopping=session.stopping
    ) as grant:
        if grant is None:
            raise Cancelled("the run was cancelled")
        said = request.run_dir / "nextflow.out"
        code = _followed(session, _command(session, published, trace.path), said, trace)
    text = said.read_text(errors="replace").strip()
    for line in text.splitlines():
        logger.info("%s", line)
    if code != 0:
        if trace.last_failure is not None:
            session.board.blame(trace.last_failure)
        raise EngineError(f"nextflow ended with status {code}\n{text[-_TAIL:]}")
    _export(session, published)
    return {}


def _command(session: Session, published: Path, trace: Path) -> list[str]:
    request = session.request
    parameters = request.run_dir / "params.json"
    parameters.write_text(
        json.dumps(_moved(dict(request.parameters), str(published), session.inputs.source))
    )
    config = request.run_dir / "local.config"
    config.write_text(
        f"aws.region = '{request.region}'\n"
        f"aws.client.endpoint = '{request.endpoint_url}'\n"
        "aws.client.s3PathStyleAccess = true\n"
        "trace.raw = true\n"
        f"trace.fields = '{_FIELDS}'\n"
    )
    return [
        "nextflow",
        "-log",
        str(request.run_dir / "nextflow.log"),
        "run",
        str(request.definition_dir / request.main),
        "-c",
        str(config),
        "-params-file",
        str(parameters),
        "-work-dir",
        str(request.run_dir / "work"),
        "-with-trace",
        str(trace),
        "-ansi-log",
        "false",
    ]


def _moved(value: Any, published: str, source: Callable[[str], str]) -> Any:
    """The parameters with the service's folder for results replaced by the run's.

    Nextflow reads S3 and nothing else: `source` knows the S3 URI behind one of HealthOmics.
    """
    if isinstance(value, dict):
        return {name: _moved(item, published, source) for name, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, published, source) for item in value]
    if isinstance(value, str):
        if value.startswith(_PUBLISHED):
            return published + value.removeprefix(_PUBLISHED)
        return source(value)
    return value


def _followed(session: Session, command: list[str], said: Path, trace: Trace) -> int:
    with said.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=session.request.run_dir,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with contextlib.closing(Group(process)) as group:
        session.groups.add(group.pid)
        try:
            for _ in group.ticks():
                trace.read()
                if session.stopping():
                    group.end()
                    raise Cancelled("the run was cancelled")
            code = group.reap()
        finally:
            session.groups.discard(group.pid)
    trace.read()
    return code


class Trace:
    """nextflow's trace file: a row for every task that has ended, added while others run."""

    def __init__(self, session: Session) -> None:
        self.path = session.request.run_dir / "trace.txt"
        self._session = session
        self._offset = 0
        self.last_failure: Attempt | None = None
        self._header: list[str] = []

    def read(self) -> None:
        """Report the rows since the last call; a row that is still being written waits."""
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace", newline="") as file:
            file.seek(self._offset)
            text = file.read()
            whole = text[: text.rfind("\n") + 1]
            self._offset += len(whole.encode())
        for row in csv.reader(whole.splitlines(), delimiter="\t"):
            if self._header:
                self._report(dict(zip(self._header, row, strict=False)))
            else:
                self._header = row

    def _report(self, row: Mapping[str, str]) -> None:
        board, registries = self._session.board, self._session.request.registries
        image = row.get("container", "")  # `-` if there is none
        attempt = board.new(
            row["name"],
            Resources(
                cpus=max(1, math.ceil(_number(row, "cpus"))),
                memory_gib=max(1, math.ceil(_number(row, "memory") / GIB)),
                image=registries.resolve(image) if image.strip("-") else None,
            ),
        )
        attempt.metrics = {
            "runningSeconds": _number(row, "realtime") / 1000,
            "cpusAverage": round(_number(row, "%cpu") / 100, 3),
            "memoryMaximumGiB": round(_number(row, "peak_rss") / GIB, 4),
        }
        if row["exit"].isdigit():
            attempt.exit_code = int(row["exit"])
        board.move(attempt, "RUNNING")
        log = os.path.join(row["workdir"], ".command.log")
        with TaskLog(self._session.events, attempt.key, [log]):
            pass  # all of it is there, and is reported on the way out
        if row["status"] in ("COMPLETED", "CACHED"):
            board.move(attempt, "COMPLETED")
        elif row["status"] == "FAILED":
            board.fail(
                attempt, "RUN_TASK_FAILED", f"command exited with status {attempt.exit_code}"
            )
            self.last_failure = attempt  # which is the run's only if nextflow does not try again
        else:
            board.cancel(attempt)


def _number(row: Mapping[str, str], field: str) -> float:
    try:
        return float(row.get(field) or 0)
    except ValueError:  # `-` where nextflow does not know
        return 0.0


def _export(session: Session, published: Path) -> None:
    uri = session.request.output_uri
    files = [
        (str(path), f"{uri}/pubdir/{path.relative_to(published)}")
        for path in sorted(published.rglob("*"))
        if path.is_file()
    ]
    try:
        session.objects.send(files)
    except S3_ERRORS as error:
        raise ExportFailed(f"could not export to {uri}: {error}") from error
