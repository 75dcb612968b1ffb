"""Policies of the access points through which S3 clients read the stores.

A policy is kept as it was given, and checked to be one; who may read is not decided by it here,
as the S3 of the local HealthOmics lets everybody read.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..clock import now
from ..context import Context, Handler, Params
from ..errors import NotFound, NotSupported, ValidationFault
from ..stores import objects as store_objects

_ACCESS_POINT = re.compile(r"arn:aws:s3:[^:]*:\d{12}:accesspoint/\d{12}-(\d+)")
_NEEDED = ("Principal", "Action", "Resource")  # or, each of them, Not…


def default_policy(store: dict[str, Any]) -> str:
    """What a new store has: its owner may read (user guide, "Policy based sharing")."""
    point = store_objects.access_point(store)
    account = store["account"]
    prefix = f"{account}/sequenceStore/{store['id']}"
    owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    **owner,
                    "Action": ["s3:GetObject", "s3:GetObjectTagging"],
                    "Resource": f"{point}/object/{prefix}/*",
                },
                {
                    **owner,
                    "Action": "s3:ListBucket",
                    "Resource": point,
                    "Condition": {"StringLike": {"s3:prefix": f"{prefix}/*"}},
                },
            ],
        }
    )


def put_s3_access_policy(context: Context, params: Params) -> dict[str, Any]:
    store = _store(context, params)
    _check(params["s3AccessPolicy"])
    policy = {"text": params["s3AccessPolicy"], "time": now()}
    context.store.update("sequenceStore", store["id"], {"policy": policy})
    return _named(store)


def get_s3_access_policy(context: Context, params: Params) -> dict[str, Any]:
    store = _store(context, params)
    policy = store["policy"]
    if policy is None:
        raise NotFound("access policy of", params["s3AccessPointArn"])
    return {**_named(store), "s3AccessPolicy": policy["text"], "updateTime": policy["time"]}


def delete_s3_access_policy(context: Context, params: Params) -> dict[str, Any]:
    store = _store(context, params)
    context.store.update("sequenceStore", store["id"], {"policy": None})
    return {}


def _store(context: Context, params: Params) -> dict[str, Any]:
    """The sequence store behind an access point; the account must own it."""
    name = params["s3AccessPointArn"]
    found = _ACCESS_POINT.fullmatch(name)
    for kind in ("sequenceStore", "referenceStore"):
        store = context.store.get(kind, found.group(1)) if found else None
        if store is None or store["account"] != context.account:
            continue
        if store_objects.access_point(store) != name:
            continue
        if kind == "referenceStore":
            raise NotSupported("a reference store has no access policy")
        return store
    raise NotFound("access point", name)


def _named(store: dict[str, Any]) -> dict[str, Any]:
    return {
        "s3AccessPointArn": store_objects.access_point(store),
        "storeId": store["id"],
        "storeType": "SEQUENCE_STORE",
    }


def _check(text: str) -> None:
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise ValidationFault(f"s3AccessPolicy is no JSON: {error}") from error
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise ValidationFault("s3AccessPolicy has no Statement")
    for number, statement in enumerate(statements):
        where = f"Statement[{number}] of s3AccessPolicy"
        if not isinstance(statement, dict):
            raise ValidationFault(f"{where} is no object")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise ValidationFault(f"Effect in {where} must be Allow or Deny")
        for member in _NEEDED:
            if not statement.get(member) and not statement.get(f"Not{member}"):
                raise ValidationFault(f"{where} has no {member}")


HANDLERS: dict[str, Handler] = {
    "PutS3AccessPolicy": put_s3_access_policy,
    "GetS3AccessPolicy": get_s3_access_policy,
    "DeleteS3AccessPolicy": delete_s3_access_policy,
}
