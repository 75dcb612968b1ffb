"""Policies of IAM by which the server denies what the user's own would: `--policy FILE`.

As IAM decides: what a statement denies is denied, whatever allows it, and what none allows is
denied too. What is not understood here is refused where the file is read. A request that names no
resource is allowed by a statement about any: which resources IAM asks for is not written of all.

A repository of ECR has such a policy as well, of who may use it, and so has a role: see `may_pull`
and `may_assume`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .conditions import Condition, Keys, check_variables, conditions, pattern, substituted

_MEMBERS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_SERVICE = "omics.amazonaws.com"
# User guide, "Amazon ECR permissions".
_PULLING = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")


@dataclass(frozen=True, slots=True)
class Statement:
    """Whether it allows or denies, and what: patterns, or all but them, under conditions."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    but_actions: bool = False
    but_resources: bool = False
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        if set(data) - _MEMBERS or data.get("Effect") not in ("Allow", "Deny"):
            raise ValueError(f"no statement of an identity's policy: {json.dumps(data)[:200]}")
        for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
            if (one in data) == (other in data):
                raise ValueError(f"a statement needs one of {one} and {other}")
        resources = _several(data.get("Resource", data.get("NotResource")))
        for resource in resources:
            check_variables(resource)
        return cls(
            data["Effect"] == "Allow",
            _several(data.get("Action", data.get("NotAction"))),
            resources,
            "NotAction" in data,
            "NotResource" in data,
            conditions(data.get("Condition", {})),
        )

    def covers(self, action: str, resource: str, keys: Keys) -> bool:
        """Whether it speaks of a request; `*` is the resource of one that names none."""
        wanted = [substituted(one, keys) for one in self.resources]
        by_action = any(_matches(one, action, re.IGNORECASE) for one in self.actions)
        by_resource = any(_matches(one, resource) for one in wanted) != self.but_resources
        if resource == "*" and self.allows:
            by_resource = True
        return (
            by_action != self.but_actions
            and by_resource
            and all(condition.holds(keys) for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What one principal may do; nothing that no statement allows."""

    statements: tuple[Statement, ...] = field(default=())

    @classmethod
    def read(cls, path: Path) -> Self:
        """ValueError if the file is no policy, or has what is not understood here."""
        try:
            found = json.loads(path.read_text())["Statement"]
            return cls(tuple(map(Statement.of, found if isinstance(found, list) else [found])))
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no policy of IAM: {error!r}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def denial(self, user: str, action: str, resource: str, keys: Keys) -> str | None:
        """In the words of IAM, why a request is denied; None if it is not."""
        covering = [one for one in self.statements if one.covers(action, resource, keys)]
        said = f"User: {user} is not authorized to perform: {action} on resource: {resource}"
        if any(not one.allows for one in covering):
            return f"{said} with an explicit deny in an identity-based policy"
        if not covering:
            return f"{said} because no identity-based policy allows the {action} action"
        return None


def denial(
    policies: Mapping[str, Policy],
    account: str,
    rights: Iterable[tuple[str, str, str]],
    keys: Keys,
) -> str | None:
    """Why a request that takes these rights is denied, by the policy of who asks."""
    for who, action, resource in rights:
        if who not in policies:
            continue
        session = "user" if who == "caller" else "run"
        user = f"arn:aws:sts::{account}:assumed-role/local/{session}"
        more = {
            "aws:principalarn": (f"arn:aws:iam::{account}:role/local",),
            "aws:principaltype": ("AssumedRole",),
            "aws:userid": (f"LOCAL:{session}",),
            **({"iam:passedtoservice": (_SERVICE,)} if action == "iam:PassRole" else {}),
        }
        found = policies[who].denial(user, action, resource, {**keys, **more})
        if found is not None:
            return found
    return None


def may_pull(text: str | None, account: str, region: str) -> bool:
    """Whether the policy of a repository lets the service pull images for runs of an account."""
    return _lets_service(text, _PULLING, account, region)


def may_pull_through(text: str | None, account: str, region: str) -> bool:
    """Whether the policy of a registry lets the service make repositories of upstream ones."""
    actions = ("ecr:CreateRepository", "ecr:BatchImportUpstreamImage")
    return _lets_service(text, actions, account, region)


def may_assume(text: str | None, account: str, region: str) -> bool:
    """Whether the trust policy of a role lets the service assume it."""
    return _lets_service(text, ("sts:AssumeRole",), account, region)


def _lets_service(text: str | None, actions: Iterable[str], account: str, region: str) -> bool:
    try:
        found = json.loads(text or "{}").get("Statement", [])
        statements = [found] if isinstance(found, dict) else found
        named = [one for one in statements if _is_for_service(one.get("Principal"))]
        kept = [{k: v for k, v in one.items() if k != "Principal"} for one in named]
        policy = Policy(tuple(Statement.of({"Resource": "*", **one}) for one in kept))
    except (ValueError, AttributeError):
        return False  # what is not understood does not allow
    keys = {
        "aws:sourceaccount": (account,),
        "aws:sourcearn": (f"arn:aws:omics:{region}:{account}:run/0000000",),
        "aws:securetransport": ("true",),
        "aws:viaawsservice": ("false",),
    }
    return all(policy.denial(_SERVICE, action, "*", keys) is None for action in actions)


def _is_for_service(principal: Any) -> bool:
    if isinstance(principal, dict):
        principal = principal.get("Service")
    return any(one in (_SERVICE, "*") for one in _several(principal or ()))


def _several(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)


def _matches(wanted: str, text: str, flags: int = 0) -> bool:
    return pattern(wanted, int(flags)).fullmatch(text) is not None
