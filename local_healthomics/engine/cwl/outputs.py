"""The results of a CWL run on S3: files in out/, and their summary in logs/outputs.json.

The layout and the members of a file in the summary are the user guide's ("Run output summary for
CWL").
"""

from __future__ import annotations

import os
from typing import Any

from schema_salad.ref_resolver import uri_file_path

from ..errors import ExportFailed
from ..export import put_summary
from ..request import RunRequest
from ..transfer import S3_ERRORS, Objects

_KEPT = ("class", "basename", "size", "secondaryFiles", "listing", "format")


def export_outputs(objects: Objects, outputs: Any, request: RunRequest) -> dict[str, Any]:
    """Upload every file of the outputs; returns what outputs.json holds."""
    files: list[tuple[str, str]] = []
    output_uri = request.output_uri

    def exported(value: Any) -> Any:
        if isinstance(value, list):
            return [exported(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("class") not in ("File", "Directory"):
            return {name: exported(item) for name, item in value.items()}
        path = uri_file_path(value["location"])
        uri = f"{output_uri}/{os.path.relpath(path, request.run_dir)}"
        if value["class"] == "File":
            files.append((path, uri))
        kept = {name: exported(value[name]) for name in _KEPT if value.get(name)}
        return {"location": uri, **kept}

    summary: dict[str, Any] = exported(outputs)
    try:
        objects.send(files)
        put_summary(objects, request, summary)
    except S3_ERRORS as error:
        raise ExportFailed(f"could not export to {output_uri}: {error}") from error
    return summary
