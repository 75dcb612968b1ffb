"""Configurations: the customer's own network that a run may be given.

No network is made here; runs are told to be in one.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from ..arn import key_of
from ..background import Job
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict, ValidationFault
from ..states import LIVE
from .common import existing, given


def create_configuration(context: Context, params: Params) -> dict[str, Any]:
    key = _key(context, params)
    if context.store.get("configuration", key) is not None:
        raise Conflict(f"configuration {params['name']} exists already")
    context.quotas.room("configurations", lambda: context.count("configuration"))
    document = context.add(
        "configuration",
        {
            **given(params, "name", "description"),
            "arn": context.arn(f"configuration/{params['name']}"),
            "uuid": str(uuid.uuid4()),
            "runConfigurations": _computed(params["runConfigurations"]),
            "status": "CREATING",
            "creationTime": now(),
            "tags": dict(params.get("tags") or {}),
        },
        id=key,
    )
    return {**document, "follow_up": [("configuration", key)]}


def _computed(asked: Params) -> dict[str, Any]:
    """The settings as the service answers them: with the VPC that the subnets are in."""
    vpc = asked.get("vpcConfig")
    if vpc is None:
        return dict(asked)
    for name in ("securityGroupIds", "subnetIds"):
        if not vpc.get(name):
            raise ValidationFault(f"vpcConfig.{name} needs at least one id")
        if len(set(vpc[name])) != len(vpc[name]):
            raise ValidationFault(f"vpcConfig.{name} names one id twice")
    digest = hashlib.sha256(min(vpc["subnetIds"]).encode()).hexdigest()
    return {**asked, "vpcConfig": {**vpc, "vpcId": f"vpc-{digest[:17]}"}}


def get_configuration(context: Context, params: Params) -> dict[str, Any]:
    return existing(context, "configuration", _key(context, params))


def list_configurations(context: Context, params: Params) -> dict[str, Any]:
    # Pages of 10 at most, as the request has it, also when it does not say so.
    return context.page("configuration", {"maxResults": 10, **params})


def delete_configuration(context: Context, params: Params) -> dict[str, Any]:
    key, name = _key(context, params), params["name"]
    existing(context, "configuration", key)
    using = context.store.rows(
        "run",
        account=context.account,
        statuses=["PENDING", *LIVE],
        where={"configurationName": name},
        limit=1,
    )
    if using:
        raise Conflict(f"configuration {name} is in use by run {using[0].body['id']}")
    context.store.update("configuration", key, {"status": "DELETING"})
    return {"follow_up": [("configuration", key)]}


def _key(context: Context, params: Params) -> str:
    return key_of(context.account, params["name"])


def settle_configuration(context: Context, document: dict[str, Any]) -> None:
    """CREATING becomes ACTIVE, DELETING nothing."""
    key = key_of(document["account"], document["name"])
    with context.store.transaction():
        found = context.store.get("configuration", key)
        if found is None:
            return
        if found["status"] == "CREATING":
            context.store.update("configuration", key, {"status": "ACTIVE"})
        elif found["status"] == "DELETING":
            context.store.delete("configuration", key)


JOBS: dict[str, Job[Context]] = {"configuration": settle_configuration}
HANDLERS: dict[str, Handler] = {
    "CreateConfiguration": create_configuration,
    "GetConfiguration": get_configuration,
    "ListConfigurations": list_configurations,
    "DeleteConfiguration": delete_configuration,
}
