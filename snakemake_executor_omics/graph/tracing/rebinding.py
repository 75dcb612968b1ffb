"""Copies of functions that see other `int` and `float` builtins, for tracing `int(input.size_mb)`.

CPython's `int(x)` always returns an exact int, so a symbol cannot survive it; the only way is
that the name `int` means something else inside the traced function. `rebound` copies a function
with changed globals, and follows what it closes over: Snakemake's wrappers
(`Resource._wrap_evaluator`, `standardize_size`) hold the user's function in closure cells, and its
command-line expressions reach Python's `eval` through `cls.cli_evaluator`. Functions called by
global name are followed within the same Snakefile only, not into libraries, which may keep state
in their globals. Nothing that other code can see is changed.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from types import CellType, CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any

from ..internals import cli_evaluator_of, evaluator_of, with_evaluator


def rebound(value: Any, names: Mapping[str, object]) -> Any:
    """`value` (a function, or an object that holds one) with `names` laid over its globals."""
    return _Rebinder(names).rebind(value)


class _Rebinder:
    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._done: dict[int, Any] = {}
        self._kept: list[Any] = []  # an id is only unique while its object lives
        self._namespaces: dict[int, dict[str, Any]] = {}

    def rebind(self, value: Any) -> Any:
        if id(value) in self._done:
            return self._done[id(value)]
        self._kept.append(value)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return MethodType(self.rebind(value.__func__), self.rebind(value.__self__))
        if isinstance(value, functools.partial):
            return functools.partial(self.rebind(value.func), *value.args, **value.keywords)
        if (evaluator := cli_evaluator_of(value)) is not None:
            return SimpleNamespace(cli_evaluator=self._cli_evaluator(evaluator))
        if (evaluator := evaluator_of(value)) is not None:
            holder = self._done[id(value)] = copy.copy(value)
            with_evaluator(holder, self.rebind(evaluator))
            return holder
        return value

    def _function(self, function: FunctionType) -> FunctionType:
        original_names = function.__globals__
        if id(original_names) not in self._namespaces:
            self._namespaces[id(original_names)] = {**original_names, **self._names}
        namespace = self._namespaces[id(original_names)]
        cells = function.__closure__
        closure = None if cells is None else tuple(CellType() for _ in cells)
        copied = FunctionType(
            function.__code__, namespace, function.__name__, function.__defaults__, closure
        )
        copied.__kwdefaults__ = function.__kwdefaults__
        copied.__dict__.update(function.__dict__)
        self._done[id(function)] = copied  # before descending: functions may refer to themselves
        wrapped = function.__dict__.get("__wrapped__")
        if wrapped is not None:
            copied.__dict__["__wrapped__"] = self.rebind(wrapped)
        for cell, original in zip(closure or (), cells or (), strict=True):
            try:
                content = original.cell_contents
            except ValueError:  # not assigned yet
                continue
            cell.cell_contents = self.rebind(content)
        for name in set(_names_in(function.__code__)) - self._names.keys():
            called = original_names.get(name)
            if isinstance(called, FunctionType) and called.__globals__ is original_names:
                namespace[name] = self.rebind(called)
        return copied

    def _cli_evaluator(self, evaluator: FunctionType) -> FunctionType:
        def evaluate(expression: str, namespace: dict[str, object]) -> object:
            return eval(expression, {**namespace, **self._names})  # as Snakemake would

        namespace = {**evaluator.__globals__, "eval": evaluate}
        copied = FunctionType(evaluator.__code__, namespace, evaluator.__name__)
        copied.__kwdefaults__ = evaluator.__kwdefaults__
        return copied


def _names_in(code: CodeType) -> Iterator[str]:
    """Global and attribute names in a function, its lambdas and its comprehensions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
