"""REST-JSON both ways, derived from botocore's model of the service.

Nothing of the wire is written down here: routes, where a member travels, status codes and error
statuses are the model's. Paths are matched before they are unquoted, because an ARN in a path
holds quoted slashes. A value that cannot be read as its type stays as it came, for `validation` to
name it together with all else that is wrong.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from ..clock import written
from ..errors import Fault, NotSupported, UnknownOperation, ValidationFault
from . import strict_json
from .models import service_model
from .validation import validate

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_BOOLEANS = {"true": True, "false": False}


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

    def __init__(self, operations: Collection[str] | None = None) -> None:
        """With routes to these of the model's operations, or to all."""
        self.model: Any = service_model("omics")
        self._statuses = {
            shape.name: int(shape.metadata["error"]["httpStatusCode"])
            for shape in self.model.error_shapes
        }
        names = self.model.operation_names
        self._routes = [self._route(n) for n in names if operations is None or n in operations]
        # A literal path wins over one with a parameter (/runBatch/cancel, /runBatch/{id}).
        self._routes.sort(key=lambda route: route.path.pattern.count("(?P<"))

    def _route(self, name: str) -> Route:
        operation = self.model.operation_model(name)
        path = operation.http["requestUri"].split("?")[0]
        # An empty part of a path (`/run/`) is a member that validation misses.
        pattern = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]*)", path)
        return Route(operation.http["method"], re.compile(pattern), operation)

    def match(self, method: str, raw_path: str) -> tuple[Any, dict[str, str]]:
        """The operation that a request names, and the members in its path."""
        methods = []
        for route in self._routes:
            if found := route.path.fullmatch(raw_path):
                if route.method == method:
                    return route.operation, {k: unquote(v) for k, v in found.groupdict().items()}
                methods.append(route.method)
        if methods:
            raise NotSupported(f"{raw_path} has {', '.join(sorted(methods))}, but no {method}")
        raise UnknownOperation(raw_path)

    def parse(
        self,
        operation: Any,
        in_path: Mapping[str, str],
        query: str,
        headers: Mapping[str, str],
        body: bytes | Spooled,
    ) -> dict[str, Any]:
        """The validated members of a request, a streaming one spooled."""
        shape = operation.input_shape
        if shape is None:
            return {}
        values = parse_qs(query, keep_blank_values=True)
        payload = shape.serialization.get("payload")
        document: dict[str, Any] = {}
        if isinstance(body, bytes) and self._has_body(shape):
            document = _document(body)
        params: dict[str, Any] = {}
        for name, member in shape.members.items():
            if name == payload:
                continue
            wire = member.serialization.get("name", name)
            match member.serialization.get("location"):
                case "uri":
                    raw: Any = in_path.get(wire) or None
                case "querystring":
                    found = values.get(wire)
                    raw = found if member.type_name == "list" or not found else found[-1]
                case "header":
                    raw = headers.get(wire.lower())
                    if raw is not None and wire == "Range":
                        # HTTP's unit, for which the model's pattern has no room
                        raw = raw.removeprefix("bytes=")
                case _:
                    raw = document.get(wire)
                    if raw is not None:
                        params[name] = _read(member, raw)
                    continue
            if raw is not None:
                params[name] = _read_text(member, raw)
        validate(shape, params if payload is None else {**params, payload: b""})
        return params if payload is None else {**params, payload: body}

    @staticmethod
    def _has_body(shape: Any) -> bool:
        return any("location" not in member.serialization for member in shape.members.values())

    def serialise(self, operation: Any, result: Mapping[str, Any]) -> Answer:
        """The answer; what the model does not know stays behind."""
        shape = operation.output_shape
        status = int(operation.http.get("responseCode", 200))
        if shape is None or not shape.members:
            return Answer(status=status, body=b"")
        payload = shape.serialization.get("payload")
        if payload is not None:
            return Answer(status=status, body=result[payload])
        body = json.dumps(
            _write(shape, result), separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return Answer(status=status, body=body.encode())

    def failure(self, operation: Any, fault: Fault) -> Answer:
        """The error answer, its status from the model.

        An operation answers with no other errors than those that the model declares for it; where
        it lacks the right one (ConflictException, say), the request is called invalid.
        """
        code = fault.code
        if operation is not None and fault.status is None:
            declared = {shape.name for shape in operation.error_shapes}
            code = code if code in declared else ValidationFault.code
        return Answer(
            status=fault.status or self._statuses[code],
            body=json.dumps({"message": fault.message}).encode(),
            headers=(("x-amzn-errortype", code),),
        )


def _document(body: bytes) -> dict[str, Any]:
    """The JSON object that a body holds; what no answer could repeat is refused."""
    if not body:
        return {}
    try:
        document = strict_json.loads(body)
    except ValueError as error:
        raise ValidationFault(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValidationFault("the body is no JSON object")
    return document


def _read(shape: Any, value: Any) -> Any:
    """A JSON value as Python has it."""
    if getattr(shape, "is_document_type", False):
        return value
    match shape.type_name:
        case "blob" if isinstance(value, str):
            try:
                return base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                return value
        case "timestamp":
            return _time(value)
        case "structure" if isinstance(value, dict):
            return {
                name: _read(member, value[wire])
                for name, member in shape.members.items()
                if value.get(wire := member.serialization.get("name", name)) is not None
            }
        case "list" if isinstance(value, list):
            return [_read(shape.member, item) for item in value]
        case "map" if isinstance(value, dict):
            return {key: _read(shape.value, item) for key, item in value.items()}
    return value


def _read_text(shape: Any, value: Any) -> Any:
    """A member that travels as text, in the path, the query or a header."""
    match shape.type_name:
        case "integer" | "long" if _INTEGER.fullmatch(value):
            return int(value)
        case "boolean":
            return _BOOLEANS.get(value, value)
        case "timestamp":
            return _time(value)
        case "list":
            return [_read_text(shape.member, item) for item in value]
    return value


def _time(value: Any) -> Any:
    """A moment in any of the three forms of AWS: seconds, ISO 8601, or HTTP's."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            moment = _text_time(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return value


def _text_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _write(shape: Any, value: Any) -> Any:
    """A Python value as JSON has it; only what the model knows, and all that it requires."""
    if getattr(shape, "is_document_type", False):
        return value
    match shape.type_name:
        case "structure":
            missing = [name for name in shape.required_members if value.get(name) is None]
            if missing:
                raise LookupError(f"an answer lacks {', '.join(missing)} of {shape.name}")
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
            return value if isinstance(value, str) else written(value)
        case "blob":
            return base64.b64encode(value).decode()
    return value
