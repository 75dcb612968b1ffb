"""Everything of moto that the local HealthOmics relies on, and why: the one door to moto.

moto documents its decorator and its server, not its classes. MEMBERS names those that are used,
with since which version each stands as it is used here; a test fails with the name of the one that
another moto lacks. What is replaced in moto's modules is replaced by `replace_in_s3` and
`replace_in_logs`; members with an underscore are used in this file alone.

Why any is replaced: moto keeps objects and log events in memory or in temporary files, which end
with the process, and has no seam to put another store under them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import moto.backends
import moto.core.common_models
import moto.logs.models
import moto.s3.models
from moto.s3 import exceptions
from moto.utilities.utils import LowercaseDict

# Typed as nothing: assigning to a library's classes is what types are there to forbid.
_s3: Any = moto.s3.models
_logs: Any = moto.logs.models


@dataclass(frozen=True, slots=True)
class Member:
    """A member that moto promises nobody, and the parameters that we count on."""

    module: str
    name: str
    since: str  # the oldest version seen to have it so; 5.1.0 is the oldest that was looked at
    why: str
    parameters: tuple[str, ...] = ()
    in_order: bool = False  # the parameters are all there are, and given by position


_VALUES = "replaced: the value of an object is a file"
_MARKS = "replaced: what changes is written to the index"
_COPIES = "replaced: put together on disk, not in memory"
_FORGETS = "replaced: forgets on disk too"
_DIRECT = "objects that are read and made without a request"
_RECORDS = "what is kept of an object in the index"
MEMBERS = (
    Member(
        "moto.s3.models", "FakeKey", "5.1.0", _VALUES,
        ("name", "value", "account_id", "region_name", "etag", "encryption", "kms_key_id",
         "bucket_name"),
    ),
    Member("moto.s3.models", "FakeKey.value", "5.1.0", _VALUES),
    Member("moto.s3.models", "FakeKey.etag", "5.1.0", _VALUES),
    Member("moto.s3.models", "FakeKey.__del__", "5.1.0", "replaced: it disposes of the value"),
    Member(
        "moto.s3.models", "FakeKey.dispose", "5.1.0", "replaced: the file goes", ("self", "garbage")
    ),
    Member(
        "moto.s3.models", "FakeKey.set_metadata", "5.1.0", _MARKS, ("self", "metadata", "replace"),
        True,
    ),
    Member("moto.s3.models", "FakeKey.set_storage_class", "5.1.0", "archives", ("self", "storage")),
    Member("moto.s3.models", "FakeKey.arn", "5.1.0", "what an object's tags are kept under"),
    Member("moto.s3.models", "FakeDeleteMarker", "5.1.0", _RECORDS, ("key",), True),
    Member("moto.s3.models", "FakeAcl", "5.1.0", _RECORDS, ("grants",), True),
    Member("moto.s3.models", "FakeGrant", "5.1.0", _RECORDS, ("grantees", "permissions"), True),
    Member(
        "moto.s3.models", "FakeGrantee", "5.1.0", _RECORDS, ("grantee_id", "uri", "display_name"),
        True,
    ),
    Member("moto.s3.models", "FakeMultipart", "5.1.0", _COPIES),
    Member("moto.s3.models", "FakeMultipart.complete", "5.2.0", _COPIES, ("self", "body"), True),
    Member("moto.s3.models", "FakeMultipart.dispose", "5.1.0", _MARKS, ("self",), True),
    Member(
        "moto.s3.models", "FakeMultipart.set_part", "5.1.0", _MARKS, ("self", "part_id", "value"),
        True,
    ),
    Member("moto.s3.models", "S3_UPLOAD_PART_MIN_SIZE", "5.1.0", "the smallest part of an upload"),
    Member("moto.s3.models", "_VersionedKeyStore", "5.1.0", _MARKS),
    Member(
        "moto.s3.models", "_VersionedKeyStore.__setitem__", "5.1.0", _MARKS,
        ("self", "key", "value"), True,
    ),
    Member("moto.s3.models", "_VersionedKeyStore.pop", "5.1.0", _MARKS, ("self", "key"), True),
    Member(
        "moto.s3.models", "_VersionedKeyStore.setlist", "5.1.0", _MARKS, ("self", "key", "list_"),
        True,
    ),
    Member(
        "moto.s3.models", "_VersionedKeyStore.getlist", "5.1.0", "the versions of a key",
        ("self", "key", "default"), True,
    ),
    Member(
        "moto.s3.models", "_VersionedKeyStore.iterlists", "5.1.0",
        "replaced: the newest version of a second comes first", ("self",), True,
    ),
    Member("moto.core.common_models", "BaseModel.__new__", "5.1.0", "replaced: it keeps instances"),
    Member(
        "moto.s3.models", "S3Backend.put_object", "5.1.0", "replaced: the content is a file",
        ("self", "bucket_name", "key_name", "value", "etag", "checksum_value"),
    ),
    Member(
        "moto.s3.models", "S3Backend.list_buckets", "5.2.0",
        "replaced: without the buckets behind access points",
        ("self", "prefix", "bucket_region", "max_buckets"), True,
    ),
    Member("moto.s3.models", "S3Backend.copy_object", "5.1.0", _COPIES, ("self", "src_key")),
    Member(
        "moto.s3.models", "S3Backend.upload_part_copy", "5.1.0", _COPIES,
        ("self", "dest_bucket_name", "multipart_id", "part_id", "src_bucket_name", "src_key_name",
         "src_version_id", "start_byte", "end_byte"), True,
    ),
    Member(
        "moto.s3.models", "S3Backend.create_bucket", "5.1.0", "makes the buckets of the service",
        ("self", "bucket_name", "region_name"),
    ),
    Member(
        "moto.s3.models", "S3Backend.delete_bucket", "5.1.0", "removes them",
        ("self", "bucket_name"),
    ),
    Member(
        "moto.s3.models", "S3Backend.delete_object", "5.1.0", "removes their objects",
        ("self", "bucket_name", "key_name"),
    ),
    Member("moto.s3.models", "S3Backend.get_bucket", "5.1.0", "copies a part of an object"),
    Member(
        "moto.s3.models", "S3Backend.get_object", "5.1.0", "copies a part of an object",
        ("self", "bucket_name", "key_name", "version_id"),
    ),
    Member("moto.s3.models", "s3_backends", "5.1.0", "the way in"),
    Member(
        "moto.s3.models", "S3Backend.put_object_tagging", "5.1.0", _DIRECT, ("self", "key", "tags")
    ),
    Member("moto.s3.models", "FakeKey.set_acl", "5.1.0", _DIRECT, ("self", "acl"), True),
    Member("moto.s3.models", "ARCHIVE_STORAGE_CLASSES", "5.1.0", _DIRECT),
    Member("moto.s3.exceptions", "S3ClientError", "5.1.0", _DIRECT),
    Member("moto.s3.exceptions", "EntityTooSmall", "5.1.0", "refuses an upload"),
    Member("moto.s3.exceptions", "InvalidPart", "5.1.0", "refuses an upload"),
    Member("moto.s3.exceptions", "MalformedXML", "5.1.0", "refuses an upload"),
    Member("moto.utilities.utils", "LowercaseDict", "5.1.0", "the metadata of an object"),
    Member("moto.s3.models", "CaseInsensitiveDict", "5.1.0", "the metadata of an upload"),
    Member(
        "moto.utilities.tagging_service", "TaggingService.get_tag_dict_for_resource", "5.1.0",
        _RECORDS, ("self", "arn"), True,
    ),
    Member(
        "moto.utilities.tagging_service", "TaggingService.tag_resource", "5.1.0", _RECORDS,
        ("self", "arn", "tags"), True,
    ),
    Member(
        "moto.utilities.tagging_service", "TaggingService.delete_all_tags_for_resource", "5.1.0",
        "gives an object the tags of its read set and no other", ("self", "arn"), True,
    ),
    Member(
        "moto.utilities.tagging_service", "TaggingService.convert_dict_to_tags_input", "5.1.0",
        "gives an object the tags of its read set and no other", ("tags",), True,
    ),
    Member(
        "moto.logs.models", "LogStream", "5.1.0", "replaced: events are written as they come",
        ("log_group", "name"), True,
    ),
    Member(
        "moto.logs.models", "LogStream.put_log_events", "5.1.0",
        "replaced: events are written as they come", ("self", "log_events"), True,
    ),
    Member(
        "moto.logs.models", "LogsBackend.delete_log_group", "5.1.0", _FORGETS,
        ("self", "log_group_name"), True,
    ),
    Member(
        "moto.logs.models", "LogsBackend.delete_log_stream", "5.1.0",
        _FORGETS, ("self", "log_group_name", "log_stream_name"), True,
    ),
    Member(
        "moto.logs.models", "LogsBackend.create_log_group", "5.1.0", "the groups of runs",
        ("self", "log_group_name", "tags", "kwargs"), True,
    ),
    Member(
        "moto.logs.models", "LogsBackend.create_log_stream", "5.1.0", "the streams of runs",
        ("self", "log_group_name", "log_stream_name"), True,
    ),
    Member(
        "moto.logs.models", "LogGroup.put_log_events", "5.1.0", "the events of runs",
        ("self", "log_stream_name", "log_events"), True,
    ),
    Member("moto.logs.models", "logs_backends", "5.1.0", "the way in"),
    Member(
        "moto.iam.models", "IAMBackend.create_role", "5.1.0", "the role of runs",
        ("self", "role_name", "assume_role_policy_document", "path", "permissions_boundary",
         "description", "tags", "max_session_duration"),
    ),
    Member("moto.iam.models", "iam_backends", "5.1.0", "the keys of users"),
    Member("moto.sts.models", "sts_backends", "5.1.0", "the keys of sessions"),
    Member(
        "moto.ecr.models", "ECRBackend.create_repository", "5.1.0",
        "makes `repositories`, by name, each with its `image_tag_mutability`",
    ),
    Member("moto.backends", "get_backend", "5.1.0", "keeps IAM, STS and ECR as a whole", ("name",)),
    Member(
        "moto.moto_server.werkzeug_app", "create_backend_app", "5.1.0",
        "answers one service, without the administration of moto's server", ("service",), True,
    ),
)  # fmt: skip

# What moto's key carries beside its value, its metadata and what its bucket says; simple types
# only. `checksum_type` and `checksum_parts` stand since 5.2.0, the others since 5.1.0 or before.
KEY_MEMBERS = (
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
KEY_OF_THE_MOMENT = ("lock", "is_latest")  # members of a key that are nothing to keep
# Whatever else a bucket or an upload carries (5.1.0) is kept as it is.
BUCKET_CONTENT = ("keys", "multiparts")
UPLOAD_CONTENT = ("parts", "partlist", "metadata")
# Likewise of a whole service: what a new one has of itself (5.1.0).
BACKEND_OF_THE_MOMENT = (
    "account_summary",
    "policy_arn_regex",
    "registry_scanning_configuration_update_lock",
)


def _untracked(cls: Any, *_: Any, **__: Any) -> Any:
    return object.__new__(cls)


def forget_instances() -> None:
    """moto keeps every object that was ever made of its models, for its own reset: a server would
    grow with every object that is written, and that one's access list, and with every log stream.
    """
    moto.core.common_models.BaseModel.__new__ = _untracked  # type: ignore[method-assign]


# S3: classes to put in the place of moto's, and moto's own methods for what replaces them.

EntityTooSmall: Any = exceptions.EntityTooSmall
InvalidPart: Any = exceptions.InvalidPart
MalformedXML: Any = exceptions.MalformedXML
S3Refusal: Any = exceptions.S3ClientError
VersionedKeyStore: Any = _s3._VersionedKeyStore
put_object: Callable[..., Any] = _s3.S3Backend.put_object
list_buckets: Callable[..., Any] = _s3.S3Backend.list_buckets
copy_object: Callable[..., Any] = _s3.S3Backend.copy_object


class Multipart(_s3.FakeMultipart):
    """moto's upload in parts."""


class Key(_s3.FakeKey):
    """moto's object. It sets the digest first, when it is made, and then assigns `value`."""

    # moto's own, which it leaves untyped
    name: str
    bucket_name: str | None
    disposed: bool

    @property
    def digest(self) -> str | None:
        """What stands in the ETag; None until somebody has made it."""
        found: str | None = self._etag
        return found

    @digest.setter
    def digest(self, digest: str | None) -> None:
        self._etag = digest

    @property
    def restored_until(self) -> datetime | None:
        """How long there is a copy of what is archived."""
        found: datetime | None = self._expiry
        return found

    def close_buffer(self) -> None:
        """Give up the temporary file that moto makes for every value."""
        self._value_buffer.close()


def replace_in_s3(
    *, key: type, multipart: type, key_store: type, **methods: Callable[..., Any]
) -> None:
    """Let moto use these classes for what it makes, and these methods of its S3."""
    _s3.FakeKey = key
    _s3.FakeMultipart = multipart
    _s3._VersionedKeyStore = key_store
    for name, method in methods.items():
        setattr(_s3.S3Backend, name, method)


def s3_backend(account: str) -> Any:
    """The S3 of an account, in all regions."""
    return _s3.s3_backends[account]["aws"]


def smallest_part() -> int:
    """Bytes of a part of an upload that is not the last; moto's own tests set it."""
    return int(_s3.S3_UPLOAD_PART_MIN_SIZE)


def is_writable(bucket: Any) -> bool:
    """Whether a PutObject does no more than make an object, whoever asks for it."""
    return bucket.policy is None and not bucket.object_lock_enabled


def is_readable(bucket: Any, key: Any) -> bool:
    """Whether a GetObject gives its content, whoever asks for it."""
    return bucket.policy is None and key.storage_class not in _s3.ARCHIVE_STORAGE_CLASSES


def is_key(version: Any) -> bool:
    return isinstance(version, _s3.FakeKey)


def is_delete_marker(version: Any) -> bool:
    return isinstance(version, _s3.FakeDeleteMarker)


def new_key(*args: Any, **kwargs: Any) -> Any:
    """A key as moto makes one, of the class that is in moto's place for it."""
    return _s3.FakeKey(*args, **kwargs)


def key_like(
    template: Any, metadata: Mapping[str, str], restored_until: datetime | None, **members: Any
) -> Any:
    """A key with these members and otherwise those of another; for many, as making one is slow."""
    key = object.__new__(_s3.FakeKey)
    key.__dict__.update(template.__dict__, lock=threading.Lock(), _metadata=LowercaseDict(metadata))
    key.__dict__.update(members, _expiry=restored_until)
    return key


def key_without_value(name: str, bucket: str) -> Any:
    """Nothing but the name of a key, of which nothing is to be disposed of."""
    key = _s3.FakeKey.__new__(_s3.FakeKey)
    key.__dict__.update(name=name, bucket_name=bucket, disposed=True)
    return key


def delete_marker(key: Any, version_id: str, last_modified: datetime) -> Any:
    marker = _s3.FakeDeleteMarker(key=key)
    marker._version_id = version_id
    marker.last_modified = last_modified
    return marker


def upload_like(metadata: Mapping[str, str], members: Mapping[str, Any]) -> Any:
    """A multipart upload with these members and no parts."""
    upload = _s3.FakeMultipart.__new__(_s3.FakeMultipart)
    vars(upload).update(members, metadata=_s3.CaseInsensitiveDict(metadata), parts={}, partlist=[])
    return upload


def grants(acl: Any) -> list[Any]:
    """JSON of an ACL; an upload that named none has made a key without."""
    found = acl.grants if acl is not None else []
    return [[[vars(g) for g in grant.grantees], grant.permissions] for grant in found]


def acl(grants: list[Any]) -> Any:
    return _s3.FakeAcl(
        [
            _s3.FakeGrant(
                [_s3.FakeGrantee(g["id"], g["uri"], g["display_name"]) for g in grantees],
                permissions,
            )
            for grantees, permissions in grants
        ]
    )


# Logs.


class LogStream(_logs.LogStream):
    """moto's log stream."""


delete_log_group: Callable[..., None] = _logs.LogsBackend.delete_log_group
delete_log_stream: Callable[..., None] = _logs.LogsBackend.delete_log_stream


def replace_in_logs(*, stream: type, **methods: Callable[..., None]) -> None:
    """Let moto use this class for streams that it makes, and these methods of its Logs."""
    _logs.LogStream = stream
    for name, method in methods.items():
        setattr(_logs.LogsBackend, name, method)


def logs_backend(account: str, region: str) -> Any:
    return _logs.logs_backends[account][region]


def logs_backends() -> Mapping[str, Any]:
    """By account and region, those that there are."""
    found: Mapping[str, Any] = _logs.logs_backends
    return found


# The other services.


def backends(service: str) -> Any:
    """By account and region. Those of IAM, STS and ECR are plain objects, kept as a whole."""
    find: Any = moto.backends.get_backend  # its types know services by literals only
    return find(service)


def iam_backend(account: str) -> Any:
    return backends("iam")[account]["aws"]


def repository_mutability(account: str, region: str, name: str) -> str | None:
    """Whether tags of a repository of ECR can be moved (MUTABLE); None if there is none."""
    found = backends("ecr")[account][region].repositories.get(name)
    return None if found is None else str(found.image_tag_mutability)


def access_keys(*, of_sessions: bool) -> Iterator[tuple[str, Any]]:
    """Accounts and the keys of their users in IAM, or of the sessions that STS gave."""
    for account, regions in list(backends("sts" if of_sessions else "iam").items()):
        for backend in list(regions.values()):
            if of_sessions:
                yield from ((account, key) for key in list(backend.assumed_roles))
            else:
                for user in list(backend.users.values()):
                    yield from ((account, key) for key in list(user.access_keys))


def forget_sessions(ended_before: datetime) -> None:
    """Drop the sessions of STS that were over then, with their secrets: moto keeps all of them."""
    moment = ended_before.astimezone(UTC).replace(tzinfo=None)  # moto's are UTC, without a zone
    for regions in list(backends("sts").values()):
        for backend in list(regions.values()):
            backend.assumed_roles[:] = [s for s in backend.assumed_roles if s.expiration >= moment]


def is_over(session: Any) -> bool:
    """Whether the time of a session of STS has passed."""
    over: bool = session.expiration.replace(tzinfo=UTC) <= datetime.now(UTC)
    return over


def trust_policy(arn: str) -> str | None:
    """Of a role in IAM; None if there is none of that name."""
    roles = iam_backend(arn.split(":")[4]).roles.values()
    found = next((role for role in roles if role.arn == arn), None)
    return None if found is None else str(found.assume_role_policy_document)


def repositories() -> Iterator[tuple[str, str, str, str | None]]:
    """Of ECR: account, region, name and policy of each."""
    for account, regions in list(backends("ecr").items()):
        for region, backend in list(regions.items()):
            for name, repository in list(backend.repositories.items()):
                yield account, region, name, repository.policy


def application(service: str) -> Callable[..., Any]:
    """The WSGI application of one service, to be made when S3 and Logs are replaced."""
    from moto.moto_server.werkzeug_app import create_backend_app

    make: Any = create_backend_app  # as above
    made: Callable[..., Any] = make(service)
    return made
