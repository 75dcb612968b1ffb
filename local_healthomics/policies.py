"""Policies of IAM by which the server denies what the user's own would: `--policy FILE`.

Effect, Action and Resource (and their Not…) decide, with `*` and `?`; a Condition is taken as met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

_MEMBERS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True, slots=True)
class Statement:
    """Whether it allows or denies, and what: patterns, or all but them."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    but_actions: bool = False
    but_resources: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        if set(data) - _MEMBERS or data.get("Effect") not in ("Allow", "Deny"):
            raise ValueError(f"no statement of an identity's policy: {json.dumps(data)[:200]}")
        actions = data.get("Action", data.get("NotAction"))
        resources = data.get("Resource", data.get("NotResource"))
        return cls(
            data["Effect"] == "Allow",
            _several(actions),
            _several(resources),
            "NotAction" in data,
            "NotResource" in data,
        )

    def covers(self, action: str, resource: str) -> bool:
        """`*` is the resource of a request that names none: any statement may speak of it."""
        by_action = any(_matches(one, action, re.IGNORECASE) for one in self.actions)
        by_resource = resource == "*" or any(_matches(one, resource) for one in self.resources)
        if resource != "*":
            by_resource ^= self.but_resources
        return (by_action ^ self.but_actions) and by_resource


@dataclass(frozen=True, slots=True)
class Policy:
    """What one principal may do; nothing that no statement allows."""

    statements: tuple[Statement, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """ValueError if the file is no policy."""
        try:
            data = json.loads(path.read_text())
            found = data["Statement"]
            return cls(tuple(map(Statement.of, found if isinstance(found, list) else [found])))
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no policy of IAM: {error!r}") from error

    def denial(self, user: str, action: str, resource: str) -> str | None:
        """In the words of IAM, why a request is denied; None if it is not."""
        covering = [one for one in self.statements if one.covers(action, resource)]
        said = f"User: {user} is not authorized to perform: {action} on resource: {resource}"
        if any(not one.allows for one in covering):
            return f"{said} with an explicit deny in an identity-based policy"
        if not covering:
            return f"{said} because no identity-based policy allows the {action} action"
        return None


def denial(
    policies: Mapping[str, Policy], account: str, rights: Iterable[tuple[str, str, str]]
) -> str | None:
    """Why a request that takes these rights is denied, by the policy of who asks."""
    for who, action, resource in rights:
        user = f"arn:aws:sts::{account}:assumed-role/local/{'user' if who == 'caller' else 'run'}"
        found = policies[who].denial(user, action, resource) if who in policies else None
        if found is not None:
            return found
    return None


def _several(value: Any) -> tuple[str, ...]:
    if value is None:
        raise ValueError("a statement needs an Action and a Resource, or NotAction, NotResource")
    return tuple(value) if isinstance(value, list) else (str(value),)


@lru_cache(maxsize=1000)
def _pattern(text: str, flags: int) -> re.Pattern[str]:
    words = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(words, flags | re.DOTALL)


def _matches(pattern: str, text: str, flags: int = 0) -> bool:
    return _pattern(pattern, int(flags)).fullmatch(text) is not None
