"""Read policies of IAM as far as the doctor must: who may do what, and under which condition. Pure.

It does not evaluate them: what a policy forbids, and conditions other than those that name this
account and its runs, are told as not understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

OMICS = "omics.amazonaws.com"


class Verdict(StrEnum):
    """Whether a policy lets HealthOmics do something."""

    YES = "yes"
    NO = "no"
    OTHERS = "others"  # to another account or for other runs
    UNCLEAR = "unclear"


def lets_service(
    policy: Mapping[str, Any], actions: Sequence[str], account: str, region: str
) -> Verdict:
    """Whether a policy lets HealthOmics do all of `actions` for runs of an account."""
    verdicts = [_lets(policy, action, account, region) for action in actions]
    return next((found for found in _WORST_FIRST if found in verdicts), Verdict.NO)


_WORST_FIRST = (Verdict.NO, Verdict.OTHERS, Verdict.UNCLEAR, Verdict.YES)


def _lets(policy: Mapping[str, Any], action: str, account: str, region: str) -> Verdict:
    verdicts = []
    for statement in _statements(policy):
        if not _is_for_service(statement.get("Principal")):
            continue
        patterns = [pattern.lower() for pattern in _texts(statement.get("Action"))]
        if not any(fnmatchcase(action.lower(), pattern) for pattern in patterns):
            continue
        if statement.get("Effect") != "Allow":
            return Verdict.UNCLEAR if statement.get("Condition") else Verdict.NO
        verdicts.append(_holds(statement.get("Condition"), account, region))
    best = reversed(_WORST_FIRST)
    return next((found for found in best if found in verdicts), Verdict.NO)


def _holds(condition: Any, account: str, region: str) -> Verdict:
    if not condition:
        return Verdict.YES
    if not isinstance(condition, Mapping):
        return Verdict.UNCLEAR
    for operator, keys in condition.items():
        if not isinstance(keys, Mapping):
            return Verdict.UNCLEAR
        for key, values in keys.items():
            kind = str(operator).removesuffix("IfExists")
            name = str(key).lower()
            if name == "aws:sourceaccount" and kind in ("StringEquals", "StringLike"):
                if not any(fnmatchcase(account, value) for value in _texts(values)):
                    return Verdict.OTHERS
            elif name == "aws:sourcearn" and kind in ("ArnLike", "ArnEquals", "StringLike"):
                if not any(_is_run(value, account, region) for value in _texts(values)):
                    return Verdict.OTHERS
            else:
                return Verdict.UNCLEAR
    return Verdict.YES


def _is_run(pattern: str, account: str, region: str) -> bool:
    """Whether runs of an account are meant by a pattern of ARNs."""
    parts = pattern.split(":", 5)
    if len(parts) < 6:
        return fnmatchcase(f"arn:aws:omics:{region}:{account}:run/1", pattern)
    wanted = zip(("omics", region, account), parts[2:5], strict=True)
    return all(fnmatchcase(value, part) for value, part in wanted) and (
        fnmatchcase("run/1", parts[5]) or parts[5].startswith("run/")
    )


def _is_for_service(principal: Any) -> bool:
    if principal == "*":
        return True
    return isinstance(principal, Mapping) and OMICS in _texts(principal.get("Service"))


def _statements(policy: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = policy.get("Statement") or []
    for statement in [found] if isinstance(found, Mapping) else found:
        if isinstance(statement, Mapping):
            yield statement


def _texts(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    return [str(one) for one in found] if isinstance(found, list | tuple) else []
