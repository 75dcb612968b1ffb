"""What moto keeps of its services as JSON, and back: plain values and objects of moto's models.

An object that stands in two places, such as a policy and what it is attached to, is written once,
and is one again when it is read. Reading makes objects of moto's classes and fills them, without
running any code of theirs: what stands in a file can be held, and do nothing.
"""

from __future__ import annotations

import base64
import importlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Any

_MODELS = re.compile(r"(moto\.(?:(?!core\.)\w+\.models|utilities\.tagging_service))\.(\w+)")
_PLAIN = (type(None), bool, int, float, str)


class NotPlain(Exception):
    """A value that cannot be written, or a text that is none of ours."""


def written(value: Any) -> str:
    """Raises NotPlain: the value holds what is neither plain nor of moto's models."""
    writer = _Writer()
    root = writer.of(value)
    return json.dumps({"value": root, "objects": writer.objects})


def read(text: str) -> Any:
    """Raises NotPlain: this is damaged, or names a class that this moto has not."""
    try:
        told = json.loads(text)
        reader = _Reader([_empty(name) for name, _ in told["objects"]])
        for made, (_, members) in zip(reader.objects, told["objects"], strict=True):
            vars(made).update({name: reader.of(member) for name, member in members.items()})
        return reader.of(told["value"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise NotPlain(f"it is damaged ({error!r})") from error


def _empty(name: str) -> Any:
    """An object of a class of moto's, without its members."""
    return object.__new__(_class(name))


def _class(name: str) -> type:
    matched = _MODELS.fullmatch(name)
    found: Any = None
    if matched is not None:
        with suppress(ImportError):
            found = getattr(importlib.import_module(matched[1]), matched[2], None)
    if not isinstance(found, type) or _name(found) != name:
        raise NotPlain(f"this version of moto has no {name}")
    return found


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class _Writer:
    def __init__(self) -> None:
        self.objects: list[tuple[str, dict[str, Any]]] = []
        self._numbers: dict[int, int] = {}  # of objects, by id()

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is list:
            return [self.of(item) for item in value]
        if kind is dict:
            if all(type(key) is str for key in value):
                return {"map": self._members(value)}
            return {"pairs": [[self.of(key), self.of(item)] for key, item in value.items()]}
        if kind is tuple:
            return {"tuple": [self.of(item) for item in value]}
        if kind is set:
            return {"set": sorted(self.of(item) for item in value)}
        if kind is bytes:
            return {"bytes": base64.b64encode(value).decode()}
        if kind is datetime:
            return {"time": value.isoformat()}
        name = _name(kind)
        if not _MODELS.fullmatch(name):
            raise NotPlain(f"{name} is none of moto's models")
        if isinstance(value, Enum):
            return {"enum": [name, value.name]}
        return {"object": self._number(name, value)}

    def _members(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.of(member) for name, member in value.items()}

    def _number(self, name: str, value: Any) -> int:
        known = self._numbers.get(id(value))
        if known is None:
            known = self._numbers[id(value)] = len(self.objects)
            members: dict[str, Any] = {}
            self.objects.append((name, members))
            members |= self._members(vars(value))
        return known


class _Reader:
    def __init__(self, objects: list[Any]) -> None:
        self.objects = objects
        self._kinds: dict[str, Callable[[Any], Any]] = {
            "map": lambda told: {name: self.of(item) for name, item in told.items()},
            "pairs": lambda told: {self.of(key): self.of(item) for key, item in told},
            "tuple": lambda told: tuple(map(self.of, told)),
            "set": lambda told: set(map(self.of, told)),
            "bytes": base64.b64decode,
            "time": datetime.fromisoformat,
            "enum": lambda told: _class(told[0])[told[1]],  # type: ignore[index]
            "object": self.objects.__getitem__,
        }

    def of(self, told: Any) -> Any:
        if isinstance(told, list):
            return [self.of(item) for item in told]
        if isinstance(told, dict):
            ((kind, content),) = told.items()
            return self._kinds[kind](content)
        return told
