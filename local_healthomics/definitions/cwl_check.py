"""`python -m …cwl_check MAIN`: cwltool's validation of a CWL, and its parameter template."""

from __future__ import annotations

import io
import logging
import re
import sys
from pathlib import Path
from typing import Any

from cwltool.loghandler import _logger as cwltool_log
from cwltool.process import Process, shortname

from ..engine.cwl import loading
from ..engine.errors import DefinitionError
from .checked import answer, tidy_description


def check(main: str) -> dict[str, Any]:
    warnings = io.StringIO()
    cwltool_log.handlers, cwltool_log.propagate = [logging.StreamHandler(warnings)], False
    cwltool_log.setLevel(logging.WARNING)
    logging.getLogger("salad").setLevel(logging.CRITICAL)  # it shows tracebacks of what it raises
    process = loading.load(Path.cwd(), main)
    message = f"{main} is valid CWL.\n{_relative(warnings.getvalue())}".strip()
    return {"message": message, "template": template(process)}


def template(process: Process) -> dict[str, dict[str, Any]]:
    """The user guide's rule ("Parameter template files"): optional what may be null or has a
    default, described by its label."""
    found: dict[str, dict[str, Any]] = {}
    for entry in process.tool["inputs"]:
        kind = entry["type"]
        nullable = kind == "null" or (isinstance(kind, list) and "null" in kind)
        found[shortname(entry["id"])] = {
            "optional": nullable or entry.get("default") is not None,
            "description": tidy_description(entry.get("label")),
        }
    return found


def _relative(text: str) -> str:
    """The text without the definition's place on this machine, and without ids of objects."""
    here, text = Path.cwd(), re.sub(r"\(\d{9,}\) ", "", text)
    for folder, name in ((here, ""), (here.parent, "../")):
        text = text.replace(f"{folder.as_uri()}/", name).replace(f"{folder}/", name)
    return text


def main() -> int:
    cwl, faults = sys.argv[1], (*loading.FAULTS, DefinitionError)
    return answer(cwl, lambda: check(cwl), faults, lambda error: _relative(str(error)))


if __name__ == "__main__":
    sys.exit(main())
