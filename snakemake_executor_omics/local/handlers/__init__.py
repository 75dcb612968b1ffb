"""The behaviour of the operations, one handler each, keyed by the operation's name.

JOBS are the functions that take documents of a kind from one state to the next (see `jobs`).
"""

from ..jobs import Job
from . import (
    caches,
    groups,
    read_set_jobs,
    read_set_uploads,
    read_sets,
    runs,
    sequence_stores,
    tags,
    workflows,
)  # fmt: skip
from .context import Context, Handler

HANDLERS: dict[str, Handler] = {
    **workflows.HANDLERS,
    **runs.HANDLERS,
    **groups.HANDLERS,
    **caches.HANDLERS,
    **tags.HANDLERS,
    **sequence_stores.HANDLERS,
    **read_sets.HANDLERS,
    **read_set_uploads.HANDLERS,
    **read_set_jobs.HANDLERS,
}
JOBS: dict[str, Job] = {
    **sequence_stores.JOBS,
    **read_set_uploads.JOBS,
    **read_set_jobs.JOBS,
}

__all__ = ["HANDLERS", "JOBS", "Context", "Handler"]
