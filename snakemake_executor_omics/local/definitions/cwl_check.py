"""`python -m …cwl_check MAIN`: cwltool's validation of a CWL, and its parameter template."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

from cwltool.loghandler import _logger as cwltool_log
from cwltool.process import Process, shortname

from ..engine.cwl import loading
from ..engine.errors import DefinitionError
from .checked import bound_check, tidy_description


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
    bound_check()
    try:
        answer = check(sys.argv[1])
    except (*loading.FAULTS, DefinitionError) as error:
        print(_relative(str(error)), file=sys.stderr)
        return 1
    except RecursionError:
        print(f"{sys.argv[1]} is nested too deeply", file=sys.stderr)
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
