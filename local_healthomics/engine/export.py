"""The run's results on S3: outputs in miniwdl's out/ layout, their summary, the engine's log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import WDL
from WDL import Env, Value

from .errors import ExportFailed
from .request import RunRequest
from .transfer import S3_ERRORS, Objects


def export_outputs(
    objects: Objects,
    workflow: str,
    outputs: Env.Bindings[Value.Base],
    wdl_dir: Path,
    request: RunRequest,
) -> dict[str, Any]:
    """Upload every file of the outputs; returns what outputs.json holds."""
    output_uri = request.output_uri
    files: dict[str, str] = {}

    def place(path: str) -> str:
        uri = f"{output_uri}/{os.path.relpath(path, wdl_dir)}"
        files[uri] = path
        return uri

    def visit(value: Value.File | Value.Directory) -> str:
        if not isinstance(value, Value.Directory):
            return place(value.value)
        for base, _folders, names in os.walk(value.value):
            for name in names:
                place(os.path.join(base, name))
        return f"{output_uri}/{os.path.relpath(value.value, wdl_dir)}"

    moved = Value.rewrite_env_paths(outputs, visit)
    summary: dict[str, Any] = WDL.values_to_json(moved, workflow)
    try:
        objects.send([(path, uri) for uri, path in files.items()])
        put_summary(objects, request, summary)
    except S3_ERRORS as error:
        raise ExportFailed(f"could not export to {output_uri}: {error}") from error
    return summary


def put_summary(objects: Objects, request: RunRequest, summary: dict[str, Any]) -> None:
    """The summary of a run's outputs, where and as it is read to be."""
    where, form = request.readings["outputs-summary"], request.readings["outputs-form"]
    if where == "absent":
        return
    found: Any = summary
    if form == "list":
        found = [{name: value} for name, value in summary.items()]
    objects.send_json((json.dumps(found, indent=2), f"{request.output_uri}/{where}"))


def export_log(objects: Objects, log_file: Path, output_uri: str) -> None:
    try:
        objects.send([(str(log_file), f"{output_uri}/logs/engine.log")])
    except S3_ERRORS as error:
        raise ExportFailed(f"could not export to {output_uri}: {error}") from error
