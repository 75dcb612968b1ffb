"""`python -m …wdl_inputs MAIN`: the parameter template that a definition implies, as JSON.

A process of its own beside `miniwdl check`, so that the server never loads miniwdl.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import WDL


def template(main: str) -> dict[str, dict[str, Any]]:
    document = WDL.load(main)
    target = document.workflow or (document.tasks[0] if len(document.tasks) == 1 else None)
    if target is None:
        raise SystemExit(f"{main} holds no workflow")
    found: dict[str, dict[str, Any]] = {}
    for binding in target.available_inputs or []:
        if "." in binding.name:  # an input of a call, which a run cannot set
            continue
        optional = binding.value.type.optional or binding.value.expr is not None
        found[binding.name] = {"optional": bool(optional)}
        meta = target.parameter_meta.get(binding.name)
        text = meta.get("description") or meta.get("help") if isinstance(meta, dict) else meta
        if isinstance(text, str) and text:
            found[binding.name]["description"] = " ".join(text.split())[:256]
    return found


if __name__ == "__main__":
    json.dump(template(sys.argv[1]), sys.stdout)
