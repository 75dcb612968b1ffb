"""Takes a run batch from state to state; every step bears being begun again after a kill.

    CREATING -> PENDING -> SUBMITTING -> INPROGRESS -> PROCESSED
    STOPPING -> CANCELLED        RUNS_DELETING -> RUNS_DELETED, RUNS_DELETE_FAILED

A run is started in the transaction that writes down its id, so none is started twice. A batch in
INPROGRESS or STOPPING is looked at again whenever one of its runs ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..clock import now
from ..context import Context
from ..errors import Conflict, Fault, NotFound, Throttled, ValidationFault
from ..states import FINAL, LIVE
from ..store.documents import Row
from .batch_settings import merged, read_entries, settings_object
from .runs import begin_run, delete

_CHUNK = 200  # entries in one transaction, or read at once
_REASON = 64  # characters


def no_counts(total: int) -> dict[str, int]:
    """The SubmissionSummary of a new batch."""
    counts = {
        f"{outcome}{what}SubmissionCount": 0
        for what in ("Start", "Cancel", "Delete")
        for outcome in ("successful", "failed")
    }
    return {**counts, "pendingStartSubmissionCount": total}


def advance(context: Context, batch: dict[str, Any]) -> None:
    """Do what the batch's state asks for, up to a state that waits for something."""
    while not context.background.closing:
        found = context.store.get("batch", batch["id"])
        step = _STEPS.get(found["status"]) if found is not None else None
        if found is None or step is None or not step(context, found):
            return


def _move(context: Context, batch: dict[str, Any], status: str, **changes: Any) -> bool:
    """Change the state, unless somebody else has; True if there may be more to do."""
    with context.store.transaction():
        found = context.store.get("batch", batch["id"])
        if found is not None and found["status"] == batch["status"]:
            context.store.update("batch", batch["id"], {"status": status, **changes})
    return found is not None


def _count(context: Context, batch: dict[str, Any], **changes: int) -> None:
    counts = context.store.get("batchCounts", batch["id"]) or {}
    context.store.update(
        "batchCounts", batch["id"], {name: counts[name] + more for name, more in changes.items()}
    )


def _create(context: Context, batch: dict[str, Any]) -> bool:
    """Make the entries, a chunk at a time."""
    try:
        entries = batch.get("inline") or _from_file(context, batch)
    except ValidationFault as fault:
        return _move(context, batch, "FAILED", failureReason=fault.message, failedTime=now())
    made = context.count("batchRun", batch["id"])
    for start in range(made, len(entries), _CHUNK):
        with context.store.transaction():
            if context.store.get("batch", batch["id"]) is None or context.background.closing:
                return False
            for number, entry in enumerate(entries[start : start + _CHUNK], start):
                context.add(
                    "batchRun",
                    {
                        "runSettingId": entry["runSettingId"],
                        "name": entry["runSettingId"],
                        "status": "WAITING",
                        "key": f"{batch['id']}/{number}",
                        "setting": entry,
                    },
                    id=f"{batch['id']}/{number}",
                    parent=batch["id"],
                )
    context.store.update("batchCounts", batch["id"], {"pendingStartSubmissionCount": len(entries)})
    return _move(context, batch, "PENDING", totalRuns=len(entries), inline=None)


def _from_file(context: Context, batch: dict[str, Any]) -> list[dict[str, Any]]:
    bucket, key = settings_object(batch["s3UriSettings"])
    path = context.objects.file(bucket, key)
    if path is None or context.objects.etag(bucket, key) != batch["etag"]:
        raise ValidationFault(f"{batch['s3UriSettings']} changed after the batch was started")
    return read_entries(path)


def _begin(context: Context, batch: dict[str, Any]) -> bool:
    return _move(context, batch, "SUBMITTING")


def _submit(context: Context, batch: dict[str, Any]) -> bool:
    """Start the runs, as fast as the rate of StartRun lets it."""
    for row in _entries(context, batch, "WAITING"):
        try:
            context.quotas.ask(context.account, "StartRun")
        except Throttled:
            context.background.later("batch", batch["id"], 1 / context.quotas.rates["StartRun"])
            return False
        if not _still(context, batch) or not _submit_one(context, batch, row.body):
            return True
    return _move(context, batch, "INPROGRESS", submittedTime=now())


def _submit_one(context: Context, batch: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Start one run, or write down why it cannot be; False if the batch is not to go on."""
    request = merged(batch["defaultRunSetting"], entry["setting"])
    with context.store.transaction():
        if not _still(context, batch):
            return False
        try:
            run = _started(context, batch, request)
        except Fault as fault:
            changes = _failure("FAILED", fault)
            _count(context, batch, failedStartSubmissionCount=1, pendingStartSubmissionCount=-1)
        else:
            changes = {
                **_success("SUCCESS"),
                "runId": run["id"],
                "runArn": run["arn"],
                "runInternalUuid": run["uuid"],
            }
            _count(context, batch, successfulStartSubmissionCount=1, pendingStartSubmissionCount=-1)
        context.store.update("batchRun", entry["key"], changes)
    context.scheduler.wake()
    return True


def _started(context: Context, batch: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if not request.get("outputUri"):
        raise ValidationFault("neither the run setting nor its default has an outputUri")
    return begin_run(context, request, batch["id"])


def _success(status: str) -> dict[str, Any]:
    return {"status": status, "submissionStatus": status}


def _failure(status: str, fault: Fault) -> dict[str, Any]:
    return {
        "status": status,
        "submissionStatus": status,
        "submissionFailureReason": fault.code[:_REASON],
        "submissionFailureMessage": fault.message,
    }


def _still(context: Context, batch: dict[str, Any]) -> bool:
    """Whether the batch is in the state that this step began in, and the server goes on."""
    found = context.store.get("batch", batch["id"])
    return (
        found is not None and found["status"] == batch["status"] and not context.background.closing
    )


def _settle(context: Context, batch: dict[str, Any]) -> bool:
    """PROCESSED once no run of the batch is to come to an end."""
    if _runs_left(context, batch):
        return False
    return _move(context, batch, "PROCESSED", processedTime=now())


def _runs_left(context: Context, batch: dict[str, Any]) -> bool:
    return context.store.exists("run", "batchId", batch["id"], ("PENDING", *LIVE))


def _stop(context: Context, batch: dict[str, Any]) -> bool:
    """Keep the runs that wait from starting, cancel the others, and wait for their ends."""
    if not _each(context, batch, _cancel_one, "WAITING", "SUCCESS") or _runs_left(context, batch):
        return False
    return _move(context, batch, "CANCELLED", processedTime=now())


def _cancel_one(context: Context, batch: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    if entry["status"] == "WAITING":
        _count(context, batch, pendingStartSubmissionCount=-1)
    else:
        id = entry["runId"]
        run = context.store.get("run", id)
        if run is None or run["status"] in FINAL:
            _count(context, batch, failedCancelSubmissionCount=1)
            return _failure(
                "CANCEL_FAILED",
                NotFound("run", id) if run is None else Conflict(f"run {id} is {run['status']}"),
            )
        context.scheduler.cancel(id)
    _count(context, batch, successfulCancelSubmissionCount=1)
    return _success("CANCEL_SUCCESS")


def _delete(context: Context, batch: dict[str, Any]) -> bool:
    """Forget the runs; what failed to start or was kept from it has none."""
    states = ("SUCCESS", "CANCEL_SUCCESS", "CANCEL_FAILED")
    if not _each(context, batch, _delete_one, *states):
        return False
    counts = context.store.get("batchCounts", batch["id"]) or {}
    failed = counts.get("failedDeleteSubmissionCount")
    return _move(context, batch, "RUNS_DELETE_FAILED" if failed else "RUNS_DELETED")


def _delete_one(context: Context, batch: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    id = entry.get("runId")
    if id is None:
        return {}
    if context.store.get("run", id) is None:
        _count(context, batch, failedDeleteSubmissionCount=1)
        return _failure("DELETE_FAILED", NotFound("run", id))
    delete(context, id)
    _count(context, batch, successfulDeleteSubmissionCount=1)
    return _success("DELETE_SUCCESS")


_OneEntry = Callable[[Context, dict[str, Any], dict[str, Any]], Mapping[str, Any]]


def _each(context: Context, batch: dict[str, Any], work: _OneEntry, *states: str) -> bool:
    """Do something to every entry in these states; False if the server stopped on the way."""
    for chunk in _chunks(context, batch, *states):
        with context.store.transaction():
            if not _still(context, batch):
                return False
            for row in chunk:
                changes = work(context, batch, row.body)
                context.store.update("batchRun", row.body["key"], changes)
    return True


def _entries(context: Context, batch: dict[str, Any], *states: str) -> Iterator[Row]:
    for chunk in _chunks(context, batch, *states):
        yield from chunk


def _chunks(context: Context, batch: dict[str, Any], *states: str) -> Iterator[list[Row]]:
    after: int | None = None
    while True:
        rows = context.store.rows(
            "batchRun", parent=batch["id"], statuses=states, after=after, limit=_CHUNK
        )
        if not rows:
            return
        yield rows
        after = rows[-1].seq


_STEPS: Mapping[str, Callable[[Context, dict[str, Any]], bool]] = {
    "CREATING": _create,
    "PENDING": _begin,
    "SUBMITTING": _submit,
    "INPROGRESS": _settle,
    "STOPPING": _stop,
    "RUNS_DELETING": _delete,
}
