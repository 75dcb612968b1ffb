"""The source of functions and classes that Snakefiles and modules define.

A Snakefile is read again through Snakemake's parser, which keeps no text of what it made of it, and
what is found is compared with what Snakemake runs: a file that has changed meanwhile is no source.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from .internals import python_of

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Text:
    """A file's Python, and the code objects of its functions by their first line."""

    tree: ast.Module
    codes: dict[int, list[CodeType]]


class Snakefiles:
    """The Snakefiles of a workflow."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._files = {file.get_path_or_uri(secret_free=True): file for file in workflow.included}

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def label(self, path: str, workdir: str) -> str:
        """What a file is called in messages of tasks, wherever the project lies."""
        relative = os.path.relpath(path, workdir)
        return os.path.basename(path) if relative.startswith("..") else relative

    def function(self, code: CodeType) -> _Function | None:
        """The definition that `code` was made of, None where that cannot be told."""
        text = self._text(code.co_filename)
        if text is None:
            return None
        fresh = text.codes.get(code.co_firstlineno, [])
        if not any(_same(code, other) for other in fresh):
            return None
        found = [
            node
            for node in ast.walk(text.tree)
            if isinstance(node, _Function) and _begins(node) == code.co_firstlineno
        ]
        if code.co_name == "<lambda>":
            lambdas = [node for node in found if isinstance(node, ast.Lambda)]
            return min((n for n in lambdas if _holds(n, code)), key=_extent, default=None)
        return next((node for node in found if not isinstance(node, ast.Lambda)), None)

    def classes(self, path: str, name: str) -> list[ast.ClassDef]:
        """The classes of that name at the top of a file."""
        text = self._text(path)
        nodes = ast.walk(text.tree) if text is not None else ()
        return [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == name]

    def _text(self, path: str) -> Text | None:
        try:
            if path in self._files:
                return _read_snakefile(path, _changed(path), _Hidden((self._workflow, self._files)))
            return _read_module(path, _changed(path))
        except (OSError, SyntaxError, ValueError):
            return None


def snakefiles_of(workflow: Any) -> list[str]:
    """The paths of a workflow's Snakefiles on this machine."""
    return [file.get_path_or_uri(secret_free=True) for file in workflow.included if file.is_local]


class _Hidden:
    """Something that a cache does not tell apart, nor keep once it was taken."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def taken(self) -> Any:
        value, self._value = self._value, None
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden)

    def __hash__(self) -> int:
        return 0


def _changed(path: str) -> int:
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


@lru_cache(maxsize=1_000)
def _read_snakefile(path: str, changed: int, hidden: _Hidden) -> Text:
    workflow, files = hidden.taken()
    return _parsed(python_of(workflow, files[path]), path)


@lru_cache(maxsize=1_000)
def _read_module(path: str, changed: int) -> Text:
    with open(path, encoding="utf-8") as file:
        return _parsed(file.read(), path)


def _parsed(text: str, path: str) -> Text:
    codes: dict[int, list[CodeType]] = {}
    for code in _nested(compile(text, path, "exec", dont_inherit=True)):
        codes.setdefault(code.co_firstlineno, []).append(code)
    return Text(ast.parse(text), codes)


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _same(code: CodeType, other: CodeType) -> bool:
    """Whether both do the same; names of rules without one depend on those before."""
    return (
        code.co_code == other.co_code
        and code.co_names == other.co_names
        and code.co_varnames == other.co_varnames
        and code.co_freevars == other.co_freevars
        and len(code.co_consts) == len(other.co_consts)
        and all(
            _same(a, b)
            if isinstance(a, CodeType) and isinstance(b, CodeType)
            else repr(a) == repr(b)
            for a, b in zip(code.co_consts, other.co_consts, strict=True)
        )
    )


def _begins(node: _Function) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _holds(node: ast.Lambda, code: CodeType) -> bool:
    """Whether what `code` does stands in the body of `node`."""
    begin = (node.body.lineno, node.body.col_offset)
    end = (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    places = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if line and end_line and column is not None and end_column  # not what has no source
    ]
    return all(begin <= first and last <= end for first, last in places)


def _extent(node: ast.Lambda) -> tuple[int, int]:
    lines = (node.end_lineno or 0) - node.lineno
    return lines, (node.end_col_offset or 0) - (0 if lines else node.col_offset)
