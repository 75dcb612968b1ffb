"""Requests of the model's own shapes: valid ones, and ones broken in a single constraint.

Values are as they travel: blobs are base64 text, times ISO 8601. A full request has every member
that a request may have at once (of a union, one).
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel
from botocore.parsers import create_parser

AUTH = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/omics/aws4_request, SignedHeaders=host"
_CONTROL = "\x01"  # matches no pattern of the model
_LARGE = 1_000_000  # bytes of a blob that are too many to send for one case

# A text for each pattern of the model's input shapes; its last character may be repeated.
_TEXTS = {
    r"[\p{L}||\p{M}||\p{Z}||\p{S}||\p{N}||\p{P}]+": "é |1",
    r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}\t\n\r]+": "two\nlines",
    r"[\p{N}||\p{P}]+": "1.0",
    r"[\p{L}||\p{N}]+": "crc1",
    r"[0-9]+": "1",
    r"[0-9]{12}": "123456789012",
    r"[A-Za-z0-9][A-Za-z0-9\-\._]*": "v1.0",
    r"([a-z]){1}([a-z0-9_]){2,254}": "name_1",
    r"[a-z0-9_]{1,255}": "column",
    r"[a-zA-Z0-9_-]+": "conf-1",
    r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}": (
        "0123abcd-0123-4567-89ab-0123456789ab"
    ),
    r"sg-[0-9a-f]+": "sg-0a",
    r"subnet-[0-9a-f]+": "subnet-0a",
    r".+/.+": "owner/name",
    r"arn:.+": "arn:aws:omics:us-east-1:123456789012:run/1",
    r"arn:.*": "arn:aws:omics:us-east-1:123456789012:run/1",
    r"$|^arn:.+": "arn:aws:omics:us-east-1:123456789012:run/1",
    r".*arn:([^: ]*):([^: ]*):([^: ]*):([0-9]{12}):([^: ]*).*": (
        "arn:aws:omics:us-east-1:123456789012:run/1"
    ),
    r"arn:([^: ]*):([^: ]*):([^: ]*):([0-9]{12}):([^: ]*)": "arn:aws:iam::123456789012:role/r",
    r"arn:aws(-[\w]+)*:.+:.+:[0-9]{12}:.+": "arn:aws:omics:us-east-1:123456789012:run/1",
    r"arn:[^:]*:s3:[^:]*:[^:]*:accesspoint/.*": "arn:aws:s3:us-east-1:123456789012:accesspoint/a",
    r"arn:aws(-\w+)*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9\/_+=.@-]+": (
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"
    ),
}
_S3_URI = "s3://bucket/key/"  # for the many patterns of S3 URIs
_NUMBERS = {"integer": 32, "long": 64}


def valid(shape: Any, *, full: bool) -> Any:
    """A value of the shape; with `full`, one with the members that are not required too."""
    low = shape.metadata.get("min", 0)
    if getattr(shape, "is_document_type", False):
        return {"how": "ok"}
    match shape.type_name:
        case "structure":
            names = list(shape.members if full else shape.required_members)
            if getattr(shape, "is_tagged_union", False):
                names = list(shape.members)[:1]
            return {name: valid(shape.members[name], full=full) for name in names}
        case "list":
            return [valid(shape.member, full=full) for _ in range(max(low, 1))]
        case "map":
            return dict(_entries(shape, max(low, 1), full=full))
        case "blob":
            return _blob(max(low, 1))
        case "integer" | "long":
            return max(low, 1)
        case "boolean":
            return True
        case "timestamp":
            return "2026-01-01T00:00:00Z"
    return _text(shape, max(low, 1))


def _entries(shape: Any, count: int, *, full: bool) -> Iterator[tuple[str, Any]]:
    for index in range(count):
        yield _text(shape.key, 1) + (str(index) if index else ""), valid(shape.value, full=full)


def _blob(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


def _text(shape: Any, size: int) -> str:
    if getattr(shape, "enum", None):
        return str(shape.enum[0])
    pattern = shape.metadata.get("pattern")
    text = "text" if pattern is None else _TEXTS.get(pattern, _S3_URI)
    return text.ljust(size, text[-1])[: shape.metadata.get("max")]


@dataclass(frozen=True)
class Broken:
    """A value that breaks one constraint of one member."""

    member: str
    constraint: str
    value: Any

    def __str__(self) -> str:
        return f"{self.member}: {self.constraint}"


def broken(shape: Any) -> Iterator[Broken]:
    """Structures that are wrong in one constraint of a member, or of what a member holds."""
    union = getattr(shape, "is_tagged_union", False)
    payload = shape.serialization.get("payload")
    whole = {} if union else valid(shape, full=True)
    for name in shape.required_members:
        if name != payload:
            yield Broken(name, "required", {k: v for k, v in whole.items() if k != name})
    for name, member in shape.members.items():
        as_text = "location" in member.serialization
        for wrong in _broken(member, name, as_text=as_text) if name != payload else ():
            yield Broken(wrong.member, wrong.constraint, {**whole, name: wrong.value})


def _broken(shape: Any, member: str, *, as_text: bool = False) -> Iterator[Broken]:
    """The values that are wrong in one constraint of the shape, or of what it holds.

    `as_text`: the value travels in the path or the query, where everything is a text.
    """
    for constraint, value in _own(shape, as_text):
        yield Broken(member, constraint, value)
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure":
        yield from broken(shape)
    elif shape.type_name == "list":
        for wrong in _broken(shape.member, member, as_text=as_text):
            yield Broken(wrong.member, f"an item's {wrong.constraint}", [wrong.value])
    elif shape.type_name == "map":
        key, value = _text(shape.key, 1), valid(shape.value, full=True)
        for wrong in _broken(shape.key, member, as_text=True):
            yield Broken(wrong.member, f"a key's {wrong.constraint}", {wrong.value: value})
        for wrong in _broken(shape.value, member):
            yield Broken(wrong.member, f"a value's {wrong.constraint}", {key: wrong.value})


def _own(shape: Any, as_text: bool) -> Iterator[tuple[str, Any]]:
    kind = shape.type_name
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if getattr(shape, "is_document_type", False):
        return
    if kind in _NUMBERS:
        bound = 2 ** (_NUMBERS[kind] - 1)
        yield "type", "many"
        yield "min", (-bound if low is None else low) - 1
        yield "max", (bound - 1 if high is None else high) + 1
    elif kind in ("boolean", "timestamp"):
        yield "type", "perhaps"
    elif kind == "structure":
        yield "type", "text"
        if getattr(shape, "is_tagged_union", False):
            yield "one member", {}
            if len(shape.members) > 1:
                yield "one member", {k: valid(m, full=True) for k, m in shape.members.items()}
    elif not as_text:
        yield "type", 17
    if kind == "string":
        yield from _wrong_texts(shape)
    if kind in ("string", "blob", "list", "map"):
        if low:
            yield "min", _sized(shape, low - 1)
        if high is not None and not (kind == "blob" and high > _LARGE):
            yield "max", _sized(shape, high + 1)


def _wrong_texts(shape: Any) -> Iterator[tuple[str, Any]]:
    if getattr(shape, "enum", None):
        yield "enum", "NONE_OF_THEM"
    if shape.metadata.get("pattern"):
        yield "pattern", _CONTROL * max(shape.metadata.get("min", 1), 1)


def _sized(shape: Any, size: int) -> Any:
    match shape.type_name:
        case "list":
            return [valid(shape.member, full=False)] * size
        case "map":
            return dict(_entries(shape, size, full=False))
        case "blob":
            return _blob(size)
    return "1" * size


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, and what botocore reads in it."""

    status: int
    headers: HeadersDict
    body: bytes

    def parsed(self, operation: OperationModel) -> dict[str, Any]:
        answer = {"status_code": self.status, "headers": self.headers, "body": self.body}
        found: dict[str, Any] = create_parser("rest-json").parse(answer, operation.output_shape)
        return found


class Wire:
    """Sends requests past botocore, which would refuse to send broken ones."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def close(self) -> None:
        self._connection.close()

    def send(self, operation: OperationModel, params: dict[str, Any]) -> Reply:
        path = operation.http["requestUri"].split("?")[0]
        query: list[tuple[str, str]] = []
        document, headers = {}, {"Authorization": AUTH}
        payload = operation.input_shape.serialization.get("payload")
        for name, member in operation.input_shape.members.items():
            wire = member.serialization.get("name", name)
            value = params.get(name)
            match member.serialization.get("location"):
                case "uri":
                    path = path.replace(f"{{{wire}}}", quote(value or "", safe=""))
                case "querystring" if value is not None:
                    items = value if isinstance(value, list) else [value]
                    query += [(wire, _text_of(item)) for item in items]
                case "header" if value is not None:
                    headers[wire] = value
                case None if name in params and name != payload:
                    document[wire] = value
        body = b"payload" if payload else json.dumps(document).encode() if document else b""
        target = f"{path}?{urlencode(query)}" if query else path
        self._connection.request(operation.http["method"], target, body, headers)
        answer = self._connection.getresponse()
        return Reply(answer.status, HeadersDict(answer.getheaders()), answer.read())


def _text_of(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | int) else str(value)
