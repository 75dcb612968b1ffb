"""What a handler works with, and what most handlers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import NotFound
from ..store import Store

if TYPE_CHECKING:
    from ..aws_peers import Peers
    from ..definitions import Builder
    from ..scheduler import Scheduler

Params = Mapping[str, Any]
Handler = Callable[["Context", Params], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The rooms behind the API."""

    store: Store
    peers: Peers
    builder: Builder
    scheduler: Scheduler
    endpoint_url: Callable[[], str]


_WORDS = {
    "workflow": "workflow", "version": "workflow version", "run": "run", "task": "run task",
    "group": "run group", "cache": "run cache",
}  # fmt: skip


def existing(context: Context, kind: str, id: str) -> dict[str, Any]:
    """The document, or a ResourceNotFoundException that names it."""
    found = context.store.get(kind, id)
    if found is None:
        raise NotFound(_WORDS[kind], id)
    return found


def given(params: Params, *names: str) -> dict[str, Any]:
    """The members among `names` that the request has."""
    return {name: params[name] for name in names if params.get(name) is not None}
