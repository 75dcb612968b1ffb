"""What the service's failure reasons mean for a person, and for the next try. Pure.

The reasons are those of the user guide's page "Run failure reasons"; a task's are not listed
anywhere, and may be any of them.
"""

from __future__ import annotations

from collections.abc import Mapping

OUT_OF_MEMORY = 137  # 128 + SIGKILL, how a container ends that was killed for its memory

# Faults of the service: worth one more try.
_FAULTS = frozenset(
    {
        "SERVICE_ERROR",
        "INSTANCE_RESERVATION_FAILED",
        "ALL_PROFILES_INSTANCE_RESERVATION_FAILED",
    }
)
_ADVICE: Mapping[str, str] = {
    "ASSUME_ROLE_FAILED": "the role of --omics-role-arn must trust omics.amazonaws.com",
    "CANNOT_START_CONTAINER_ERROR": "the rule's container does not start: look at its log, and at "
    "the image's architecture (x86-64) and entry point",
    "CANNOT_START_CONTAINER_SIZE_ERROR": "the rule's image is too large: 45 GiB, unpacked, is what "
    "a task of the service can take",
    "ECR_PERMISSION_ERROR": "the role of --omics-role-arn, or omics.amazonaws.com in the "
    "repository's policy, lacks ecr:BatchGetImage or ecr:GetDownloadUrlForLayer",
    "EXPORT_FAILED": "results could not be written below --omics-output-uri: the role of "
    "--omics-role-arn needs s3:PutObject there. Nothing of such a run is kept, also not in the "
    "run cache",
    "FILE_SYSTEM_OUT_OF_SPACE": "the run's file system was full: use --omics-storage-type DYNAMIC, "
    "raise --omics-storage-capacity, or spread the jobs with --omics-parallel-runs. Nothing of "
    "such a run is kept, also not in the run cache",
    "IMPORT_FAILED": "an input could not be read: the role of --omics-role-arn needs s3:GetObject",
    "INPUT_URI_NOT_FOUND": "an input was removed after the run was started",
    "INSTANCE_RESERVATION_FAILED": "no machine of that size could be had: try again later, or ask "
    "for fewer threads, less memory or another GPU",
    "ALL_PROFILES_INSTANCE_RESERVATION_FAILED": "no machine of that size could be had: try again "
    "later, or ask for fewer threads, less memory or another GPU",
    "MODIFIED_INPUT_RESOURCE": "an input was changed while the run read it: call Snakemake again",
    "RUN_TIMED_OUT": "the run took longer than its run group allows: raise "
    "--omics-run-group-max-duration, or spread the jobs with --omics-parallel-runs. Nothing of "
    "such a run is kept, also not in the run cache",
    "SERVICE_ERROR": "a fault of the service: call Snakemake again",
    "TASK_TIMED_OUT": "the job took longer than the rule's `runtime` (in minutes): raise it",
}


def is_fault(reason: str | None) -> bool:
    """Whether it was the service that failed, so that another try may succeed."""
    return reason in _FAULTS


def is_out_of_memory(reason: str | None, code: int | None = None) -> bool:
    return reason == "OUT_OF_MEMORY_ERROR" or code == OUT_OF_MEMORY


def advice(reason: str | None) -> str | None:
    """What to change, for a reason that says so."""
    return _ADVICE.get(reason or "")


def memory_advice(memory_mb: int | str | None) -> str:
    """What to change after a job was killed for its memory; `memory_mb` is what its task had."""
    if isinstance(memory_mb, int):
        return (
            f"the job was killed for its memory: its task had {memory_mb:,} MB; try "
            f"`resources: mem_mb={2 * memory_mb}` in its rule, or `mem_mb=lambda wildcards, "
            f"attempt: {memory_mb} * attempt` with `retries: 2`"
        )
    had = "1 GiB" if memory_mb is None else "what its rule's `mem_mb` computes"
    return (
        f"the job was killed for its memory: its task had {had}; set a larger `mem_mb` under "
        "`resources:` of its rule"
    )
