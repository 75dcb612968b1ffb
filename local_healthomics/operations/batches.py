"""Run batches: many runs of one workflow with shared settings, submitted one after the other.

A batch has an entry (kind `batchRun`) for every run, in the order of the request, and counters of
what became of its submissions (kind `batchCounts`). The operations are here; batch_jobs.py takes
a batch from state to state.
"""

from __future__ import annotations

import uuid
from typing import Any

from ..background import Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict, ValidationFault
from . import batch_jobs
from .batch_settings import checked_entries, settings_object
from .common import asked_states, existing, given
from .runs import check_output_uri, settle

_INLINE = 100
_RUN_STATES = (
    "PENDING",
    "STARTING",
    "RUNNING",
    "STOPPING",
    "COMPLETED",
    "DELETED",
    "FAILED",
    "CANCELLED",
)


def start_run_batch(context: Context, params: Params) -> dict[str, Any]:
    setting, wanted = params["defaultRunSetting"], params["batchRunSettings"]
    sources = given(wanted, "inlineSettings", "s3UriSettings")
    if setting.get("workflowType") == "READY2RUN":
        raise ValidationFault("a batch runs private workflows only")
    settle(context, setting)
    if setting.get("outputUri"):
        check_output_uri(context, setting["outputUri"])
    own: dict[str, Any]
    if "inlineSettings" in sources:
        entries = checked_entries(sources["inlineSettings"], _INLINE)
        own = {"totalRuns": len(entries), "inline": entries}
    else:
        uri = sources["s3UriSettings"]
        etag = context.objects.etag(*settings_object(uri))
        if etag is None:
            raise ValidationFault(f"cannot read s3UriSettings {uri}")
        own = {"s3UriSettings": uri, "etag": etag}
    moment = now()
    document = context.add(
        "batch",
        {
            **own,
            **({"name": params["batchName"]} if params.get("batchName") else {}),
            **given(setting, "runGroupId", "workflowId"),
            "uuid": str(uuid.uuid4()),
            "status": "CREATING",
            "defaultRunSetting": setting,
            "creationTime": moment,
            "createdAt": moment,
            "tags": dict(params.get("tags") or {}),
        },
    )
    id = document["id"]
    document = context.store.update("batch", id, {"arn": context.arn(f"runBatch/{id}")})
    context.add("batchCounts", batch_jobs.no_counts(own.get("totalRuns", 0)), id=id)
    return {**document, "follow_up": [("batch", id)]}


def get_batch(context: Context, params: Params) -> dict[str, Any]:
    batch = existing(context, "batch", params["batchId"])
    counts = existing(context, "batchCounts", batch["id"])
    states = context.store.tally("run", "batchId", batch["id"])
    gone = counts["successfulStartSubmissionCount"] - sum(states.values())
    runs = {f"{state.lower()}RunCount": states.get(state, 0) for state in _RUN_STATES}
    return {**batch, "submissionSummary": counts, "runSummary": {**runs, "deletedRunCount": gone}}


def list_batch(context: Context, params: Params) -> dict[str, Any]:
    _one_filter(params, "status", "name", "runGroupId")
    statuses = asked_states(params)
    where = given(params, "runGroupId")
    return context.page("batch", params, name=params.get("name"), statuses=statuses, where=where)


def list_runs_in_batch(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "batch", params["batchId"])
    _one_filter(params, "submissionStatus", "runSettingId", "runId")
    wanted = params.get("submissionStatus")
    return context.page(
        "batchRun",
        params,
        key="runs",
        newest_first=False,
        parent=params["batchId"],
        statuses=[wanted] if wanted else [],
        name=params.get("runSettingId"),
        where=given(params, "runId"),
    )


def _one_filter(params: Params, *names: str) -> None:
    if len(given(params, *names)) > 1:
        raise ValidationFault(f"only one of the filters {', '.join(names)} may be given")


def cancel_run_batch(context: Context, params: Params) -> dict[str, Any]:
    allowed = ("PENDING", "SUBMITTING", "INPROGRESS")
    return _begin(context, params["batchId"], allowed, "STOPPING")


def delete_run_batch(context: Context, params: Params) -> dict[str, Any]:
    return _begin(context, params["batchId"], ("PROCESSED", "CANCELLED"), "RUNS_DELETING")


def _begin(context: Context, id: str, allowed: tuple[str, ...], status: str) -> dict[str, Any]:
    _in_state(existing(context, "batch", id), allowed)
    context.store.update("batch", id, {"status": status})
    return {"follow_up": [("batch", id)]}


def delete_batch(context: Context, params: Params) -> dict[str, Any]:
    id = params["batchId"]
    _in_state(
        existing(context, "batch", id),
        ("PROCESSED", "FAILED", "CANCELLED", "RUNS_DELETE_FAILED", "RUNS_DELETED"),
    )
    context.store.delete("batch", id)
    context.store.delete("batchCounts", id)
    context.store.delete_children("batchRun", id)
    return {}


def _in_state(batch: dict[str, Any], allowed: tuple[str, ...]) -> None:
    if batch["status"] not in allowed:
        raise Conflict(
            f"run batch {batch['id']} is {batch['status']}, none of {', '.join(allowed)}"
        )


JOBS: dict[str, Job[Context]] = {"batch": batch_jobs.advance}
HANDLERS: dict[str, Handler] = {
    "StartRunBatch": start_run_batch,
    "GetBatch": get_batch,
    "ListBatch": list_batch,
    "ListRunsInBatch": list_runs_in_batch,
    "CancelRunBatch": cancel_run_batch,
    "DeleteRunBatch": delete_run_batch,
    "DeleteBatch": delete_batch,
}
