"""What moto's S3 holds, as rows of an index and back.

Of objects, as there are many, what is kept is named. Of buckets and uploads it is whatever moto
keeps about them (plain_json.py), so that every setting that moto knows lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from ..arn import ACCOUNT
from . import moto_internals as internals
from . import plain_json


@dataclass(frozen=True, slots=True)
class FileValue:
    """A value that is already a file; a `kept` one is in the object folder under its own name."""

    path: Path
    kept: bool = False
    etag: str = ""  # if it is known already

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self != NOTHING else 0


NOTHING = FileValue(Path(), kept=True)  # the value of what is a template only


def version_record(version: Any, backend: Any) -> dict[str, Any]:
    """One version of a key: an object or a delete marker."""
    if internals.is_delete_marker(version):
        return {
            "_version_id": version.version_id,
            "last_modified": version.last_modified.isoformat(),
        }
    body = {
        n: version.__dict__[n] for n in internals.KEY_MEMBERS if version.__dict__.get(n) is not None
    }
    body["metadata"] = dict(version.metadata)
    body["last_modified"] = version.last_modified.isoformat()
    body["tags"] = backend.tagger.get_tag_dict_for_resource(version.arn)
    if version.restored_until is not None:
        body["restored_until"] = version.restored_until.isoformat()
    grants = internals.grants(version.acl)
    if grants != internals.grants(_template(version.region_name).acl):
        body["acl"] = grants
    return body


def version_of(
    record: dict[str, Any], bucket: Any, name: str, path: Path | None, backend: Any
) -> Any:
    """The version that a record describes; without a file it is a delete marker."""
    if path is None:
        return internals.delete_marker(
            _owner(bucket, name),
            record["_version_id"],
            datetime.fromisoformat(record["last_modified"]),
        )
    until = record.get("restored_until")
    key = internals.key_like(
        _template(bucket.region_name),
        record["metadata"],
        datetime.fromisoformat(until) if until else None,
        **{member: record.get(member) for member in internals.KEY_MEMBERS},
        name=name,
        file=path,
        account_id=bucket.account_id,
        bucket_name=bucket.name,
        last_modified=datetime.fromisoformat(record["last_modified"]),
    )
    if "acl" in record:
        key.__dict__["acl"] = internals.acl(record["acl"])
    if record["tags"]:
        tags = [{"Key": k, "Value": v} for k, v in record["tags"].items()]
        backend.tagger.tag_resource(key.arn, tags)
    return key


@cache
def _template(region: str) -> Any:
    """An empty key, to be copied: moto's own way to make one takes most of a start's time."""
    return internals.new_key("", NOTHING, ACCOUNT, region)


def _owner(bucket: Any, name: str) -> Any:
    """The key that a delete marker hides; one whose versions are all gone is only a name."""
    hidden = bucket.keys.get(name)
    return internals.key_without_value(name, bucket.name) if hidden is None else hidden


def bucket_record(bucket: Any, backend: Any) -> str:
    """A bucket's settings and tags."""
    settings = {k: v for k, v in vars(bucket).items() if k not in internals.BUCKET_CONTENT}
    tags = backend.tagger.get_tag_dict_for_resource(bucket.arn)
    return plain_json.written({"settings": settings, "tags": tags})


def restore_bucket(backend: Any, name: str, record: str) -> None:
    told = plain_json.read(record)
    bucket = backend.create_bucket(name, told["settings"]["region_name"])
    vars(bucket).update(told["settings"])
    if told["tags"]:
        tags = [{"Key": k, "Value": v} for k, v in told["tags"].items()]
        backend.tagger.tag_resource(bucket.arn, tags)


def upload_record(upload: Any) -> str:
    """A multipart upload in progress, without its parts."""
    members = {k: v for k, v in vars(upload).items() if k not in internals.UPLOAD_CONTENT}
    return plain_json.written({"members": members, "metadata": dict(upload.metadata)})


def upload_of(record: str) -> Any:
    told = plain_json.read(record)
    return internals.upload_like(told["metadata"], told["members"])


def part_record(part: Any) -> dict[str, Any]:
    return {"etag": part.digest, "last_modified": part.last_modified.isoformat()}


def part_of(record: dict[str, Any], upload: Any, number: int, path: Path) -> Any:
    part = internals.new_key(
        number,
        FileValue(path, kept=True),
        upload.account_id,
        upload.region_name,
        etag=record["etag"],
        encryption=upload.sse_encryption,
        kms_key_id=upload.kms_key_id,
    )
    part.last_modified = datetime.fromisoformat(record["last_modified"])
    return part
