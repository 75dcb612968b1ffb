"""The behaviour of the operations, one handler each, keyed by the operation's name.

JOBS are the functions that take documents of a kind from one state to the next (see `background`).
"""

from ..background import Job
from ..context import Context, Handler
from . import (
    analytics_imports,
    annotation_stores,
    batches,
    configurations,
    read_set_jobs,
    read_set_uploads,
    read_sets,
    reference_stores,
    references,
    runs,
    s3_policies,
    sequence_stores,
    shares,
    tags,
    variant_stores,
    workflows,
)
from . import run_caches as caches
from . import run_groups as groups
from . import run_tasks as tasks

HANDLERS: dict[str, Handler] = {
    **analytics_imports.HANDLERS,
    **annotation_stores.HANDLERS,
    **batches.HANDLERS,
    **caches.HANDLERS,
    **configurations.HANDLERS,
    **groups.HANDLERS,
    **read_set_jobs.HANDLERS,
    **read_set_uploads.HANDLERS,
    **read_sets.HANDLERS,
    **reference_stores.HANDLERS,
    **references.HANDLERS,
    **runs.HANDLERS,
    **s3_policies.HANDLERS,
    **sequence_stores.HANDLERS,
    **shares.HANDLERS,
    **tags.HANDLERS,
    **tasks.HANDLERS,
    **variant_stores.HANDLERS,
    **workflows.HANDLERS,
}
JOBS: dict[str, Job[Context]] = {
    **analytics_imports.JOBS,
    **annotation_stores.JOBS,
    **batches.JOBS,
    **configurations.JOBS,
    **read_set_jobs.JOBS,
    **read_set_uploads.JOBS,
    **references.JOBS,
    **sequence_stores.JOBS,
    **shares.JOBS,
    **variant_stores.JOBS,
}
