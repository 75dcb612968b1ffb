"""Runs and their tasks."""

from __future__ import annotations

import json
import uuid
from typing import Any

from ..arn import log_stream_arn
from ..clock import now
from ..errors import Conflict, NotActive, NotFound, QuotaExceeded, ValidationFault
from ..states import FINAL
from .context import Context, Handler, Params, existing, given
from .sharing import accessible, check_run

_PARAMETER_BYTES = 50_000
_CLONED = (
    "workflowId", "workflowType", "workflowVersionName", "name", "parameters", "runGroupId",
    "workflowOwnerId", "cacheId", "cacheBehavior", "priority", "storageType", "storageCapacity",
    "logLevel", "retentionMode", "networkingMode", "scratchStorageMode", "outputUriPrefixMode",
)  # fmt: skip
_OWN = ("roleArn", "outputUri", "sessionPolicy")


def start_run(context: Context, params: Params) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if params.get("runId"):
        if params.get("workflowId"):
            raise ValidationFault("workflowId and runId exclude each other")
        wanted = given(existing(context, "run", params["runId"]), *_CLONED)
    wanted |= given(params, *_CLONED, *_OWN)
    if not wanted.get("workflowId"):
        raise ValidationFault("one of workflowId and runId is required")
    workflow, definition = _definition(context, wanted)
    check_run(context, workflow, params)
    parameters = wanted.get("parameters") or {}
    _check_parameters(parameters, definition.get("parameterTemplate") or {})
    _check_output_uri(context, wanted["outputUri"])
    if wanted.get("networkingMode") == "VPC" or params.get("configurationName"):
        raise ValidationFault("the local HealthOmics has no configurations, so no VPC networking")
    cache = _cache(context, wanted)
    if wanted.get("runGroupId"):
        existing(context, "group", wanted["runGroupId"])
    _make_room(context)
    storage = wanted.get("storageType") or definition.get("storageType") or "DYNAMIC"
    document = {
        **wanted,
        "uuid": str(uuid.uuid4()),
        "status": "PENDING",
        "workflowType": "PRIVATE",
        "workflowName": workflow.get("name"),
        "workflowUuid": workflow["uuid"],
        "definitionUuid": definition["uuid"],
        "main": definition.get("main"),
        "digest": definition["digest"],
        "imageMap": {
            mapping["sourceImage"]: mapping["destinationImage"]
            for mapping in (definition.get("containerRegistryMap") or {}).get("imageMappings", [])
            if mapping.get("sourceImage") and mapping.get("destinationImage")
        },
        "parameters": parameters,
        "storageType": storage,
        "logLevel": wanted.get("logLevel") or "ALL",
        "retentionMode": wanted.get("retentionMode") or "RETAIN",
        "networkingMode": "RESTRICTED",
        "outputUriPrefixMode": wanted.get("outputUriPrefixMode") or "SERVICE_DEFINED",
        "startedBy": context.arn("").replace(":omics:", ":sts:") + "assumed-role/local/user",
        "creationTime": now(),
        "tags": dict(params.get("tags") or {}),
        **given(params, "runId"),
        **cache,
    }
    capacity = wanted.get("storageCapacity") or definition.get("storageCapacity")
    document.pop("storageCapacity", None)
    if storage == "STATIC":
        document["storageCapacity"] = _capacity(capacity)
    document = context.add("run", document)
    id = document["id"]
    base = wanted["outputUri"].rstrip("/")
    plain = document["outputUriPrefixMode"] == "NONE_WITH_OVERWRITE"
    document = context.store.update("run", id, {
        "arn": context.arn(f"run/{id}"),
        "runOutputUri": base if plain else f"{base}/{id}",
        "logLocation": {
            "engineLogStream": log_stream_arn(f"run/{id}/engine"),
            "runLogStream": log_stream_arn(f"run/{id}"),
        },
    })  # fmt: skip
    return {**document, "then": [("run", id)]}


def _definition(context: Context, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    if wanted.get("workflowType") == "READY2RUN":
        raise NotFound("Ready2Run workflow", wanted["workflowId"])
    owner = wanted.get("workflowOwnerId")
    workflow = accessible(context, "workflow", wanted["workflowId"], owner)
    version = wanted.get("workflowVersionName")
    definition = workflow
    if version:
        definition = accessible(context, "version", f"{wanted['workflowId']}/{version}", owner)
    if definition["status"] != "ACTIVE":
        name = definition["arn"].partition(":workflow/")[2]
        raise NotActive(f"workflow {name} is {definition['status']}, not ACTIVE")
    return workflow, definition


def _check_parameters(parameters: Any, template: dict[str, Any]) -> None:
    if not isinstance(parameters, dict):
        raise ValidationFault("parameters must be a JSON object")
    size = len(json.dumps(parameters, separators=(",", ":"), ensure_ascii=False).encode())
    if size > _PARAMETER_BYTES:
        raise ValidationFault(f"parameters are {size} bytes, more than {_PARAMETER_BYTES}")
    unknown = sorted(set(parameters) - set(template))
    if unknown:
        raise ValidationFault(f"parameters not in the parameter template: {', '.join(unknown)}")
    missing = sorted(
        name for name, entry in template.items()
        if not entry.get("optional") and parameters.get(name) is None
    )  # fmt: skip
    if missing:
        raise ValidationFault(f"missing required parameters: {', '.join(missing)}")


def _check_output_uri(context: Context, uri: str) -> None:
    bucket = uri.removeprefix("s3://").partition("/")[0]
    if not uri.startswith("s3://") or not bucket:
        raise ValidationFault(f"outputUri {uri} is no S3 URI")
    if not context.peers.has_bucket(bucket):
        raise ValidationFault(f"the bucket of outputUri {uri} does not exist")


def _cache(context: Context, wanted: dict[str, Any]) -> dict[str, Any]:
    if not wanted.get("cacheId"):
        if wanted.get("cacheBehavior"):
            raise ValidationFault("cacheBehavior needs a cacheId")
        return {}
    cache = existing(context, "cache", wanted["cacheId"])
    return {"cacheBehavior": wanted.get("cacheBehavior") or cache["cacheBehavior"]}


def _make_room(context: Context) -> None:
    """At the quota of stored runs the oldest REMOVE-mode run goes, or nothing can start."""
    try:
        context.quotas.room("runs", lambda: context.count("run"))
    except QuotaExceeded:
        rows = context.store.rows(
            "run", account=context.account, statuses=sorted(FINAL),
            where={"retentionMode": "REMOVE"}, limit=1,
        )  # fmt: skip
        if not rows:
            raise
        _delete(context, rows[0].body["id"])


def _capacity(asked: int | None) -> int:
    """1200 GiB or the next multiple of 2400."""
    return 1200 if not asked or asked <= 1200 else -(-asked // 2400) * 2400


def get_run(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, "run", params["id"])


def list_runs(context: Context, params: Params) -> dict[str, Any]:
    where = given(params, "runGroupId", "batchId")
    statuses = [params["status"]] if params.get("status") else []
    return context.page("run", params, name=params.get("name"), statuses=statuses, where=where)


def cancel_run(context: Context, params: Params) -> dict[str, Any]:
    run = existing(context, "run", params["id"])
    if run["status"] in FINAL:
        raise Conflict(f"run {params['id']} is {run['status']} already")
    context.scheduler.cancel(params["id"])
    return {}


def delete_run(context: Context, params: Params) -> dict[str, Any]:
    run = existing(context, "run", params["id"])
    if run["status"] not in FINAL:
        raise Conflict(f"run {params['id']} is {run['status']}; cancel it first")
    _delete(context, params["id"])
    return {}


def _delete(context: Context, id: str) -> None:
    with context.store.transaction():
        context.store.delete("run", id)
        context.store.delete_children("task", id)


def list_run_tasks(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "run", params["id"])
    statuses = [params["status"]] if params.get("status") else []
    # Oldest first, so that tasks which start between two pages are on a later one.
    found = context.page("task", params, newest_first=False, parent=params["id"], statuses=statuses)
    return {**found, "items": [_task(item) for item in found["items"]]}


def get_run_task(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "run", params["id"])
    task = existing(context, "task", params["taskId"])
    if task["runId"] != params["id"]:
        raise NotFound("run task", params["taskId"])
    return _task(task)


def _task(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "taskId": document["id"]}


HANDLERS: dict[str, Handler] = {
    "StartRun": start_run,
    "GetRun": get_run,
    "ListRuns": list_runs,
    "CancelRun": cancel_run,
    "DeleteRun": delete_run,
    "ListRunTasks": list_run_tasks,
    "GetRunTask": get_run_task,
}
