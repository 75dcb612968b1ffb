"""A run's parameters as cwltool's job order, with files and folders of S3 on this machine."""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cwltool.builder import substitute
from cwltool.process import Process, shortname
from cwltool.utils import aslist

from ..errors import InputNotFound, InvalidUri
from ..transfer import Inputs

_PATHS = ("File", "Directory")


def job_order(process: Process, parameters: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Files may be given as CWL objects or, as in the other languages, by their URI alone."""
    order: dict[str, Any] = {}
    schemas: dict[str, Mapping[str, Any]] = {}
    for schema in process.tool["inputs"]:
        name = shortname(schema["id"])
        value = parameters.get(name)
        if value is None:
            value = schema.get("default")
            if not any(_is_remote(item) for item in _paths(value)):
                continue  # cwltool knows the default
        order[name], schemas[name] = _typed(copy.deepcopy(value), schema["type"]), schema
    for name, value in order.items():
        for item in _paths(value):
            _add_secondary_files(item, aslist(schemas[name].get("secondaryFiles") or []), inputs)
    everything = list(_paths(order, inner=True))
    inputs.fetch_all((_uri(item), item["class"] == "Directory") for item in everything)
    for item in everything:
        item["location"] = Path(inputs.fetch(_uri(item), item["class"] == "Directory")).as_uri()
        item.pop("path", None)
    return order


def _typed(value: Any, kind: Any) -> Any:
    """The value with URIs made files and folders where the type wants such."""
    if isinstance(value, str):
        choices = aslist(kind)
        wanted = next((choice for choice in choices if choice in _PATHS), None)
        plain = "string" in choices and not value.startswith("s3://")
        return value if wanted is None or plain else {"class": wanted, "location": value}
    for choice in aslist(kind):
        if not isinstance(choice, Mapping):
            continue
        if choice["type"] == "array" and isinstance(value, list):
            return [_typed(item, choice["items"]) for item in value]
        if choice["type"] == "record" and isinstance(value, dict):
            kinds = {shortname(field["name"]): field["type"] for field in choice["fields"]}
            return {name: _typed(item, kinds.get(name)) for name, item in value.items()}
    return value


def _paths(value: Any, *, inner: bool = False) -> Iterator[dict[str, Any]]:
    """The files and folders of a value (`inner`: and their secondary files and listings).

    Literals, which have contents or a listing instead of a place, are not among them.
    """
    if isinstance(value, dict):
        is_path = value.get("class") in _PATHS
        if is_path and not {"contents", "listing"} & set(value):
            yield value
        if inner or not is_path:
            for item in value.values():
                yield from _paths(item, inner=inner)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, inner=inner)


def _is_remote(item: Mapping[str, Any]) -> bool:
    return str(item.get("location") or item.get("path")).startswith(("s3://", "omics://"))


def _uri(item: Mapping[str, Any]) -> str:
    uri = str(item.get("location") or item.get("path"))
    if not _is_remote(item):
        raise InvalidUri(f"not an S3 URI: {uri}")
    return uri


def _add_secondary_files(
    item: dict[str, Any], patterns: Sequence[Mapping[str, Any]], inputs: Inputs
) -> None:
    """What the input declares to lie beside its file; expressions are left to cwltool."""
    if item["class"] != "File" or not _uri(item).startswith("s3://"):
        return  # nothing lies beside a folder, or beside a file of a read set
    folder, name = posixpath.split(_uri(item))
    given = item.setdefault("secondaryFiles", [])
    known = {posixpath.basename(_uri(one).rstrip("/")) for one in given}
    for entry in patterns:
        pattern = str(entry["pattern"])
        beside = "" if "$" in pattern else substitute(name, pattern)
        if not beside or beside in known:
            continue
        uri = f"{folder}/{beside}"
        if entry.get("required") is False:
            try:
                inputs.fetch(uri)
            except InputNotFound:
                continue
        given.append({"class": "File", "location": uri})
