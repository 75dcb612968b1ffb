"""Run groups."""

from __future__ import annotations

from typing import Any

from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict
from ..states import LIVE
from .common import existing, given

_MEMBERS = ("name", "maxCpus", "maxGpus", "maxRuns", "maxDuration")


def create_run_group(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("runGroups", lambda: context.count("group"))
    tags = dict(params.get("tags") or {})
    document = context.add(
        "group", {**given(params, *_MEMBERS), "creationTime": now(), "tags": tags}
    )
    id = document["id"]
    return context.store.update("group", id, {"arn": context.arn(f"runGroup/{id}")})


def get_run_group(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, "group", params["id"])


def list_run_groups(context: Context, params: Params) -> dict[str, Any]:
    return context.page("group", params, name=params.get("name"))


def update_run_group(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "group", params["id"])
    group = context.store.update("group", params["id"], given(params, *_MEMBERS))
    context.scheduler.regroup(group)
    return {}


def delete_run_group(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "group", params["id"])
    where = {"runGroupId": params["id"]}
    if context.store.rows("run", statuses=["PENDING", *LIVE], where=where, limit=1):
        raise Conflict(f"run group {params['id']} has runs that are not done")
    context.store.delete("group", params["id"])
    return {}


HANDLERS: dict[str, Handler] = {
    "CreateRunGroup": create_run_group,
    "GetRunGroup": get_run_group,
    "ListRunGroups": list_run_groups,
    "UpdateRunGroup": update_run_group,
    "DeleteRunGroup": delete_run_group,
}
