"""Values of this process as Python that makes them again, in another process and another Python.

What is plain is written as a literal. Functions and classes of Snakefiles travel as source, with
the values that they refer to in turn; what a module that can be imported holds is imported there;
other objects are taken apart as `pickle` does. The same values give the same text.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import hashlib
import io
import logging
import math
import os
import pathlib
import pickle
import re
import sys
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from snakemake.common import Rules
from snakemake.iocontainers import Namedlist
from snakemake.sourcecache import LocalSourceFile

from .internals import positions_of_names
from .modules import ProjectModules
from .references import (
    Config,
    attributes_of,
    clean,
    constants_of,
    dotted_of,
    imports_of,
    listings_of,
    names_of,
    wrapped,
)
from .snakefiles import Snakefiles

VALUES = ".snakemake/omics/values"
_LONG = 64 * 1024  # characters; what is longer stands in a file that tasks share
_LONGEST = 4 * 1024 * 1024
# What `in_task` has of Snakemake's own; everything else of it is imported, where it is installed.
_OURS = {
    ("snakemake.shell", "shell"): "shell",
    ("snakemake.io", "expand"): "expand",
    ("snakemake.io", "glob_wildcards"): "glob_wildcards",
    ("snakemake.io", "multiext"): "multiext",
    ("snakemake.ioutils.collect", "collect"): "collect",
    ("snakemake.utils", "format"): "format",
}
_OF_MODULES = frozenset(f"__{name}__" for name in ("name", "file", "doc", "spec", "builtins"))
_OPEN_ENDED = frozenset({"eval", "exec", "globals"})
_CACHE = type(functools.lru_cache(lambda: None))
_BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
_STREAMS = ("stdin", "stdout", "stderr")
_NAME = re.compile(r"(?<!\{)\{([A-Za-z_]\w*)")
_RULES = re.compile(r"\{(rules(?:\.\w+)+)")


class CannotTravel(Exception):
    """A value that only this process has."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path} {what}")
        self.path = path


class Capture:
    """The statements that make values again, and the files that these need.

    `statements` come in the order in which they must run; `files` hold long values. `texts` are
    those that the code holds or refers to, `listings` the folders and patterns that it lists,
    `folders` the workflow's own that it names.
    """

    def __init__(self, snakefiles: Snakefiles, workflow: Any, workdir: Path) -> None:
        self.statements: list[str] = []
        self.modules = ProjectModules(workdir)
        self.files: dict[str, None] = {}
        self.texts: dict[str, None] = {}
        self.folders: dict[str, None] = {}
        self.listings: dict[str, None] = {}
        self.uses_shell = False
        self._snakefiles = snakefiles
        self._workflow = workflow
        self._workdir = workdir
        self._known: dict[int, str] = {}
        self._kept: list[object] = []  # an id is that of a living object only
        self._spaces: dict[int, str] = {}
        self._globals: dict[str, Mapping[str, Any]] = {}
        self._named: set[tuple[str, str]] = set()
        self._config: dict[str, Config] = {}
        self._references = 0
        self._open: set[int] = set()

    # --- values --------------------------------------------------------------------------

    def value(self, value: Any, path: str) -> str:
        """An expression for `value`; `path` is what people call it.

        Raises:
            CannotTravel: there is none.
        """
        if id(value) in self._known:
            self._references += 1
            return self._known[id(value)]
        if (literal := _literal(value)) is not None:
            return literal
        if id(value) in self._open:
            raise CannotTravel(path, "holds itself")
        self._open.add(id(value))
        try:
            return self._container(value, path) or self._object(value, path)
        except (CannotTravel, RecursionError):
            raise
        except Exception as error:  # whatever a foreign object answers when it is taken apart
            raise CannotTravel(path, f"cannot travel to the task: {error}") from error
        finally:
            self._open.discard(id(value))

    def _container(self, value: Any, path: str) -> str | None:
        kind = type(value)
        if isinstance(value, Namedlist):
            items = ", ".join(self.value(item, f"{path}[{i}]") for i, item in enumerate(value))
            return f"NamedList([{items}], {positions_of_names(value)!r})"
        if kind is list:
            return f"[{', '.join(self._items(value, path))}]"
        if kind is tuple:
            items = ", ".join(self._items(value, path))
            return f"({items}{',' if len(value) == 1 else ''})"
        if kind in (set, frozenset):
            # Sorted, because the order of a set changes from one process to the next.
            return f"{kind.__name__}([{', '.join(sorted(self._items(value, path)))}])"
        if kind is dict:
            pairs = (
                f"{self.value(key, f'a key of {path}')}: {self.value(item, f'{path}[{key!r}]')}"
                for key, item in value.items()
            )
            return "{" + ", ".join(pairs) + "}"
        return None

    def _items(self, values: Iterable[Any], path: str) -> list[str]:
        return [self.value(item, f"{path}[{index}]") for index, item in enumerate(values)]

    def _object(self, value: Any, path: str) -> str:
        kind = type(value)
        if isinstance(value, types.ModuleType):
            return self.load(value.__name__)
        if isinstance(value, types.FunctionType):
            return self._function(value, path)
        if isinstance(value, type):
            return self._class(value, path)
        if isinstance(value, types.MethodType):
            owner = self.value(value.__self__, f"the object of {path}")
            return f"getattr({owner}, {value.__name__!r})"
        if isinstance(value, _BUILT_IN):
            return self._built_in(value, path)
        if isinstance(value, _CACHE):
            inner = self.value(value.__wrapped__, path)
            given = value.cache_parameters()
            return self._keep(value, f"{self.load('functools')}.lru_cache(**{given!r})({inner})")
        if kind is functools.partial:
            inner = self.value((value.func, value.args, value.keywords), path)
            return f"(lambda f, a, k: {self.load('functools')}.partial(f, *a, **k))(*{inner})"
        if isinstance(value, enum.Enum):
            if value.name is None:  # several flags
                return f"{self.value(kind, path)}({self.value(value.value, path)})"
            return f"{self.value(kind, path)}[{value.name!r}]"
        if isinstance(value, re.Pattern):
            pattern = self.value(value.pattern, path)
            return f"{self.load('re')}.compile({pattern}, {int(value.flags)})"
        for name in _STREAMS:
            if value is getattr(sys, name) or value is getattr(sys, f"__{name}__"):
                return f"{self.load('sys')}.{name}"
        if isinstance(value, logging.Logger):
            ours = value.name.startswith("snakemake")
            return "logger" if ours else f"{self.load('logging')}.getLogger({value.name!r})"
        package = (kind.__module__ or "").partition(".")[0]
        if package == "numpy" and (text := self._numpy(value, path)) is not None:
            return text
        if package == "pandas" and (text := self._pandas(value, path)) is not None:
            return text
        if isinstance(value, LocalSourceFile):  # `workflow.current_basedir` and what it joins
            found = os.path.normpath(value.get_path_or_uri(secret_free=True))
            self._names(found)
            return f"pathlib.Path({found!r})"
        if package == "snakemake":
            raise CannotTravel(
                path, f"is a {kind.__module__}.{kind.__qualname__}, which cannot travel to the task"
            )
        return self._taken_apart(value, path)

    def _keep(self, value: Any, expression: str) -> str:
        """A variable for an object that must be one and the same wherever it is named."""
        name = f"v{len(self._known)}"
        self._known[id(value)] = name
        self._kept.append(value)
        self.statements.append(f"{name} = {expression}")
        self._references += 1
        return name

    def load(self, module: str) -> str:
        """An expression for a module."""
        self._references += 1
        if module == "__main__":
            raise CannotTravel(module, "is the program that was started here")
        self.modules.add(module)
        return f"load({module!r})"

    def _member(self, module: str, name: str) -> str:
        self.load(module)
        return f"member({module!r}, {', '.join(map(repr, name.split('.')))})"

    def _taken_apart(self, value: Any, path: str) -> str:
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        try:
            parts = value.__reduce_ex__(2)
        except Exception as error:
            shown = "an open file" if isinstance(value, io.IOBase) else f"a {kind}"
            raise CannotTravel(path, f"is {shown}, which cannot travel to the task") from error
        if isinstance(parts, str):
            return self._member(pickle.whichmodule(value, parts), parts)  # type: ignore[attr-defined]
        make, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        making = f"{self.value(make, f'the type of {path}')}(*{self.value(arguments, path)})"
        name = self._keep(value, making)
        listed = list(items) if items is not None else []
        paired = list(pairs) if pairs is not None else []
        if state is not None or listed or paired:
            rest = ", ".join(
                (
                    self.value(state, path),
                    self.value(listed, path),
                    self.value(paired, path),
                )
            )
            self.statements.append(f"restore({name}, {rest})")
        return name

    # --- numpy and pandas, which differ from one version to the next ---------------------

    def _numpy(self, value: Any, path: str) -> str | None:
        import numpy

        if isinstance(value, numpy.generic) and value.dtype.kind in "biuf":
            return f"scalar({type(value).__name__!r}, {self.value(value.item(), path)})"
        if isinstance(value, numpy.ndarray) and value.dtype.kind in "biufcUSO":
            items = self.value(value.ravel().tolist(), path)
            return self._keep(value, f"array({items}, {str(value.dtype)!r}, {value.shape!r})")
        return None

    def _pandas(self, value: Any, path: str) -> str | None:
        import pandas

        if isinstance(value, pandas.DataFrame):
            columns = [self._column(value.iloc[:, i], path) for i in range(value.shape[1])]
            labels, index = self.value(value.columns, path), self.value(value.index, path)
            return self._keep(value, f"frame([{', '.join(columns)}], {labels}, {index})")
        if isinstance(value, pandas.Series):
            index, name = self.value(value.index, path), self.value(value.name, path)
            return self._keep(value, f"series(*{self._column(value, path)}, {index}, {name})")
        if isinstance(value, pandas.RangeIndex):
            name = self.value(value.name, path)
            return f"numbers({value.start}, {value.stop}, {value.step}, {name})"
        if isinstance(value, pandas.MultiIndex):
            levels = [value.get_level_values(i) for i in range(value.nlevels)]
            return f"multi_index({self.value(levels, path)}, {self.value(list(value.names), path)})"
        if isinstance(value, pandas.Index) and type(value) is pandas.Index:
            items, name = self.value(value.tolist(), path), self.value(value.name, path)
            return f"index({items}, {str(value.dtype)!r}, {name})"
        if isinstance(value, pandas.Timestamp):
            return f"{self._member('pandas', 'Timestamp')}({value.isoformat()!r})"
        if value is pandas.NA or value is pandas.NaT:
            return self._member("pandas", "NA" if value is pandas.NA else "NaT")
        return None

    def _column(self, column: Any, path: str) -> str:
        import pandas

        if isinstance(column.dtype, pandas.CategoricalDtype):
            categories = self.value(column.cat.categories.tolist(), path)
            items = self.value(list(column.astype(object)), path)
            return f"(category({items}, {categories}, {bool(column.cat.ordered)}), None)"
        return f"({self.value(column.tolist(), path)}, {str(column.dtype)!r})"

    # --- what has a name somewhere -------------------------------------------------------

    def _built_in(self, value: Any, path: str) -> str:
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            return f"getattr({self.value(owner, f'the object of {path}')}, {value.__name__!r})"
        name = value.__qualname__
        module = getattr(value, "__module__", None)
        if module is None and hasattr(value, "__objclass__"):
            return f"getattr({self.value(value.__objclass__, path)}, {value.__name__!r})"
        if module in (None, "builtins"):
            self._references += 1
            return f"{self.load('builtins')}.{name}"
        return self._member(module, name)

    def _importable(self, value: Any) -> str | None:
        """What a function or class is called where it can be imported."""
        module = getattr(value, "__module__", None)
        name = getattr(value, "__qualname__", "")
        if not module or module == "__main__" or module not in sys.modules:
            return None
        if (module, name) in _OURS:
            self._references += 1
            return _OURS[module, name]
        if module == "builtins":
            return name if getattr(builtins, name, None) is value else None
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part, None)
        return self._member(module, name) if found is value else None

    def _function(self, function: types.FunctionType, path: str) -> str:
        code = function.__code__
        ours = code.co_filename in self._snakefiles
        if not ours and (found := self._importable(function)) is not None:
            return found
        node = self._snakefiles.function(code)
        if node is None:
            raise CannotTravel(
                path,
                "is a function without source"
                if not os.path.exists(code.co_filename)
                else f"is not in {code.co_filename} as Snakemake read it: has that changed?",
            )
        space = self.space(function.__globals__)
        name, text = wrapped(node, code.co_freevars)
        label = self._snakefiles.label(code.co_filename, str(self._workdir))
        shown = code.co_name.removeprefix("__rule_")
        making = f"define({space}, {f'{label}, {shown}'!r}, {name!r}, {_lines(text)})"
        if code.co_freevars:
            making += f"({', '.join(['None'] * len(code.co_freevars))})"
        variable = self._keep(function, making)
        if not isinstance(node, ast.Lambda) and isinstance(function.__name__, str):
            shown = code.co_name if code.co_name.startswith("__rule_") else function.__name__
            if shown != node.name:
                self.statements.append(f"{variable}.__name__ = {shown!r}")
        for cell_name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                continue  # not yet, and not here
            filled = self.value(content, f"{cell_name} of {path}")
            index = code.co_freevars.index(cell_name)
            self.statements.append(f"{variable}.__closure__[{index}].cell_contents = {filled}")
        if function.__defaults__:
            defaults = self.value(function.__defaults__, f"a default of {path}")
            self.statements.append(f"{variable}.__defaults__ = {defaults}")
        if function.__kwdefaults__:
            defaults = self.value(function.__kwdefaults__, f"a default of {path}")
            self.statements.append(f"{variable}.__kwdefaults__ = {defaults}")
        own = {key: item for key, item in vars(function).items() if key != "__wrapped__"}
        if own:
            self.statements.append(f"{variable}.__dict__.update({self.value(own, path)})")
        self.needs(function.__globals__, node)
        return variable

    def _class(self, kind: type, path: str) -> str:
        if (found := self._importable(kind)) is not None:
            return found
        methods = [
            item
            for item in vars(kind).values()
            if isinstance(item, types.FunctionType)
            and item.__code__.co_filename in self._snakefiles  # not one that a decorator made
        ]
        files = {method.__code__.co_filename: None for method in methods}
        if not files and "." not in kind.__qualname__:
            files = dict.fromkeys(self._snakefiles)
        lines = {method.__code__.co_firstlineno for method in methods}
        for file in files:
            for node in self._snakefiles.classes(file, kind.__name__):
                last = node.end_lineno or node.lineno
                if lines and not any(node.lineno <= line <= last for line in lines):
                    continue
                space = self._space_of_class(kind, methods)
                # Its body runs in the task: what that names must be there before it.
                self._known[id(kind)] = f"{space}[{kind.__name__!r}]"
                self._kept.append(kind)
                self.needs(self._globals[space], node)
                label = self._snakefiles.label(file, str(self._workdir))
                text = _lines(ast.unparse(clean(node)))
                making = f"define({space}, {f'{label}, {kind.__name__}'!r}, {kind.__name__!r}, "
                self.statements.append(f"{space}[{kind.__name__!r}] = {making}{text})")
                self._named.add((space, kind.__name__))
                self._references += 1
                return self._known[id(kind)]
        kind_fields = getattr(kind, "_fields", None)  # of a named tuple
        if kind.__bases__ == (tuple,) and kind_fields is not None:
            fields = (kind.__name__, kind_fields)
            making = f"{self.load('collections')}.namedtuple(*{fields!r})"
            return self._keep(kind, making)
        raise CannotTravel(path, f"is of the class {kind.__qualname__}, which has no source")

    def _space_of_class(self, kind: type, methods: list[types.FunctionType]) -> str:
        for method in methods:
            if method.__code__.co_filename in self._snakefiles:
                return self.space(method.__globals__)
        for space, names in self._globals.items():
            if any(item is kind for item in names.values()):
                return space
        return next(iter(self._globals), None) or self.space(self._workflow.globals)

    # --- names ---------------------------------------------------------------------------

    def space(self, names: Mapping[str, Any]) -> str:
        """The global names of a Snakefile, or of a module that can be imported."""
        if id(names) in self._spaces:
            return self._spaces[id(names)]
        module = names.get("__name__")
        loaded = sys.modules.get(module) if isinstance(module, str) else None
        if loaded is not None and vars(loaded) is names and not self._is_snakefile(names):
            space = f"vars({self.load(str(module))})"
        else:
            space = f"space{len(self._spaces)}"
            self.statements.append(f"{space} = namespace({f'snakefile{len(self._spaces)}'!r})")
        self._spaces[id(names)] = space
        self._globals[space] = names
        return space

    def _is_snakefile(self, names: Mapping[str, Any]) -> bool:
        return names is self._workflow.globals or "workflow" in names

    def needs(self, names: Mapping[str, Any], node: ast.AST) -> None:
        """Put what the code `node` takes from `names` into its space.

        Raises:
            CannotTravel: something of it cannot, or what it takes cannot be told.
        """
        node = clean(node)
        for module in imports_of(node):
            self.modules.add(module)
        for chain in dotted_of(node):
            self._load_inner(names, chain)
        space = self.space(names)
        if space.startswith("vars("):
            return  # an imported module has its names
        used = names_of(node)
        for name in sorted(used & _OPEN_ENDED):
            if name not in names:
                raise CannotTravel(f"{name}()", "may take any value that is here")
        for name in sorted(used - _OF_MODULES):
            if name in names:
                self._name(space, name, names[name], node)
        texts = constants_of(node)
        self.texts.update(dict.fromkeys(texts))
        self.listings.update(dict.fromkeys(listings_of(node)))
        if used & {"shell", "format"}:
            self.uses_shell = True
            for text in texts:
                self.mentions(space, text)

    def mentions(self, space: str, text: str) -> None:
        """Put what a text for `shell()` names in braces into a space, as far as it can travel."""
        names = self._globals[space]
        for name in dict.fromkeys(_NAME.findall(text)):
            if name not in names or (space, name) in self._named:
                continue
            if name == "config":
                keys = re.findall(r"\{config\[([^\]]+)\]", text)
                self._configured(space, Config.of_text(keys))
                continue
            before = len(self.statements)
            try:
                # `{rules.align.output}` is read as the code is that reads it.
                read = _RULES.findall(text) if isinstance(names[name], Rules) else ()
                self._name(space, name, names[name], ast.parse("\n".join(read)) if read else None)
            except CannotTravel as reason:
                del self.statements[before:]
                self._named.add((space, name))
                self.statements.append(f"{space}[{name!r}] = Absent({str(reason)!r})")

    def _name(self, space: str, name: str, value: Any, node: ast.AST | None) -> None:
        if name == "config" and isinstance(value, dict):
            self._configured(space, Config.of(node) if node is not None else Config(None))
            return
        if (space, name) in self._named:
            return
        self._named.add((space, name))
        if value is self._workflow:
            text = self._live(node, name)
        elif isinstance(value, Rules) and node is not None:
            text = self._rules(value, node, name)
        else:
            text = self._long(self._value_of(value, name))
        self.statements.append(f"{space}[{name!r}] = {text}")
        if isinstance(value, str | Path):
            self.texts[str(value)] = None
            self.mentions(space, str(value))
        if isinstance(value, list | tuple | dict | set | bytearray):
            self._known.setdefault(id(value), f"{space}[{name!r}]")
            self._kept.append(value)

    def _value_of(self, value: Any, name: str) -> tuple[str, bool]:
        before = self._references
        text = self.value(value, name)
        return text, self._references == before

    def _long(self, made: tuple[str, bool]) -> str:
        text, alone = made
        if len(text) > _LONGEST:
            raise CannotTravel(
                f"a value of {len(text) // 1024 // 1024} MB", "is too long to travel with a task"
            )
        if len(text) <= _LONG or not alone:
            return text
        content = text.encode("utf-8", "surrogatepass")
        path = f"{VALUES}/{hashlib.sha256(content).hexdigest()[:32]}.py"
        if not (self._workdir / path).exists():
            (self._workdir / VALUES).mkdir(parents=True, exist_ok=True)
            unfinished = self._workdir / f"{path}.{os.getpid()}"
            unfinished.write_bytes(content)
            unfinished.replace(self._workdir / path)
        self.files[path] = None
        return f"evaluated({path!r})"

    def _live(self, node: ast.AST | None, name: str) -> str:
        """Those plain attributes of Snakemake's workflow that the code names."""
        found = {}
        whole, read = attributes_of(node, name) if node is not None else (0, [])
        if not read or len(read) != whole:
            raise CannotTravel(name, "is Snakemake itself, which cannot travel to the task")
        for attribute in sorted(set(read)):
            value = getattr(self._workflow, attribute)
            plain = str | int | float | bool | Path | list | dict | LocalSourceFile | None
            if not isinstance(value, plain):
                raise CannotTravel(
                    f"{name}.{attribute}", "is Snakemake's own, which cannot travel to the task"
                )
            found[attribute] = self.value(value, f"{name}.{attribute}")
            if isinstance(value, str | Path):
                self._names(str(value))
        given = ", ".join(f"{attribute}={text}" for attribute, text in found.items())
        return f"{self.load('types')}.SimpleNamespace({given})"

    def _rules(self, rules: Any, node: ast.AST, name: str) -> str:
        """Those files and params of rules that the code names: `rules.align.output`."""
        found: dict[str, dict[str, str]] = {}
        written = ast.parse("\n".join(_RULES.findall("\n".join(constants_of(node)))))
        chains = [chain for chain in dotted_of(node) + dotted_of(written) if chain[0] == name]
        whole, read = attributes_of(node, name)
        if len(read) != whole or any(len(chain) == 1 for chain in chains):
            raise CannotTravel(name, "is Snakemake itself, which cannot travel to the task")
        for _, rule, *rest in chains:
            if rest:
                path = f"{name}.{rule}.{rest[0]}"
                if rest[0] not in ("input", "output", "params", "log"):
                    raise CannotTravel(path, "is Snakemake's own, which cannot travel to the task")
                files = getattr(getattr(rules, rule), rest[0])
                found.setdefault(rule, {})[rest[0]] = self.value(files, path)
            elif not any(chain[:2] == (name, rule) and len(chain) > 2 for chain in chains):
                raise CannotTravel(f"{name}.{rule}", "is a rule, which cannot travel to the task")
        space = f"{self.load('types')}.SimpleNamespace"
        made = (
            f"{rule}={space}({', '.join(f'{key}={text}' for key, text in parts.items())})"
            for rule, parts in sorted(found.items())
        )
        return f"{space}({', '.join(made)})"

    def _names(self, path: str) -> None:
        """A path of the workflow itself."""
        self.texts[path] = None
        if os.path.isabs(path) and os.path.isdir(path):
            self.folders[path] = None

    def _configured(self, space: str, used: Config) -> None:
        self._config[space] = self._config.get(space, Config(frozenset())) | used

    def _load_inner(self, names: Mapping[str, Any], chain: tuple[str, ...]) -> None:
        """Load the modules within a package that the code reaches by dots."""
        module = names.get(chain[0])
        if not isinstance(module, types.ModuleType):
            return
        for end in range(1, len(chain)):
            inner = ".".join((module.__name__, *chain[1 : end + 1]))
            if inner in sys.modules and (("load", inner)) not in self._named:
                self._named.add(("load", inner))
                self.statements.append(self.load(inner))

    def finish(self) -> None:
        """Make the configuration, when it is known which keys of it are used."""
        for space, used in sorted(self._config.items()):
            config = self._globals[space]["config"]
            kept = config if used.keys is None else {k: config[k] for k in config if k in used.keys}
            self.texts.update((text, None) for text in kept.values() if isinstance(text, str))
            text = self._long(self._value_of(kept, "config"))
            self.statements.append(f"{space}['config'] = {text}")


def _literal(value: Any) -> str | None:
    """What is written as it is: no list, no object."""
    if value is None or value is Ellipsis or type(value) in (bool, int, bytes):
        return repr(value)
    if isinstance(value, str) and not isinstance(value, enum.Enum):  # also Snakemake's own strings
        return repr(str(value))
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    if type(value) is complex:
        return f"complex({value.real!r}, {value.imag!r})"
    if isinstance(value, pathlib.PurePath):
        kind = "PurePath" if type(value).__name__.startswith("Pure") else "Path"
        return f"pathlib.{kind}({str(value)!r})"
    return None


def _lines(text: str) -> str:
    """A text as a literal of a line each, which can be read and compared."""
    parts = text.splitlines(keepends=True)
    return "\n    " + "\n    ".join(map(repr, parts)) if parts else "''"
