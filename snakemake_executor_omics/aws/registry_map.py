"""Read the file of `--omics-container-registry-map`, checked against the service's own model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from ..errors import SettingsError

_FLAG = "--omics-container-registry-map"
_HINT = (
    'write it as {"registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": '
    '"quay"}], "imageMappings": [{"sourceImage": "…", "destinationImage": "…"}]}'
)


def read_registry_map(path: Path) -> dict[str, Any]:
    """The map, as CreateWorkflowVersion takes it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{_FLAG}: cannot read {path}: {error.strerror or error}", hint="check the path"
        ) from error
    except ValueError as error:
        raise SettingsError(f"{_FLAG}: {path} is not JSON: {error}", hint=_HINT) from error
    model = botocore.session.get_session().get_service_model("omics")
    request: Any = model.operation_model("CreateWorkflowVersion").input_shape
    shape = request.members["containerRegistryMap"]
    report = ParamValidator().validate(content, shape)
    if report.has_errors():
        raise SettingsError(f"{_FLAG}: {path}: {report.generate_report()}", hint=_HINT)
    # botocore lets unknown members pass, and the service would ignore the misspelt ones.
    if unknown := sorted(set(content) - set(shape.members)):
        raise SettingsError(f"{_FLAG}: {path}: unknown {', '.join(unknown)}", hint=_HINT)
    checked: dict[str, Any] = content
    return checked
