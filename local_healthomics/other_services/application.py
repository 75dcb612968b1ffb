"""The services beside HealthOmics (S3, CloudWatch Logs, STS, IAM, ECR, …): moto's application.

moto tells services apart by the SigV4 credential scope, and takes what is unsigned (presigned
URLs) for S3. S3 and Logs are made durable before moto makes its backends, the others as a whole
(peer_state.py). Reading a large object goes past moto, which would read it into memory. The buckets
of read sets and references (`…-s3alias`) are for clients to read, not to write.
"""

from __future__ import annotations

import json
import re
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..arn import ACCOUNT, ALIAS, BUCKET, LOG_GROUP, REGION, ROLE_ARN
from . import logs_durable, price_list, s3_durable
from .s3_records import FileValue
from .small_services import PeerState

_STREAM_FROM = 8 * 1024 * 1024
_BLOCK = 1024 * 1024
_ACCOUNT_KEY = re.compile(r"Credential=(\d{12})/")
_KEY = re.compile(r"Credential=([^/,\s]+)/")
_ARCHIVE = "GLACIER"
_READS = {"GET", "HEAD", "OPTIONS"}
# SigV4 with its whole scope, or the signature that S3 had before; moto reads both by position.
_SIGNED = re.compile(r"AWS4-\S+ .*Credential=[^/,\s]+/\d*/[\w-]+/[\w-]+/aws4_request|AWS \S+:\S+$")
StartResponse = Callable[..., Any]


class OtherServices:
    """A WSGI application, and the way in for the server itself."""

    def __init__(self, state: Path) -> None:
        self._objects = s3_durable.install(state)
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from moto.s3.models import s3_backends

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._s3: Any = s3_backends[ACCOUNT]["aws"]
        self._objects.load(self._s3)
        self._others = PeerState(state / "other_services.sqlite")
        self._others.load()
        self.logs = logs_durable.install(state, ACCOUNT, REGION)
        if BUCKET not in self._s3.buckets:
            self._s3.create_bucket(BUCKET, REGION)
        self._objects.flush(self._s3)
        _make_role()

    def close(self) -> None:
        self._objects.flush(self._s3)
        self._objects.close()
        self._others.close()
        self.logs.close()

    def log(self, stream: str, events: Iterable[tuple[int, str]], account: str = ACCOUNT) -> None:
        """Append events to a stream of the account's log group of this service."""
        self.logs.write(account, LOG_GROUP, stream, events)

    def forget_log(self, stream: str, account: str = ACCOUNT) -> None:
        """Remove a stream of that group, if there is one."""
        self.logs.remove(account, LOG_GROUP, stream)

    def account(self, authorization: str) -> str:
        """The account of a request: a key of twelve digits is one, others are moto's to know."""
        if (named := _ACCOUNT_KEY.search(authorization)) is not None:
            return named.group(1)
        from moto.iam.models import get_account_id_from

        key = _KEY.search(authorization)
        return get_account_id_from(key.group(1)) if key else ACCOUNT

    def has_bucket(self, name: str) -> bool:
        return name in self._s3.buckets

    def object_file(self, bucket: str, key: str) -> Path | None:
        """The file that holds an object's value."""
        found = self._object(bucket, key)
        return found.file if found is not None else None

    def etag(self, bucket: str, key: str) -> str | None:
        """What an object's content is known by; None if there is no such object."""
        found = self._object(bucket, key)
        return found.etag if found is not None else None

    def _object(self, bucket: str, key: str) -> s3_durable.DurableKey | None:
        found = self._s3.buckets.get(bucket)
        version = found.keys.get(key) if found is not None else None
        return version if isinstance(version, s3_durable.DurableKey) else None

    def make_bucket(self, name: str) -> None:
        """A bucket of the service's own, if it is not there yet."""
        if name not in self._s3.buckets:
            self._s3.create_bucket(name, REGION)
            self._objects.flush(self._s3)

    def link(self, bucket: str, key: str, path: Path, etag: str | None = None) -> None:
        """Make a file an object without copying it; the object keeps its bytes if `path` goes."""
        self._s3.put_object(bucket, key, FileValue(path), etag=etag)
        self._objects.flush(self._s3)

    def remove_bucket(self, name: str) -> None:
        """A bucket of the service's own with what is left in it; it may be gone already."""
        if name in self._s3.buckets:
            for key in list(self._s3.buckets[name].keys):
                self._s3.delete_object(name, key)
            self._s3.delete_bucket(name)
            self._objects.flush(self._s3)

    def archive(self, bucket: str, key: str, archived: bool) -> None:
        """Put an object where S3 answers InvalidObjectState to who reads it, or back."""
        self._s3.buckets[bucket].keys[key].set_storage_class(_ARCHIVE if archived else "STANDARD")
        self._objects.flush(self._s3)

    def tag(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Give an object these tags and no other."""
        # Not by S3's operation, whose rules for tags ids of subjects need not keep.
        arn, tagger = self._s3.buckets[bucket].keys[key].arn, self._s3.tagger
        tagger.delete_all_tags_for_resource(arn)
        tagger.tag_resource(arn, tagger.convert_dict_to_tags_input(tags))
        self._objects.mark("object", bucket, key)
        self._objects.flush(self._s3)

    def remove(self, bucket: str, *keys: str) -> None:
        for key in keys:
            self._s3.delete_object(bucket, key)
        self._objects.flush(self._s3)

    def put(self, bucket: str, key: str, value: bytes) -> None:
        self._s3.put_object(bucket, key, value)
        self._objects.flush(self._s3)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "")
        if scope and not _SIGNED.match(scope):
            return _refused(start_response, "400 Bad Request", "IncompleteSignature")
        if f"/{price_list.SERVICE}/aws4_request" in scope:  # which moto does not have
            return price_list.application(environ, start_response)
        if not scope or "/s3/aws4_request" in scope:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = ACCOUNT  # one S3 for all accounts: names are global
            if environ["REQUEST_METHOD"] not in _READS and _behind_access_point(environ):
                return _refused(start_response, "403 Forbidden", "AccessDenied", "Access Denied")
        elif (found := _ACCOUNT_KEY.search(scope)) is not None:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = found.group(1)
        if environ["REQUEST_METHOD"] == "GET" and (large := self._large(environ)):
            return self._streamed(environ, start_response, large)
        try:
            with self._others.kept(scope):
                answer = self._moto(environ, start_response)
        except (OSError, sqlite3.Error):  # the disk, not the request
            raise
        except Exception:  # moto trips over what it does not know
            traceback.print_exc()
            return _refused(start_response, "501 Not Implemented", "NotImplemented")
        if "/logs/aws4_request" in scope:
            self.logs.flush()
        elif environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE", "PATCH"):
            self._objects.flush(self._s3)
        return answer  # type: ignore[no-any-return]

    def _large(self, environ: dict[str, Any]) -> Path | None:
        """The file of a large object, if this request reads one whole or by range."""
        scope = environ.get("HTTP_AUTHORIZATION", "")
        if scope and "/s3/aws4_request" not in scope:
            return None
        names = {part.partition("=")[0] for part in environ.get("QUERY_STRING", "").split("&")}
        if names & {"versionId", "partNumber", "acl", "tagging", "uploadId", "attributes"}:
            return None
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/")
        bucket, _, key = path.partition("/")
        found = self.object_file(bucket, key)
        if found is None or self._s3.buckets[bucket].keys[key].storage_class == _ARCHIVE:
            return None
        return found if found.stat().st_size >= _STREAM_FROM else None

    def _streamed(
        self, environ: dict[str, Any], start_response: StartResponse, path: Path
    ) -> Iterable[bytes]:
        """The headers are moto's answer to HEAD; the content comes from the file."""
        head: list[Any] = []
        question = {**environ, "REQUEST_METHOD": "HEAD"}
        wanted = question.pop("HTTP_RANGE", None)
        answer = self._moto(question, lambda *args, **_: head.extend(args))
        for _ in answer:
            pass
        if hasattr(answer, "close"):
            answer.close()
        status, headers = head[0], head[1]
        if not status.startswith("200"):
            start_response(status, headers)
            return []
        opened = path.open("rb")
        size = path.stat().st_size
        start, end = _range(wanted, size)
        headers = [(k, v) for k, v in headers if k.lower() != "content-length"]
        headers.append(("Content-Length", str(end - start)))
        if wanted:
            # A checksum is of the whole object: S3 sends none with a part of it.
            headers = [(k, v) for k, v in headers if not k.lower().startswith("x-amz-checksum-")]
            status = "206 Partial Content"
            headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
        start_response(status, headers)
        return file_blocks(opened, start, end)


def _behind_access_point(environ: dict[str, Any]) -> bool:
    """Whether a request of S3 is for a store's bucket, named in the path or in the host."""
    host: str = environ.get("HTTP_HOST", "")
    path: str = environ["PATH_INFO"].lstrip("/")
    return host.partition(".")[0].endswith(ALIAS) or path.partition("/")[0].endswith(ALIAS)


def _refused(
    start_response: StartResponse, status: str, code: str, message: str = ""
) -> Iterable[bytes]:
    """An error as S3 words it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message or code}</Message></Error>"
    ).encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def _make_role() -> None:
    """The role of runs, for clients that look it up by its name."""
    from moto.iam.models import iam_backends

    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "omics.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam, name = iam_backends[ACCOUNT]["aws"], ROLE_ARN.rpartition("/")[2]
    if any(role.name == name for role in iam.roles.values()):  # of an earlier server
        return
    iam.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps(trust),
        path="/",
        permissions_boundary=None,
        description="Runs of the local HealthOmics",
        tags=[],
        max_session_duration="3600",
    )


def _range(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the byte after the last; anything odd means everything."""
    first, _, last = (header or "").removeprefix("bytes=").partition("-")
    if first.isdigit():
        return min(int(first), size - 1), min(int(last) + 1, size) if last.isdigit() else size
    return (max(size - int(last), 0), size) if last.isdigit() else (0, size)


def file_blocks(opened: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` up to, not including, `end`; closes the file."""
    with opened:
        opened.seek(start)
        left = end - start
        while left > 0 and (block := opened.read(min(_BLOCK, left))):
            left -= len(block)
            yield block
