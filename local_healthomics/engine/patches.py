"""Two places where stock miniwdl is slow or reaches too far, replaced.

`Env.Bindings` is a linked list whose lookups walk it with a fresh set of seen names, and whose
`namespaces` copies a set per node: loading a workflow of N calls costs N squared (8 s at 1,000
calls, minutes at 5,000). The chain keeps its shape here; it gains an index shared along it.

`config.load_plugins` scans the entry points of every installed distribution for every task (a
third of a trivial task's time) and would load whatever miniwdl plugins the machine happens to
have. The engine registers its own, and only those.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from WDL import Env
from WDL.runtime import config

_LEVELS = 32  # forks to look through before a branch gets a whole index of its own
_lock = threading.RLock()
_stock = {
    name: Env.Bindings.__dict__[name]
    for name in ("resolve_binding", "has_namespace", "namespaces", "has_binding")
}
_stock_load_plugins = config.load_plugins

Plugins = Mapping[str, Iterable[tuple[str, Callable[..., Any]]]]


class _Index:
    """Names of a chain of nodes. Later nodes shadow earlier ones, so positions are kept.

    A node sees the entries up to its own position; `base` is the node this branch forks from.
    """

    __slots__ = ("base", "entries", "level", "namespaces", "tip")

    def __init__(self, base: Any, level: int) -> None:
        self.base = base
        self.level = level
        self.entries: dict[str, list[tuple[int, Any]]] = {}
        self.namespaces: dict[str, int] = {}
        self.tip = 0

    def append(self, node: Any) -> None:
        self.tip += 1
        binding = node._binding
        if binding is not None:
            self.entries.setdefault(binding.name, []).append((self.tip, binding))
            end = binding.name.find(".")
            while end >= 0:
                self.namespaces.setdefault(binding.name[: end + 1], self.tip)
                end = binding.name.find(".", end + 1)
        node._position = (self, self.tip)


def _locate(node: Any) -> tuple[_Index, int]:
    found: tuple[_Index, int] | None = node.__dict__.get("_position")
    if found is not None:
        return found
    with _lock:
        fresh = []
        at = node
        while at is not None and "_position" not in at.__dict__:
            fresh.append(at)
            at = at._next
        if at is None:
            index = _Index(None, 0)
        else:
            index, position = at._position
            if position != index.tip:  # somebody else has already grown the chain from here
                index = _flat_copy(at) if index.level >= _LEVELS else _Index(at, index.level + 1)
        for one in reversed(fresh):
            index.append(one)
        located: tuple[_Index, int] = node._position
        return located


def _flat_copy(node: Any) -> _Index:
    """An index of everything `node` sees; the nodes themselves keep their old places."""
    index = _Index(None, 0)
    index.tip = 1
    index.entries = {binding.name: [(1, binding)] for binding in node}
    for name in index.entries:
        end = name.find(".")
        while end >= 0:
            index.namespaces[name[: end + 1]] = 1
            end = name.find(".", end + 1)
    # `namespaces` of stock miniwdl knows shadowed names too, but a shadowing name is the same name
    return index


def _resolve_binding(self: Any, name: str) -> Any:
    node = self
    while node is not None:
        index, position = _locate(node)
        found = index.entries.get(name)
        if found is not None:
            for i in range(len(found) - 1, -1, -1):
                at, binding = found[i]
                if at <= position:
                    return binding
        node = index.base
    raise KeyError


def _has_binding(self: Any, name: str) -> bool:
    try:
        _resolve_binding(self, name)
    except KeyError:
        return False
    return True


def _has_namespace(self: Any, namespace: str) -> bool:
    assert namespace
    if not namespace.endswith("."):
        namespace += "."
    node = self
    while node is not None:
        index, position = _locate(node)
        if index.namespaces.get(namespace, position + 1) <= position:
            return True
        node = index.base
    return False


def _namespaces(self: Any) -> set[str]:
    found: set[str] = set()
    node = self
    while node is not None:
        index, position = _locate(node)
        found.update(name for name, at in list(index.namespaces.items()) if at <= position)
        node = index.base
    return found


def index_environments() -> None:
    """Give `Env.Bindings` constant-time lookups."""
    cls: Any = Env.Bindings
    cls.resolve_binding = _resolve_binding
    cls.has_binding = _has_binding
    cls.has_namespace = _has_namespace
    cls.namespaces = property(_namespaces)


def register_plugins(plugins: Plugins) -> None:
    """Make miniwdl use exactly these plugins, by group."""

    def load_plugins(cfg: config.Loader, group: str) -> Any:
        return list(plugins.get(group, ()))

    config.load_plugins = load_plugins


def undo() -> None:
    """Put stock miniwdl back (for tests that compare)."""
    for name, member in _stock.items():
        setattr(Env.Bindings, name, member)
    config.load_plugins = _stock_load_plugins
