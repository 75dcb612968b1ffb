"""What a piece of Python takes from its surroundings, by its syntax tree."""

from __future__ import annotations

import ast
import copy
import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Config:
    """Which keys of the configuration are used; None for any."""

    keys: frozenset[object] | None

    def __or__(self, other: Config) -> Config:
        if self.keys is None or other.keys is None:
            return Config(None)
        return Config(self.keys | other.keys)

    @classmethod
    def of(cls, node: ast.AST) -> Config:
        """The keys that the code names as they are: `config["a"]`, `config.get("a")`, `in`."""
        named = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == "config"]
        keys = list(_static_keys(node))
        return cls(frozenset(keys) if len(keys) == len(named) else None)

    @classmethod
    def of_text(cls, keys: list[str]) -> Config:
        return cls(frozenset(int(key) if key.isdigit() else key for key in keys) if keys else None)


def _is_config(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "config"


def _static_keys(node: ast.AST) -> Iterator[object]:
    for found in ast.walk(node):
        match found:
            case ast.Subscript(value=value, slice=ast.Constant(value=key)) if _is_config(value):
                if isinstance(found.ctx, ast.Load):
                    yield key
            case ast.Call(
                func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=key), *_]
            ) if _is_config(value):
                yield key
            case ast.Compare(
                left=ast.Constant(value=key), ops=[ast.In() | ast.NotIn()], comparators=[value]
            ) if _is_config(value):
                yield key


class _Cleaner(ast.NodeTransformer):
    """Without what is evaluated where a function is defined: that has happened here."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._without_annotations(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._without_annotations(node)

    def _without_annotations(self, node: _Function) -> ast.AST:
        node.returns = None
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            argument.annotation = None
        for rest in (given.vararg, given.kwarg):
            if rest is not None:
                rest.annotation = None
        self.generic_visit(node)
        return node


def clean(node: ast.AST) -> ast.AST:
    """The code without annotations, and a function without decorators and defaults: what these are
    was found out here."""
    made: ast.AST = _Cleaner().visit(copy.deepcopy(node))
    if isinstance(made, _Function | ast.Lambda):
        none = ast.Constant(None)
        made.args.defaults = [none for _ in made.args.defaults]
        made.args.kw_defaults = [default and none for default in made.args.kw_defaults]
        if not isinstance(made, ast.Lambda):
            made.decorator_list = []
    return ast.fix_missing_locations(made)


def wrapped(node: _Function | ast.Lambda, around: tuple[str, ...]) -> tuple[str, str]:
    """A name, and the text that defines the function by it, without defaults and decorators.

    Where the function uses variables `around` it, the name is that of a function of them.
    """
    made = clean(node)
    assert isinstance(made, _Function | ast.Lambda)
    body: list[ast.stmt]
    if isinstance(made, ast.Lambda):
        name = "made"
        body = [ast.Assign([ast.Name(name, ast.Store())], made)]
    else:
        name = made.name
        body = [made]
    if around:
        arguments = ast.arguments(
            posonlyargs=[],
            args=[ast.arg(variable) for variable in around],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
        )
        body.append(ast.Return(ast.Name(name, ast.Load())))
        outer = ast.FunctionDef("around", arguments, body, [], lineno=1)
        name, body = "around", [outer]
    return name, ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))


class _WithoutNonlocal(ast.NodeTransformer):
    """Variables of a function around this one are no global names, and it does not stand there."""

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        return ast.Pass()


def names_of(node: ast.AST) -> set[str]:
    """The global names that clean code reads."""
    node = _WithoutNonlocal().visit(copy.deepcopy(node))
    body = ast.Expr(node) if isinstance(node, ast.expr) else node
    module = ast.Module([body], [])  # type: ignore[list-item]
    code = compile(ast.fix_missing_locations(module), "", "exec", dont_inherit=True)
    return set(_global_names(code))


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def constants_of(node: ast.AST) -> list[str]:
    """The texts that the code holds."""
    return [
        found.value
        for found in ast.walk(node)
        if isinstance(found, ast.Constant) and isinstance(found.value, str)
    ]


def imports_of(node: ast.AST) -> set[str]:
    """The modules that the code imports when it runs."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            found |= {name.name for name in part.names}
        elif isinstance(part, ast.ImportFrom) and part.module and not part.level:
            found.add(part.module)
            found |= {f"{part.module}.{name.name}" for name in part.names}
    return found


def dotted_of(node: ast.AST) -> list[tuple[str, ...]]:
    """The names that the code reads with what follows them by dots: `a.b.c`."""
    found: dict[tuple[str, ...], None] = {}
    for part in ast.walk(node):
        chain: list[str] = []
        while isinstance(part, ast.Attribute):
            chain.append(part.attr)
            part = part.value
        if chain and isinstance(part, ast.Name):
            found[(part.id, *reversed(chain))] = None
    return sorted(found)


def attributes_of(node: ast.AST, name: str) -> tuple[int, list[str]]:
    """How often the code names something, and the attributes of it that it reads."""
    parts = list(ast.walk(node))
    count = sum(isinstance(part, ast.Name) and part.id == name for part in parts)
    return count, [
        part.attr
        for part in parts
        if isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name)
        and part.value.id == name
    ]


_LISTING = frozenset({"listdir", "scandir", "walk", "glob", "iglob", "glob_wildcards"})


def listings_of(node: ast.AST) -> list[str]:
    """The folders and patterns, written as they are, that the code lists."""
    found = []
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and part.args and isinstance(part.args[0], ast.Constant):
            called = getattr(part.func, "attr", getattr(part.func, "id", None))
            pattern = part.args[0].value
            if called in _LISTING and isinstance(pattern, str):
                found.append(pattern)
    return found
