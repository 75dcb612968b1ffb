"""REST-JSON both ways, derived from botocore's model of the service.

Nothing of the wire is written down here: routes, where a member travels, status codes and error
statuses are the model's. Paths are matched before they are unquoted, because an ARN in a path
holds quoted slashes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.utils import parse_timestamp

from .errors import Fault, ValidationFault
from .validation import validate


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Bytes of a file that an answer streams, from `start` up to, not including, `end`."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Spooled:
    """A streaming body in a file of the server's own, which a handler may move elsewhere."""

    path: Path
    size: int
    sha256: str  # hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes | Excerpt
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: re.Pattern[str]
    operation: Any


class Protocol:
    """The service `omics` as botocore's model describes it."""

    def __init__(self) -> None:
        self.model: Any = botocore.session.get_session().get_service_model("omics")
        self._routes = [self._route(name) for name in self.model.operation_names]
        # A literal path wins over one with a parameter (/runBatch/cancel, /runBatch/{id}).
        self._routes.sort(key=lambda route: route.path.pattern.count("(?P<"))

    def _route(self, name: str) -> Route:
        operation = self.model.operation_model(name)
        path = operation.http["requestUri"].split("?")[0]
        pattern = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", path)
        return Route(operation.http["method"], re.compile(pattern), operation)

    def match(self, method: str, raw_path: str) -> tuple[Any, dict[str, str]]:
        """The operation that a request names, and the members in its path."""
        for route in self._routes:
            if route.method == method and (found := route.path.fullmatch(raw_path)):
                return route.operation, {k: unquote(v) for k, v in found.groupdict().items()}
        raise ValidationFault(f"{method} {raw_path} is no operation of HealthOmics")

    def parse(
        self, operation: Any, in_path: Mapping[str, str], query: str,
        headers: Mapping[str, str], body: bytes | Spooled,
    ) -> dict[str, Any]:  # fmt: skip
        """The validated members of a request, a streaming one spooled."""
        shape = operation.input_shape
        if shape is None:
            return {}
        values = parse_qs(query, keep_blank_values=True)
        payload = shape.serialization.get("payload")
        document: dict[str, Any] = {}
        if isinstance(body, bytes) and self._has_body(shape):
            document = self._document(body)
        params: dict[str, Any] = {}
        for name, member in shape.members.items():
            if name == payload:
                continue
            wire = member.serialization.get("name", name)
            match member.serialization.get("location"):
                case "uri":
                    raw: Any = in_path.get(wire)
                case "querystring":
                    found = values.get(wire)
                    raw = found if member.type_name == "list" or not found else found[-1]
                case "header":
                    raw = headers.get(wire.lower())
                case _:
                    raw = document.get(wire)
                    if raw is not None:
                        params[name] = _read(member, raw, name)
                    continue
            if raw is not None:
                params[name] = _read_text(member, raw, name)
        validate(shape, params if payload is None else {**params, payload: b""})
        return params if payload is None else {**params, payload: body}

    @staticmethod
    def _has_body(shape: Any) -> bool:
        return any("location" not in member.serialization for member in shape.members.values())

    @staticmethod
    def _document(body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        try:
            document = json.loads(body)
        except ValueError as error:
            raise ValidationFault(f"the body is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise ValidationFault("the body is no JSON object")
        return document

    def serialise(self, operation: Any, result: Mapping[str, Any]) -> Answer:
        """The answer; what the model does not know stays behind."""
        shape = operation.output_shape
        status = int(operation.http.get("responseCode", 200))
        if shape is None or not shape.members:
            return Answer(status=status, body=b"{}" if status not in (204,) else b"")
        payload = shape.serialization.get("payload")
        if payload is not None:
            return Answer(status=status, body=result[payload])
        body = json.dumps(_write(shape, result), separators=(",", ":"), ensure_ascii=False)
        return Answer(status=status, body=body.encode())

    def failure(self, operation: Any, fault: Fault) -> Answer:
        """The error answer, its status from the model."""
        status = getattr(fault, "status", None)
        if status is None:
            status = self._error_status(operation, fault.code)
        return Answer(
            status=status,
            body=json.dumps({"message": fault.message}).encode(),
            headers=(("x-amzn-errortype", fault.code),),
        )

    def _error_status(self, operation: Any, code: str) -> int:
        shapes = operation.error_shapes if operation is not None else []
        for shape in [*shapes, *self.model.error_shapes]:
            if shape.name == code:
                return int(shape.metadata["error"]["httpStatusCode"])
        raise LookupError(f"{code} is no error of the model")


def _read(shape: Any, value: Any, where: str) -> Any:
    """A JSON value as Python has it."""
    if getattr(shape, "is_document_type", False):
        return value
    match shape.type_name:
        case "blob":
            try:
                return base64.b64decode(value, validate=True)
            except (binascii.Error, TypeError, ValueError) as error:
                raise ValidationFault(f"{where} is no base64 text") from error
        case "timestamp":
            return _time(value, where)
        case "structure" if isinstance(value, dict):
            return {
                name: _read(member, value[wire], f"{where}.{name}")
                for name, member in shape.members.items()
                if value.get(wire := member.serialization.get("name", name)) is not None
            }
        case "list" if isinstance(value, list):
            return [_read(shape.member, item, where) for item in value]
        case "map" if isinstance(value, dict):
            return {key: _read(shape.value, item, where) for key, item in value.items()}
    return value


def _read_text(shape: Any, value: Any, where: str) -> Any:
    """A member that travels as text, in the path, the query or a header."""
    match shape.type_name:
        case "integer" | "long":
            try:
                return int(value)
            except ValueError as error:
                raise ValidationFault(f"{where} must be of type integer") from error
        case "boolean":
            return value == "true"
        case "timestamp":
            return _time(value, where)
        case "list":
            return [_read_text(shape.member, item, where) for item in value]
    return value


def _time(value: Any, where: str) -> datetime:
    try:
        parsed: datetime = parse_timestamp(value)
    except (ValueError, TypeError) as error:
        raise ValidationFault(f"{where} is no timestamp") from error
    return parsed


def _write(shape: Any, value: Any) -> Any:
    """A Python value as JSON has it; only what the model knows."""
    if getattr(shape, "is_document_type", False):
        return value
    match shape.type_name:
        case "structure":
            return {
                member.serialization.get("name", name): _write(member, value[name])
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list":
            return [_write(shape.member, item) for item in value]
        case "map":
            return {key: _write(shape.value, item) for key, item in value.items()}
        case "timestamp":
            return value if isinstance(value, str) else value.isoformat()
        case "blob":
            return base64.b64encode(value).decode()
    return value
