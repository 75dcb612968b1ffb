"""A run's parameters, held against the parameter template of its workflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ValidationFault

_FILE_BYTES = 16 * 1024 * 1024


def check(parameters: Any, template: Mapping[str, Any]) -> None:
    """ValidationException if one is missing.

    Names that the template does not have are the engine's to refuse, when the run has started
    (published runs: `check JSON input; unknown input/output`, minutes after StartRun). They may
    have the workflow's name before them.
    """
    if not isinstance(parameters, dict):
        raise ValidationFault("parameters must be a JSON object")
    given = {name.rpartition(".")[2] for name, value in parameters.items() if value is not None}
    missing = sorted(
        name for name, entry in template.items() if not entry.get("optional") and name not in given
    )
    if missing:
        raise ValidationFault(f"missing required parameters: {', '.join(missing)}")


def check_size(parameters: Any, most: int) -> None:
    size = len(json.dumps(parameters, separators=(",", ":"), ensure_ascii=False).encode())
    if size > most:
        raise ValidationFault(f"parameters are {size} bytes, more than {most}")


def read(path: Path | None, uri: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters in the file that `parametersUri` names, checked."""
    if path is None:
        raise ValidationFault(f"cannot read parametersUri {uri}")
    if path.stat().st_size > _FILE_BYTES:
        raise ValidationFault(f"the file of parametersUri is larger than {_FILE_BYTES} bytes")
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValidationFault(f"the file of parametersUri is no JSON: {error}") from error
    check(found, template)
    return dict(found)
