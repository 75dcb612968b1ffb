"""Load a WDL definition: imports stay inside its folder, big ones load in linear time."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import WDL
from WDL import Tree

from . import lenient as conversions
from . import miniwdl_internals as internals
from .errors import DefinitionError

FAULTS = (
    WDL.Error.SyntaxError,
    WDL.Error.ImportError,
    WDL.Error.ValidationError,
    WDL.Error.MultipleValidationErrors,
    UnicodeDecodeError,
    OSError,
)


def load(root: Path, main: str, *, lenient: bool = False) -> Tree.Document:
    """The document at the path `main` below `root`; raises one of FAULTS.

    `lenient` is for the whole process: the engine WDL_LENIENT converts more types than WDL.
    """
    internals.index_documents()
    if lenient:
        conversions.relax()
    root = root.resolve()
    with _uncollected():
        document: Tree.Document = WDL.load(
            str(root / main),
            path=[str(root)],
            check_quant=not lenient,
            read_source=_contained(root),
        )
    return document


@contextmanager
def _uncollected() -> Iterator[None]:
    """Have the collector of cycles leave alone what is made here: a definition stays to the end.

    It would walk all that has been parsed again and again, a third of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def target(document: Tree.Document, main: str) -> Tree.Workflow | Tree.Task:
    """What a run executes: the workflow, or the only task."""
    if document.workflow is not None:
        return document.workflow
    if len(document.tasks) == 1:
        return document.tasks[0]
    raise DefinitionError(f"{main} holds no workflow")


def _contained(root: Path) -> Callable[..., Awaitable[Any]]:
    async def read_source(uri: str, path: list[str], importer: Any) -> Tree.ReadSourceResult:
        if "://" in uri:
            raise DefinitionError(f"imports must be files of the definition: {uri}")
        found = Path(await WDL.resolve_file_import(uri, path, importer)).resolve()
        if not found.is_relative_to(root):
            raise DefinitionError(f"imports must be files of the definition: {uri}")
        return Tree.ReadSourceResult(found.read_text(encoding="utf-8"), str(found))

    return read_source
