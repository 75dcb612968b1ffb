"""JSON from outside, refused where Python takes more than JSON is, or more than it can give back.

Python's reader takes NaN, numbers that overflow to infinity, halves of surrogate pairs (which no
answer can be written with) and nesting up to whatever is left of the stack; what is accepted here
can be kept, written and read again anywhere.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 100  # of lists and objects in each other; ours, the service documents none


def loads(body: bytes) -> Any:
    """The value of a text in UTF-8; ValueError says what is wrong with it."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_constant, parse_float=_float)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _check(value)
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"a number is too large: {text[:20]}")
    return number


def _check(value: Any) -> None:
    """Depth and texts, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, list):
                below += item
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
        if not below:
            return
        level = below
    raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a text holds half of a surrogate pair") from error
