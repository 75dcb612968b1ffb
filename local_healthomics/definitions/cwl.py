"""CWL definitions: what cwltool, the optional engine, says of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ..preloaded import start
from .checked import BadDefinition, Checked, Start, check_by

_MISSING = (
    "CWL needs cwltool, which is not installed beside the local HealthOmics:"
    " pip install '.[cwl]' in a clone of the repository"
)


def check(folder: Path, main: str, engine: str, start: Start = start) -> Checked:
    if importlib.util.find_spec("cwltool") is None:
        raise BadDefinition(_MISSING)
    return check_by("cwl_check", [main], folder, start)
