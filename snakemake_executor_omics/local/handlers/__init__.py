"""The behaviour of the operations, one handler each, keyed by the operation's name."""

from . import caches, groups, runs, tags, workflows
from .context import Context, Handler

HANDLERS: dict[str, Handler] = {
    **workflows.HANDLERS,
    **runs.HANDLERS,
    **groups.HANDLERS,
    **caches.HANDLERS,
    **tags.HANDLERS,
}

__all__ = ["HANDLERS", "Context", "Handler"]
