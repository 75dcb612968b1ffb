"""Nextflow definitions: runnable where `nextflow` is on the PATH, described by their schema file.

The service derives the parameter template from nextflow_schema.json; without one, and without a
template in the request, a workflow has no parameters here. Its advisory linter is not run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..preloaded import start
from .checked import BadDefinition, Checked, Start, tidy_description

SCHEMA = "nextflow_schema.json"


def check(folder: Path, main: str, engine: str, start: Start = start) -> Checked:
    if shutil.which("nextflow") is None:
        raise BadDefinition("nextflow is not on the PATH of the local HealthOmics")
    schema = (folder / main).parent / SCHEMA
    return Checked(template=template(schema) if schema.is_file() else None)


def template(schema: Path) -> dict[str, dict[str, Any]]:
    """A parameter is optional unless its section requires it, or if it has a default."""
    found: dict[str, dict[str, Any]] = {}
    try:
        for section in _sections(json.loads(schema.read_text(encoding="utf-8"))):
            required = section.get("required", ())
            for name, entry in section.get("properties", {}).items():
                optional = name not in required or "default" in entry
                found[name] = {"optional": optional}
                if description := tidy_description(entry.get("description")):
                    found[name]["description"] = description
    except (ValueError, AttributeError, TypeError) as error:
        raise BadDefinition(f"{SCHEMA} is no schema of parameters: {error}") from error
    return found


def _sections(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema itself and its groups, which older schemas call definitions."""
    yield schema
    for groups in ("definitions", "$defs"):
        yield from schema.get(groups, {}).values()
