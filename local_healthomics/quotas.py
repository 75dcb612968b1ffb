"""What the service limits: how many of a resource there may be, and how often one may ask.

Nothing is enforced unless asked for: by name, or all of it by `strict`. The defaults are those of
the user guide's quota pages ("HealthOmics service quotas"); several are adjustable on AWS, where an
account's own values differ. Where the guide names no rate of an operation, it has none here either.
"""

from __future__ import annotations

import argparse
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from .errors import QuotaExceeded, Throttled
from .protocol.models import service_model

RESOURCES: Mapping[str, int] = {
    "workflows": 1000,
    "versions": 1000,  # per workflow, not adjustable
    "runs": 5000,  # stored, in whatever state
    "runGroups": 1000,
    "runCaches": 1000,
    "configurations": 10,
    "activeRunsStatic": 10,  # runs with static storage in STARTING, RUNNING or STOPPING
    "activeRunsDynamic": 50,
    "activeCpus": 3000,
    "activeGpus": 12,
    "tasksPerRun": 25,  # at a time
    "runDuration": 604_800,  # seconds
    "referenceStores": 1,
    "variantStores": 10,
    "annotationStores": 10,
    "annotationStoreVersions": 10,  # per store
    "analyticsImportJobs": 5,  # at the same time, of both kinds of stores
    "filesPerVariantImportJob": 1000,
    "sharesPerWorkflow": 100,
    "sharesPerVariantStore": 10,
    "sharesPerAnnotationStore": 10,
}
_RATES: Mapping[float, str] = {
    0.1: "StartRun",
    1: """CreateConfiguration CreateShare GetShare ListShares AcceptShare DeleteShare
        CreateMultipartReadSetUpload CompleteMultipartReadSetUpload AbortMultipartReadSetUpload
        CreateReferenceStore DeleteReferenceStore CreateSequenceStore UpdateSequenceStore
        DeleteSequenceStore BatchDeleteReadSet DeleteReference PutS3AccessPolicy GetS3AccessPolicy
        DeleteS3AccessPolicy CreateVariantStore GetVariantStore ListVariantStores
        UpdateVariantStore DeleteVariantStore StartVariantImportJob GetVariantImportJob
        ListVariantImportJobs CancelVariantImportJob CreateAnnotationStore GetAnnotationStore
        ListAnnotationStores UpdateAnnotationStore DeleteAnnotationStore
        CreateAnnotationStoreVersion GetAnnotationStoreVersion ListAnnotationStoreVersions
        UpdateAnnotationStoreVersion DeleteAnnotationStoreVersions StartAnnotationImportJob
        GetAnnotationImportJob ListAnnotationImportJobs CancelAnnotationImportJob""",
    5: """CreateWorkflow TagResource UntagResource ListTagsForResource
        GetReferenceStore ListReferenceStores GetReferenceMetadata ListReferences
        StartReferenceImportJob GetReferenceImportJob ListReferenceImportJobs
        GetSequenceStore ListSequenceStores GetReadSetMetadata ListReadSets
        StartReadSetImportJob GetReadSetImportJob ListReadSetImportJobs
        StartReadSetExportJob GetReadSetExportJob ListReadSetExportJobs
        StartReadSetActivationJob GetReadSetActivationJob ListReadSetActivationJobs
        ListMultipartReadSetUploads ListReadSetUploadParts""",
    10: """CancelRun DeleteRun GetRun GetRunTask ListRunTasks ListRuns CreateRunGroup GetRunGroup
        ListRunGroups UpdateRunGroup DeleteRunGroup CreateRunCache GetRunCache ListRunCaches
        UpdateRunCache DeleteRunCache DeleteWorkflow GetWorkflow ListWorkflows UpdateWorkflow
        GetReference UploadReadSetPart""",
    30: "GetReadSet",
}
RATES: Mapping[str, float] = {
    operation: rate for rate, names in _RATES.items() for operation in names.split()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Limits in force: resources by name, rates (requests a second) by operation."""

    resources: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    _buckets: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def of(
        cls,
        *,
        strict: bool = False,
        resources: Mapping[str, int] | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> Quotas:
        """What is asked for by name, over the documented defaults if `strict`."""
        return cls(
            resources={**(RESOURCES if strict else {}), **(resources or {})},
            rates={**(RATES if strict else {}), **(rates or {})},
        )

    def room(self, name: str, there: Callable[[], int]) -> None:
        """ServiceQuotaExceededException if one more would be too many."""
        most = self.resources.get(name)
        if most is not None and there() >= most:
            raise QuotaExceeded(f"the quota of {most} {name} is reached")

    def ask(self, account: str, operation: str) -> None:
        """ThrottlingException above the rate; a second's worth, at least one, may come at once."""
        rate = self.rates.get(operation)
        if rate is None:
            return
        most = max(1.0, rate)
        with self._lock:
            now = self._clock()
            left, at = self._buckets.get((account, operation), (most, now))
            left = min(most, left + (now - at) * rate)
            if left < 1:
                self._buckets[account, operation] = (left, now)
                raise Throttled(f"Rate exceeded: {operation} is limited to {rate:g} a second")
            self._buckets[account, operation] = (left - 1, now)


def add_quota_options(parser: argparse.ArgumentParser) -> None:
    """`--strict`, and `--quota NAME=N` and `--rate OPERATION=N` as often as wanted."""
    operations = service_model("omics").operation_names
    parser.add_argument(
        "--strict", action="store_true", help="enforce the service's default quotas and rates"
    )
    parser.add_argument(
        "--quota",
        action="append",
        default=[],
        type=_named(RESOURCES, _count),
        metavar="NAME=N",
        help=f"enforce one quota: {', '.join(RESOURCES)}",
    )
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        type=_named(operations, _rate),
        metavar="OPERATION=N",
        help="let an operation be called N times a second",
    )


def _named(
    known: Collection[str], number: Callable[[str], float]
) -> Callable[[str], tuple[str, float]]:
    def read(text: str) -> tuple[str, float]:
        name, _, value = text.partition("=")
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
        try:
            return name, number(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{name}: {error}") from error

    return read


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(f"{text} is below 0")
    return count


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < math.inf:
        raise ValueError(f"{text} is no number above 0")
    return rate
