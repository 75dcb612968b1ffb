"""Load a CWL definition: what it refers to stays inside its folder."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cwltool.context import LoadingContext
from cwltool.errors import WorkflowException
from cwltool.load_tool import load_tool
from cwltool.process import Process
from cwltool.workflow import default_make_tool
from schema_salad.exceptions import ValidationException
from schema_salad.fetcher import DefaultFetcher

from ..errors import DefinitionError

FAULTS = (ValidationException, WorkflowException, OSError, UnicodeDecodeError)
ToolMaker = Callable[[Any, LoadingContext], Process]  # cwltool's `default_make_tool` is one


def load(root: Path, main: str, make_tool: ToolMaker = default_make_tool) -> Process:
    """The process at the path `main` below `root`; raises one of FAULTS or a DefinitionError.

    Of a packed file that holds several, it is the one with the id `#main`.
    """
    context = LoadingContext()
    context.construct_tool_object = make_tool  # type: ignore[assignment]
    context.fetcher_constructor = _contained(root.resolve())
    context.skip_schemas = True  # ontologies that documents name, mostly on the web
    context.disable_js_validation = True  # a linter's advice, for which it starts Node.js
    context.doc_cache = False
    process = load_tool(str(root / main), context)
    process.visit(_refuse_operations)
    return process


def _refuse_operations(tool: Any) -> None:
    """The user guide, CWL workflow definition specifics: operations are not supported."""
    if tool.get("class") == "Operation":
        raise DefinitionError(f"{tool.get('id')} is an Operation, which cannot be run")


def _contained(root: Path) -> Callable[..., DefaultFetcher]:
    class Contained(DefaultFetcher):
        """Reads files below `root`, and what cwltool itself brings in `cache`."""

        def fetch_text(self, url: str, content_types: list[str] | None = None) -> str:
            if url not in self.cache:
                self._check(url)
            return super().fetch_text(url, content_types)

        def check_exists(self, url: str) -> bool:
            return url in self.cache or (self._inside(url) and super().check_exists(url))

        def _check(self, url: str) -> None:
            if not self._inside(url):
                raise ValidationException(f"references must be files of the definition: {url}")

        def _inside(self, url: str) -> bool:
            split = urllib.parse.urlsplit(url)
            path = Path(urllib.request.url2pathname(split.path)).resolve()
            return split.scheme == "file" and path.is_relative_to(root)

    return Contained
