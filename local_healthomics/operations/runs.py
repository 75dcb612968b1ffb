"""Runs: start, find, cancel and delete them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from ..arn import key_of, log_stream_arn, object_of
from ..clock import age, now
from ..context import Context, Handler, Params
from ..errors import Conflict, NotActive, NotFound, QuotaExceeded, ValidationFault
from ..runs import parameters as run_parameters
from ..runs import run_log
from ..states import FINAL
from .common import asked_states, check_region, existing, given, not_found
from .sharing import accessible, check_export, check_run
from .workflows import definition_link

# What a duplicate of a run takes from it, and what StartRun's request alone can say.
_CLONED = (
    "workflowId",
    "workflowType",
    "workflowVersionName",
    "workflowOwnerId",
    "name",
    "parameters",
    "parametersUri",
    "runGroupId",
    "cacheId",
    "cacheBehavior",
    "priority",
    "storageType",
    "storageCapacity",
    "logLevel",
    "retentionMode",
    "networkingMode",
    "configurationName",
    "scratchStorageMode",
    "outputUriPrefixMode",
    "sessionPolicy",
    "engineSettings",
    "requesterPaysEnabled",
)
_OWN = ("roleArn", "outputUri")
_LAST = 100_001  # the rank of a run without a priority, or with 0: after every other


def start_run(context: Context, params: Params) -> dict[str, Any]:
    return begin_run(context, params)


def begin_run(context: Context, params: Params, batch_id: str | None = None) -> dict[str, Any]:
    """A new run, of its own or of a batch."""
    wanted = _wanted(context, params)
    settings = settle(context, wanted)
    most = int(context.readings["parameter-bytes"])
    parameters = _parameters(wanted, settings["parameterTemplate"], most)
    if parameters.get("parametersUri") is None:
        del settings["parameterTemplate"]
    check_output_uri(context, wanted["outputUri"])
    _make_room(context)
    document = context.add(
        "run",
        {
            **given(
                wanted,
                "name",
                "runGroupId",
                "cacheId",
                "priority",
                "workflowVersionName",
                "workflowOwnerId",
                "scratchStorageMode",
                "configurationName",
                "sessionPolicy",
                "requesterPaysEnabled",
                *_OWN,
            ),
            **settings,
            **parameters,
            **({"batchId": batch_id} if batch_id else {}),
            "uuid": str(uuid.uuid4()),
            "status": "PENDING",
            "logLevel": wanted.get("logLevel") or "ALL",
            "retentionMode": wanted.get("retentionMode") or "RETAIN",
            "outputUriPrefixMode": wanted.get("outputUriPrefixMode") or "SERVICE_DEFINED",
            "rank": _rank(context, wanted.get("priority")),
            "startedBy": f"arn:aws:sts::{context.account}:assumed-role/local/user",
            "creationTime": now(),
            "tags": dict(params.get("tags") or {}),
            **given(params, "runId"),
        },
    )
    id = document["id"]
    base = wanted["outputUri"].rstrip("/")
    plain = document["outputUriPrefixMode"] == "NONE_WITH_OVERWRITE"
    changes: dict[str, Any] = {
        "arn": context.arn(f"run/{id}"),
        "runOutputUri": base if plain else f"{base}/{id}",
    }
    if document["logLevel"] != "OFF":
        changes["logLocation"] = {
            "engineLogStream": log_stream_arn(f"run/{id}/engine", context.account),
            "runLogStream": log_stream_arn(f"run/{id}", context.account),
        }
    document = context.store.update("run", id, changes)
    run_log.tell(context.logs, document, "CREATING_RUN")
    return {**document, "follow_up": [("run", id)]}


def _rank(context: Context, priority: int | None) -> int:
    """The place of a run among those that wait: the smallest number is next."""
    if not priority:
        return _LAST
    return priority if context.readings["priority"] == "low-first" else -priority


def _wanted(context: Context, params: Params) -> dict[str, Any]:
    """The members of the request, over those of the run that it duplicates."""
    if bool(params.get("workflowId")) == bool(params.get("runId")):
        raise ValidationFault("exactly one of workflowId and runId is required")
    if params.get("parameters") is not None and params.get("parametersUri"):
        raise ValidationFault("parameters and parametersUri exclude each other")
    wanted: dict[str, Any] = {}
    if params.get("runId"):
        wanted = given(existing(context, "run", params["runId"]), *_CLONED)
        if params.get("parameters") is not None or params.get("parametersUri"):
            wanted.pop("parameters", None)
            wanted.pop("parametersUri", None)
        if params.get("networkingMode") == "RESTRICTED":
            wanted.pop("configurationName", None)
    return wanted | given(params, "runId", *_CLONED, *_OWN)


def settle(context: Context, wanted: Params) -> dict[str, Any]:
    """What a run takes from the resources that its settings name, after checking all of them."""
    workflow, definition = _definition(context, wanted)
    check_run(context, workflow, wanted)
    if wanted.get("runGroupId"):
        existing(context, "group", wanted["runGroupId"])
    _check_policy(wanted.get("sessionPolicy"))
    storage = wanted.get("storageType") or definition.get("storageType")
    storage = storage or context.readings["storage-type"]
    settings: dict[str, Any] = {
        "workflowId": wanted["workflowId"],
        "workflowType": "PRIVATE",
        "workflowName": workflow.get("name"),
        "workflowUuid": workflow["uuid"],
        "definitionUuid": definition["uuid"],
        "main": definition.get("main"),
        "digest": definition["digest"],
        "engine": definition["engine"],
        "imageMap": definition.get("containerRegistryMap") or {},
        "parameterTemplate": definition.get("parameterTemplate") or {},
        "storageType": storage,
        **given(definition, "accelerators"),
        **_cache(context, wanted),
        **_networking(context, wanted),
    }
    if storage == "STATIC":
        asked = wanted.get("storageCapacity") or definition.get("storageCapacity")
        settings["storageCapacity"] = _capacity(asked)
    if definition["engine"] == "NEXTFLOW":  # the other engines have none, and the service no error
        settings |= given(wanted, "engineSettings")
    return settings


def _definition(context: Context, wanted: Params) -> tuple[dict[str, Any], dict[str, Any]]:
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


def _parameters(wanted: Params, template: dict[str, Any], most: int) -> dict[str, Any]:
    """The checked parameters, or where they are: the service checks a file when the run starts."""
    if wanted.get("parametersUri"):
        if not wanted["parametersUri"].startswith("s3://"):
            raise ValidationFault(f"parametersUri {wanted['parametersUri']} is no S3 URI")
        return {"parametersUri": wanted["parametersUri"]}
    parameters = wanted.get("parameters")
    if parameters is None:
        parameters = {}
    run_parameters.check_size(parameters, most)
    run_parameters.check(parameters, template)
    return {"parameters": parameters}


def check_output_uri(context: Context, uri: str) -> None:
    bucket, _ = object_of(uri)
    if not uri.startswith("s3://") or not bucket:
        raise ValidationFault(f"outputUri {uri} is no S3 URI")
    if not context.objects.has_bucket(bucket):
        raise ValidationFault(f"the bucket of outputUri {uri} does not exist")
    check_region(context, "outputUri", uri)


def _check_policy(text: str | None) -> None:
    if text is None:
        return
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise ValidationFault(f"sessionPolicy is no JSON: {error}") from error
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise ValidationFault("sessionPolicy is no IAM policy: it has no Statement")


def _networking(context: Context, wanted: Params) -> dict[str, Any]:
    """The networking of a run, and the configuration that it needs outside the service's own."""
    mode, name = wanted.get("networkingMode") or "RESTRICTED", wanted.get("configurationName")
    if mode != "VPC":
        if name:
            raise ValidationFault("configurationName needs the networkingMode VPC")
        return {"networkingMode": mode}
    if not name:
        raise ValidationFault("networkingMode VPC needs a configurationName")
    found = existing(context, "configuration", key_of(context.account, name))
    if found["status"] != "ACTIVE":
        raise NotActive(f"configuration {name} is {found['status']}, not ACTIVE")
    return {
        "networkingMode": mode,
        "configuration": given(found, "name", "arn", "uuid"),
        "vpcConfig": found["runConfigurations"].get("vpcConfig") or {},
    }


def _cache(context: Context, wanted: Params) -> dict[str, Any]:
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
            "run",
            account=context.account,
            statuses=sorted(FINAL),
            where={"retentionMode": "REMOVE"},
            limit=1,
        )
        if not rows:
            raise
        delete(context, rows[0].body["id"])


def _capacity(asked: int | None) -> int:
    """1200 GiB or the next multiple of 2400."""
    return 1200 if not asked or asked <= 1200 else -(-asked // 2400) * 2400


def known_run(context: Context, id: str) -> dict[str, Any]:
    """A run of the account, if it was started long enough ago to be known everywhere."""
    run = existing(context, "run", id)
    if age(run["creationTime"]) < float(context.readings["run-lag"]):
        raise not_found("run", id)
    return run


def get_run(context: Context, params: Params) -> dict[str, Any]:
    run = known_run(context, params["id"])
    if "DEFINITION" in (params.get("export") or []):
        check_export(context, run.get("workflowOwnerId"))
        link = definition_link(context, run["definitionUuid"])
        return {**run, **({"definition": link} if link else {})}
    return run


def list_runs(context: Context, params: Params) -> dict[str, Any]:
    where = given(params, "runGroupId", "batchId")
    statuses = asked_states(params)
    found = context.page("run", params, name=params.get("name"), statuses=statuses, where=where)
    return {**found, "items": [_row(run) for run in found["items"]]}


def _row(run: dict[str, Any]) -> dict[str, Any]:
    """A row of ListRuns; published ones of runs in STARTING lack what these are given there."""
    unsaid = ("priority", "storageCapacity") if run["status"] in ("PENDING", "STARTING") else ()
    return {name: value for name, value in run.items() if name not in unsaid}


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
    delete(context, params["id"])
    return {}


def delete(context: Context, id: str) -> None:
    """Forget a run and its tasks; outputs and logs stay."""
    with context.store.transaction():
        context.store.delete("run", id)
        context.store.delete_children("task", id)


HANDLERS: dict[str, Handler] = {
    "StartRun": start_run,
    "GetRun": get_run,
    "ListRuns": list_runs,
    "CancelRun": cancel_run,
    "DeleteRun": delete_run,
}
