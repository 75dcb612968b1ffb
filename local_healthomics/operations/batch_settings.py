"""The settings of a batch's runs, from a request or its file on S3: checked, and merged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..arn import object_of
from ..errors import ValidationFault
from ..protocol.models import service_model
from ..protocol.validation import problems

MOST_ENTRIES = 100_000
_MERGED = ("parameters", "runTags")
_SHOWN = 5  # problems of one entry


def settings_object(uri: str) -> tuple[str, str]:
    """Bucket and key of the file that `s3UriSettings` names."""
    bucket, key = object_of(uri)
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValidationFault(f"s3UriSettings {uri} is no S3 URI of an object")
    return bucket, key


def read_entries(path: Path) -> list[dict[str, Any]]:
    """The entries of a file: a JSON array like `inlineSettings`."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValidationFault(f"the file of s3UriSettings is no JSON: {error}") from error
    if not isinstance(found, list) or not found:
        raise ValidationFault("the file of s3UriSettings holds no JSON array of settings")
    shape = _entry_shape()
    for number, entry in enumerate(found):
        wrong = [*problems(shape, entry, f"entry {number}")]
        if wrong:
            raise ValidationFault("; ".join(wrong[:_SHOWN]))
    return checked_entries(found, MOST_ENTRIES)


def checked_entries(entries: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    if len(entries) > most:
        raise ValidationFault(f"there are {len(entries)} run settings, more than {most}")
    seen: set[str] = set()
    for entry in entries:
        if entry["runSettingId"] in seen:
            raise ValidationFault(f"runSettingId {entry['runSettingId']} is not unique")
        seen.add(entry["runSettingId"])
    return entries


def merged(default: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The StartRun request of an entry; where both say something the entry wins."""
    request = {**default, **{name: value for name, value in entry.items() if value is not None}}
    for name in _MERGED:
        both = [given[name] for given in (default, entry) if isinstance(given.get(name), dict)]
        if both:
            request[name] = {key: value for one in both for key, value in one.items()}
    request["tags"] = request.pop("runTags", {})
    return request


def _entry_shape() -> Any:
    return service_model("omics").shape_for("InlineSetting")
