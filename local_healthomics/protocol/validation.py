"""Check values against botocore's model: required members, types, ranges, patterns, enums, unions.

The sentences are those of the service, which says at once all that is wrong and where, in a path
that counts the items of a list from 1. Members that the model does not know are ignored, as the
service ignores them. Lengths of texts are in code points, as Smithy defines them; a pattern has to
match the whole text. Two rules for tags are AWS's own and in no model: 50 to a resource, and no key
that begins with `aws:` ("Tagging your AWS resources").
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import regex

from ..errors import ValidationFault

MOST_TAGS = 50
_MOST_PROBLEMS = 20
_SECONDS = 0.5  # to match a text
_LONGEST_VALUE = 300  # characters of a wrong value that are quoted
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (bytes,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime,),
}
_BITS = {"integer": 32, "long": 64}


@cache
def pattern(text: str) -> Any:
    """A pattern of the model, which is Java's (`\\p{L}`)."""
    return regex.compile(text)


def validate(shape: Any, value: dict[str, Any]) -> None:
    """Raise a ValidationFault that names what is wrong with `value`."""
    found = list(problems(shape, value, ""))
    if found:
        errors = "validation error" if len(found) == 1 else "validation errors"
        said = "; ".join(found[:_MOST_PROBLEMS])
        raise ValidationFault(f"{len(found)} {errors} detected: {said}")


def problems(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What is wrong with `value`, one sentence each."""
    if value is None:
        yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        return
    if getattr(shape, "is_document_type", False):
        return
    kind = shape.type_name
    if not _is_of_type(value, kind):
        yield _unsatisfied(value, where, f"be of type {kind}")
    elif kind == "structure":
        yield from _of_structure(shape, value, where)
    else:
        yield from _of_bounds(shape, value, where)
        if kind == "list":
            for index, item in enumerate(value, start=1):
                yield from problems(shape.member, item, f"{where}.{index}.member")
        elif kind == "map":
            for key, item in value.items():
                yield from problems(shape.key, key, where)
                yield from problems(shape.value, item, f"{where}.{key}.member")
        elif kind == "string":
            yield from _of_text(shape, value, where)


def _is_of_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):  # which Python counts among the integers
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _of_structure(shape: Any, value: dict[str, Any], where: str) -> Iterator[str]:
    given = {name for name in shape.members if value.get(name) is not None}
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        members = ", ".join(shape.members)
        yield _unsatisfied(value, where, f"have exactly one of the members [{members}]")
    for name, member in shape.members.items():
        if name in given or name in shape.required_members:
            yield from problems(member, value.get(name), f"{where}.{name}" if where else name)


def _of_bounds(shape: Any, value: Any, where: str) -> Iterator[str]:
    kind = shape.type_name
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if kind in _BITS:
        bound = 2 ** (_BITS[kind] - 1)
        low = -bound if low is None else low
        high = bound - 1 if high is None else high
        size, what = value, "value"
    elif kind in ("string", "blob", "list", "map"):
        high = MOST_TAGS if shape.name == "TagMap" else high
        size, what = len(value), "length"
    else:
        return
    if low is not None and size < low:
        yield _unsatisfied(value, where, f"have {what} greater than or equal to {low}")
    if high is not None and size > high:
        yield _unsatisfied(value, where, f"have {what} less than or equal to {high}")


def _of_text(shape: Any, value: str, where: str) -> Iterator[str]:
    if shape.name == "TagKey" and value.lower().startswith("aws:"):
        yield _unsatisfied(value, where, "not begin with aws:, which AWS keeps for itself")
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield _unsatisfied(value, where, f"satisfy enum value set: [{', '.join(enum)}]")
    wanted = shape.metadata.get("pattern")
    # A text that may be empty by its length is not forbidden to be so by a pattern ending in `+`.
    allowed_empty = not value and shape.metadata.get("min") == 0
    if wanted and not allowed_empty and not _matches(wanted, value):
        yield _unsatisfied(value, where, f"satisfy regular expression pattern: {wanted}")


def _matches(wanted: str, value: str) -> bool:
    try:
        return pattern(wanted).fullmatch(value, timeout=_SECONDS) is not None
    except TimeoutError:  # some of the patterns take quadratic time to refuse a text
        return False


def _unsatisfied(value: Any, where: str, constraint: str) -> str:
    quoted = str(value)[:_LONGEST_VALUE]
    return f"Value '{quoted}' at '{where}' failed to satisfy constraint: Member must {constraint}"
