"""The behaviour of the operations, one handler each, keyed by the operation's name.

JOBS are the functions that take documents of a kind from one state to the next (see `jobs`).
"""

from ..jobs import Job
from . import (
    caches,
    groups,
    reference_stores,
    references,
    runs,
    s3_policies,
    sequence_stores,
    tags,
    workflows,
)
from .context import Context, Handler

HANDLERS: dict[str, Handler] = {
    **workflows.HANDLERS,
    **runs.HANDLERS,
    **groups.HANDLERS,
    **caches.HANDLERS,
    **tags.HANDLERS,
    **sequence_stores.HANDLERS,
    **reference_stores.HANDLERS,
    **references.HANDLERS,
    **s3_policies.HANDLERS,
}
JOBS: dict[str, Job] = {
    **sequence_stores.JOBS,
    **references.JOBS,
}

__all__ = ["HANDLERS", "JOBS", "Context", "Handler"]
