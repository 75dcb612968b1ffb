"""Check a request against botocore's model: required members, types, ranges, patterns, enums.

Members that the model does not know are ignored, as the service ignores them. The model's patterns
are Java's (`\\p{L}`); they are translated once per pattern.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

from .errors import ValidationFault

_SIZED = {"string", "list", "map", "blob"}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "blob": (bytes,), "list": (list,), "map": (dict,), "structure": (dict,),
    "integer": (int,), "long": (int,), "boolean": (bool,), "float": (int, float),
    "double": (int, float),
}  # fmt: skip


@cache
def _category(letter: str) -> str:
    """The characters of one major Unicode category, as the inside of a character class."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == letter:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern of the model as Python's `re` has it."""
    translated = re.sub(r"\\p\{([A-Z])\}", lambda found: _category(found.group(1)), text)
    return re.compile(translated.replace("||", "|").replace("[a-z0-9-.]", "[a-z0-9.-]"))


def problems(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What is wrong with `value`, one sentence each."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return
    expected = _TYPES.get(kind)
    wrong_bool = isinstance(value, bool) and kind != "boolean"
    if expected and (wrong_bool or not isinstance(value, expected)):
        yield f"{where} must be of type {kind}"
        return
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"{_under(where, name)} is required"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from problems(member, value[name], _under(where, name))
        return
    yield from _range_problems(shape, value, where)
    if kind == "list":
        for index, item in enumerate(value):
            yield from problems(shape.member, item, f"{where}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            yield from problems(shape.key, key, f"key {key!r} of {where}")
            yield from problems(shape.value, item, f"{where}[{key!r}]")
    elif kind == "string":
        enum = getattr(shape, "enum", None)
        if enum and value not in enum:
            yield f"{where} must be one of {', '.join(enum)}"
        wanted = shape.metadata.get("pattern")
        if wanted and value and not pattern(wanted).fullmatch(value):
            yield f"{where} does not match the pattern {wanted}"


def _range_problems(shape: Any, value: Any, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    sized = shape.type_name in _SIZED
    size = len(value) if sized else value
    name = f"the length of {where}" if sized else where
    if low is not None and size < low:
        yield f"{name} must be at least {low}"
    if high is not None and size > high:
        yield f"{name} must be at most {high}"


def _under(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def validate(shape: Any, value: dict[str, Any]) -> None:
    """Raise a ValidationFault that names everything that is wrong with `value`."""
    found = list(problems(shape, value, ""))
    if found:
        raise ValidationFault("; ".join(found[:20]))
