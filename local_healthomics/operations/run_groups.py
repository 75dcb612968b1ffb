"""Run groups."""

from __future__ import annotations

from typing import Any

from ..context import Context, Handler, Params
from ..errors import Conflict
from ..states import LIVE
from .resources import Resource

_GROUPS = Resource(
    kind="group",
    path="runGroup",
    quota="runGroups",
    members=("name", "maxCpus", "maxGpus", "maxRuns", "maxDuration"),
)


def list_run_groups(context: Context, params: Params) -> dict[str, Any]:
    return context.page("group", params, name=params.get("name"))


def update_run_group(context: Context, params: Params) -> dict[str, Any]:
    context.scheduler.regroup(_GROUPS.update(context, params))
    return {}


def delete_run_group(context: Context, params: Params) -> dict[str, Any]:
    where = {"runGroupId": params["id"]}
    if context.store.rows(
        "run", account=context.account, statuses=["PENDING", *LIVE], where=where, limit=1
    ):
        raise Conflict(f"run group {params['id']} has runs that are not done")
    return _GROUPS.delete(context, params)


HANDLERS: dict[str, Handler] = {
    "CreateRunGroup": _GROUPS.create,
    "GetRunGroup": _GROUPS.get,
    "ListRunGroups": list_run_groups,
    "UpdateRunGroup": update_run_group,
    "DeleteRunGroup": delete_run_group,
}
