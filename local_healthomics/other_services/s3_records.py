"""What moto's S3 holds, as rows of an index and back.

Objects are JSON, as there are many. Buckets and uploads are pickles of whatever moto keeps about
them, so that every setting that moto knows lasts without being named here.
"""

from __future__ import annotations

import pickle
import threading
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import moto.s3.models
from moto.utilities.utils import LowercaseDict

from ..arn import ACCOUNT

# Typed as nothing: assigning to a library's classes is what types are there to forbid.
models: Any = moto.s3.models

# What moto's key carries beside its value; simple types only.
_PLAIN = (
    "_storage_class",
    "_etag",
    "_version_id",
    "_is_versioned",
    "encryption",
    "kms_key_id",
    "bucket_key_enabled",
    "lock_mode",
    "lock_legal_status",
    "lock_until",
    "checksum_value",
    "checksum_type",
    "checksum_parts",
    "checksum_algorithm",
    "website_redirect_location",
    "contentsize",
)
_BUCKET_CONTENT = ("keys", "multiparts")
_UPLOAD_CONTENT = ("parts", "partlist")


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
    if isinstance(version, models.FakeDeleteMarker):
        return {
            "_version_id": version.version_id,
            "last_modified": version.last_modified.isoformat(),
        }
    body = {n: version.__dict__[n] for n in _PLAIN if version.__dict__.get(n) is not None}
    body["metadata"] = dict(version.metadata)
    body["last_modified"] = version.last_modified.isoformat()
    body["tags"] = backend.tagger.get_tag_dict_for_resource(version.arn)
    if (grants := _grants(version.acl)) != _grants(_template(version.region_name).acl):
        body["acl"] = grants
    return body


def version_of(
    record: dict[str, Any], bucket: Any, name: str, path: Path | None, backend: Any
) -> Any:
    """The version that a record describes; without a file it is a delete marker."""
    if path is None:
        marker = models.FakeDeleteMarker(key=_owner(bucket, name))
        marker._version_id = record["_version_id"]
        marker.last_modified = datetime.fromisoformat(record["last_modified"])
        return marker
    key = object.__new__(models.FakeKey)
    key.__dict__.update(
        _template(bucket.region_name).__dict__,
        **{member: record.get(member) for member in _PLAIN},
        name=name,
        file=path,
        lock=threading.Lock(),
        account_id=bucket.account_id,
        _metadata=LowercaseDict(record["metadata"]),
        bucket_name=bucket.name,
        last_modified=datetime.fromisoformat(record["last_modified"]),
    )
    if "acl" in record:
        key.__dict__["acl"] = _acl(record["acl"])
    if record["tags"]:
        tags = [{"Key": k, "Value": v} for k, v in record["tags"].items()]
        backend.tagger.tag_resource(key.arn, tags)
    return key


@cache
def _template(region: str) -> Any:
    """An empty key, to be copied: moto's own way to make one takes most of a start's time."""
    return models.FakeKey("", NOTHING, ACCOUNT, region)


def _owner(bucket: Any, name: str) -> Any:
    """The key that a delete marker hides; one whose versions are all gone is only a name."""
    hidden = bucket.keys.get(name)
    if hidden is not None:
        return hidden
    bare = models.FakeKey.__new__(models.FakeKey)
    bare.__dict__.update(name=name, bucket_name=bucket.name, disposed=True)
    return bare


def _grants(acl: Any) -> list[Any]:
    """JSON of an ACL; an upload that named none has made a key without."""
    grants = acl.grants if acl is not None else []
    return [[[vars(g) for g in grant.grantees], grant.permissions] for grant in grants]


def _acl(grants: list[Any]) -> Any:
    return models.FakeAcl(
        [
            models.FakeGrant(
                [models.FakeGrantee(g["id"], g["uri"], g["display_name"]) for g in grantees],
                permissions,
            )
            for grantees, permissions in grants
        ]
    )


def bucket_record(bucket: Any, backend: Any) -> bytes:
    """A bucket's settings and tags."""
    settings = {k: v for k, v in vars(bucket).items() if k not in _BUCKET_CONTENT}
    return pickle.dumps((settings, backend.tagger.get_tag_dict_for_resource(bucket.arn)))


def restore_bucket(backend: Any, name: str, record: bytes) -> None:
    settings, tags = pickle.loads(record)
    bucket = backend.create_bucket(name, settings["region_name"])
    vars(bucket).update(settings)
    if tags:
        backend.tagger.tag_resource(bucket.arn, [{"Key": k, "Value": v} for k, v in tags.items()])


def upload_record(upload: Any) -> bytes:
    """A multipart upload in progress, without its parts."""
    return pickle.dumps({k: v for k, v in vars(upload).items() if k not in _UPLOAD_CONTENT})


def upload_of(record: bytes) -> Any:
    upload = models.FakeMultipart.__new__(models.FakeMultipart)
    vars(upload).update(pickle.loads(record), parts={}, partlist=[])
    return upload


def part_record(part: Any) -> dict[str, Any]:
    return {"etag": part._etag, "last_modified": part.last_modified.isoformat()}


def part_of(record: dict[str, Any], upload: Any, number: int, path: Path) -> Any:
    part = models.FakeKey(
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
