"""`python -m …wdl_check [--lenient] MAIN`: miniwdl's check of a WDL, and its parameter template.

The message is the text of `miniwdl check`: an outline with what the linter found, or the errors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import WDL

from ..engine import loading
from ..engine import miniwdl_internals as internals
from ..engine.errors import DefinitionError
from .checked import answer, tidy_description

_VERSIONS = ("draft-2", "1.0", "1.1", "development")


def check(main: str, *, lenient: bool) -> dict[str, Any]:
    document = loading.load(Path.cwd(), main, lenient=lenient)
    _check_versions(document)
    loading.keep(document, Path.cwd(), main, lenient=lenient)
    message = f"{Path(main).name}\n{internals.outline(document)}".strip()
    return {"message": message, "template": template(loading.target(document, main))}


def _check_versions(document: WDL.Tree.Document) -> None:
    """miniwdl knows a later version than the user guide's "WDL workflow definition specifics"."""
    if document.wdl_version not in _VERSIONS:
        raise DefinitionError(
            f"({Path(document.pos.uri).name}) unknown WDL version {document.wdl_version};"
            f" choices: {', '.join(_VERSIONS)}"
        )
    for imported in document.imports:
        if imported.doc is not None:
            _check_versions(imported.doc)


def template(target: WDL.Tree.Workflow | WDL.Tree.Task) -> dict[str, dict[str, Any]]:
    """An input is optional if its type is or if it has a default; parameter_meta describes it."""
    found: dict[str, dict[str, Any]] = {}
    for binding in target.available_inputs or []:
        if "." in binding.name:  # an input of a call, which a run cannot set
            continue
        optional = binding.value.type.optional or binding.value.expr is not None
        found[binding.name] = {"optional": bool(optional)}
        meta = target.parameter_meta.get(binding.name)
        text = meta.get("description") or meta.get("help") if isinstance(meta, dict) else meta
        if description := tidy_description(text):
            found[binding.name]["description"] = description
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lenient", action="store_true")
    parser.add_argument("main")
    options = parser.parse_args()
    return answer(
        options.main,
        lambda: check(options.main, lenient=options.lenient),
        (*loading.FAULTS, DefinitionError),
        _words,
    )


def _words(error: Exception) -> str:
    return internals.error_text(error).replace(f"{Path.cwd()}/", "")


if __name__ == "__main__":
    sys.exit(main())
