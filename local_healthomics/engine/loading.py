"""Load a WDL definition: imports stay inside its folder, big ones load in linear time.

What a check has loaded is kept beside the folder for the runs: to read it takes a twentieth of the
time. It is a pickle, and trusted as all of the service's state is, which tasks do not see.
"""

from __future__ import annotations

import gc
import pickle
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import WDL
from WDL import Tree

from ..removing import remove
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


# Environments are chains of a link for each output of a call: about ten calls of the pickler each.
_DEPTH, _STACK = 50_000, 512 * 1024 * 1024
_FORMAT = 1  # of what is kept; raise it when `miniwdl_internals` gives documents other members


def load(root: Path, main: str, *, lenient: bool = False) -> Tree.Document:
    """The document at the path `main` below `root`; raises one of FAULTS.

    `lenient` is for the whole process: the engine WDL_LENIENT converts more types than WDL.
    """
    _prepare(lenient)
    root = root.resolve()
    with _uncollected():
        document: Tree.Document = WDL.load(
            str(root / main),
            path=[str(root)],
            check_quant=not lenient,
            read_source=_contained(root),
        )
    return document


def _prepare(lenient: bool) -> None:
    internals.index_documents()
    if lenient:
        conversions.relax()


def keep(document: Tree.Document, root: Path, main: str, *, lenient: bool) -> None:
    """Leave a loaded document for `kept`, unless it is too deep or cannot be written."""

    def write() -> None:
        place = _place(root)
        draft = place.with_suffix(".draft")
        try:
            with draft.open("wb") as file:
                pickle.dump(_made_by(root, main, lenient), file)
                pickle.dump(document, file, pickle.HIGHEST_PROTOCOL)
            draft.replace(place)
        except Exception:  # whatever it is: runs load the definition themselves
            remove(draft, within=place.parent)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK)
    sys.setrecursionlimit(_DEPTH)
    try:
        writer = threading.Thread(target=write)
        writer.start()
        writer.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)


def kept(root: Path, main: str, *, lenient: bool = False) -> Tree.Document:
    """The document as a check has left it; loaded anew where there is none of these versions."""
    try:
        with _place(root).open("rb") as file, _uncollected():
            if pickle.load(file) == _made_by(root, main, lenient):
                document: Tree.Document = pickle.load(file)
                _prepare(lenient)
                return document
    except Exception:  # none is there, or it is damaged
        pass
    return load(root, main, lenient=lenient)


def _place(root: Path) -> Path:
    return root.parent / f"{root.name}.loaded"


def _made_by(root: Path, main: str, lenient: bool) -> tuple[object, ...]:
    return (_FORMAT, version("miniwdl"), sys.version, str(root.resolve()), main, lenient)


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
