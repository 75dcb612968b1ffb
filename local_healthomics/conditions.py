"""The `Condition` of a statement of IAM: its operators, and the keys that a request has here.

A key or an operator that is not known here is refused where a policy is read: taken as met or as
not met it would say of AWS what nobody knows. Names of keys know no case, nor do Arn operators.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

Keys = Mapping[str, tuple[str, ...]]  # of a request: by name in lower case

# What a request has here, as on AWS where all requests are sent by TLS.
_KNOWN = {
    "aws:requestedregion", "aws:principalaccount", "aws:principalarn", "aws:principaltype",
    "aws:userid", "aws:sourceip", "aws:securetransport", "aws:currenttime", "aws:epochtime",
    "aws:useragent", "aws:viaawsservice", "aws:tagkeys", "aws:sourceaccount", "aws:sourcearn",
    "iam:passedtoservice", "s3:prefix", "s3:delimiter", "s3:max-keys",
}  # fmt: skip
_KNOWN_BEGINNINGS = ("aws:requesttag/",)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}


@lru_cache(maxsize=1000)
def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """`*` and `?` of IAM."""
    words = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(words, flags | re.DOTALL)


def _like(said: str, wanted: str) -> bool:
    return pattern(wanted).fullmatch(said) is not None


def _arn(said: str, wanted: str) -> bool:
    """Each of the six parts by itself: a `*` does not reach into the next."""
    ours, theirs = said.split(":", 5), wanted.split(":", 5)
    return len(ours) == len(theirs) and all(map(_like, ours, theirs))


def _address(said: str, wanted: str) -> bool:
    return ipaddress.ip_address(said) in ipaddress.ip_network(wanted, strict=False)


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def _by(number: Callable[[str], float], holds: Callable[[float, float], bool]) -> _Test:
    return lambda said, wanted: holds(number(said), number(wanted))


_Test = Callable[[str, str], bool]
_TESTS: dict[str, _Test] = {
    "StringEquals": lambda said, wanted: said == wanted,
    "StringEqualsIgnoreCase": lambda said, wanted: said.casefold() == wanted.casefold(),
    "StringLike": _like,
    "ArnEquals": _arn,  # which takes wildcards too
    "ArnLike": _arn,
    "Bool": lambda said, wanted: said.lower() == wanted.lower(),
    "IpAddress": _address,
}
for _kind, _number in (("Numeric", float), ("Date", _moment)):
    _TESTS[f"{_kind}Equals"] = _by(_number, lambda a, b: a == b)
    _TESTS[f"{_kind}LessThan"] = _by(_number, lambda a, b: a < b)
    _TESTS[f"{_kind}LessThanEquals"] = _by(_number, lambda a, b: a <= b)
    _TESTS[f"{_kind}GreaterThan"] = _by(_number, lambda a, b: a > b)
    _TESTS[f"{_kind}GreaterThanEquals"] = _by(_number, lambda a, b: a >= b)
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of one operator."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    quantifier: str = ""  # ForAllValues, ForAnyValue
    if_exists: bool = False

    @classmethod
    def of(cls, operator: str, key: str, wanted: Any) -> Self:
        """ValueError if it is not understood here."""
        quantifier, _, name = operator.rpartition(":")
        bare = name.removesuffix("IfExists")
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or bare not in (
            "Null", *_TESTS, *_NEGATED,
        ):  # fmt: skip
            raise ValueError(f"the condition operator {operator} is not understood here")
        lower = key.lower()
        if lower not in _KNOWN and not lower.startswith(_KNOWN_BEGINNINGS):
            raise ValueError(
                f"the condition key {key} is not understood here; known are"
                f" {', '.join(sorted(_KNOWN))}, aws:requesttag/…"
            )
        values = wanted if isinstance(wanted, list) else [wanted]
        texts = tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)
        for text in texts:
            check_variables(text)
            _try(bare, text)
        return cls(bare, lower, texts, quantifier, name != bare)

    def holds(self, keys: Keys) -> bool:
        said = keys.get(self.key)
        if self.operator == "Null":
            return any((said is None) == (wanted == "true") for wanted in self.wanted)
        if not said:
            # Nothing is in any set, and differs from everything.
            absent_holds = self.if_exists or self.operator in _NEGATED
            return self.quantifier == "ForAllValues" or (
                absent_holds and self.quantifier != "ForAnyValue"
            )
        wanted = [substituted(text, keys) for text in self.wanted]
        each = (self._one(value, wanted) for value in said)
        return all(each) if self.quantifier == "ForAllValues" else any(each)

    def _one(self, said: str, wanted: Iterable[str]) -> bool:
        negated = self.operator in _NEGATED
        test = _TESTS[_NEGATED.get(self.operator, self.operator)]
        return any(test(said, one) for one in wanted) != negated


def conditions(data: Any) -> tuple[Condition, ...]:
    """All of a `Condition` element, each of which has to hold."""
    if not isinstance(data, Mapping) or not all(isinstance(v, Mapping) for v in data.values()):
        raise ValueError(f"no Condition of IAM: {str(data)[:200]}")
    return tuple(
        Condition.of(operator, key, wanted)
        for operator, keys in data.items()
        for key, wanted in keys.items()
    )


def check_variables(text: str) -> None:
    """ValueError if a text names a policy variable that is not known here."""
    for name in _VARIABLE.findall(text):
        if name not in _LITERALS and name.lower() not in _KNOWN:
            raise ValueError(f"the policy variable ${{{name}}} is not understood here")


def substituted(text: str, keys: Keys) -> str:
    """The text with its variables' values; one that a request lacks matches nothing."""
    return _VARIABLE.sub(
        lambda found: _LITERALS.get(found[1], ",".join(keys.get(found[1].lower(), ("\0",)))), text
    )


def _try(operator: str, wanted: str) -> None:
    """ValueError if it is no value for the operator."""
    said = wanted
    if operator in ("IpAddress", "NotIpAddress"):
        said = "127.0.0.1"
    if operator in ("Bool", "Null") and wanted.lower() not in ("true", "false"):
        raise ValueError(f"the value {wanted!r} of {operator} is neither true nor false")
    if operator != "Null" and "${" not in wanted:
        _TESTS[_NEGATED.get(operator, operator)](said, wanted)
