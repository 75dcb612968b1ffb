"""The services beside HealthOmics (S3, CloudWatch Logs, STS, IAM, ECR, …): moto's application.

Images of ECR and the settings of its registries are ours (container_registry.py).

Each service that is served has an application of moto's, and only what `served` names reaches it.
S3 and Logs are made durable before moto makes its backends, the others as a whole
(small_services.py). Reading a large object goes past moto, which would read it into memory. The
buckets of read sets and references (`…-s3alias`) are for clients to read, not to write.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ..access import Key
from ..arn import ACCOUNT, ALIAS, BUCKET, LOG_GROUP, REGION, ROLE_ARN
from ..errors import StateUnreadable
from ..keys import OwnerKey
from ..objects import Content
from ..policies import may_assume, may_pull, may_pull_through
from . import (
    bodies,
    container_registry,
    direct,
    logs_durable,
    plain_requests,
    price_list,
    s3_durable,
    served,
    service_quotas,
)
from . import moto_internals as internals
from .plain_json import NotPlain
from .registry_answers import Refused
from .s3_records import FileValue
from .small_services import PeerState

_STREAM_FROM = 1024 * 1024
_BLOCK = 256 * 1024
STATE_FAILED = "the local HealthOmics cannot use its state"
_ARCHIVE = "GLACIER"
_READS = {"GET", "HEAD", "OPTIONS"}
_MAX_BODY = 16 * 1024 * 1024  # of what is no object
StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Any]


class OtherServices:
    """What answers requests; for the server itself the objects and the log group of the service.

    `quotas` are those that it enforces, by name.
    """

    def __init__(self, state: Path, quotas: Mapping[str, int] | None = None) -> None:
        internals.forget_instances()
        self._quotas = quotas or {}
        self._objects = s3_durable.install(state)
        self._applications: dict[str, Application] = {
            name: internals.application(name) for name in ("s3", *served.OPERATIONS)
        }
        self._s3: Any = internals.s3_backend(ACCOUNT)
        self._others = PeerState(state / "other_services.sqlite")
        try:
            self._objects.load(self._s3)
            self._others.load()
        except (NotPlain, ValueError, KeyError, TypeError) as error:
            why = f"what S3 or IAM held cannot be read: {error}"
            raise StateUnreadable(state, why) from error
        self._registry = container_registry.ContainerRegistry(
            state,
            container_registry.Ports(
                layers=self,
                mutability=lambda account, name: internals.repository_mutability(
                    account, REGION, name
                ),
                link=partial(_link, OwnerKey.of(state)),
            ),
        )
        self.logs = logs_durable.install(state, REGION)
        if BUCKET not in self._s3.buckets:
            self._s3.create_bucket(BUCKET, REGION)
        self._objects.flush(self._s3)
        _make_role()

    def close(self) -> None:
        self._objects.flush(self._s3)
        self._objects.close()
        self._others.close()
        self._registry.close()
        self.logs.close()

    def log(self, lines: logs_durable.Lines, account: str = ACCOUNT) -> None:
        """Append lines to streams of the account's log group of this service."""
        self.logs.write(account, LOG_GROUP, lines)

    def forget_log(self, stream: str, account: str = ACCOUNT) -> None:
        """Remove a stream of that group, if there is one."""
        self.logs.remove(account, LOG_GROUP, stream)

    def access_key(self, key: str, token: str | None) -> Key | None:
        """A key that IAM or STS gave; None if there is no such key."""
        for account, found in internals.access_keys(of_sessions=bool(token)):
            if found.access_key_id == key and (not token or found.session_token == token):
                over = bool(token) and internals.is_over(found)
                return Key(account, found.secret_access_key, over)
        return None

    def repositories(self, account: str) -> dict[str, bool]:
        """Those of ECR, by host and name, and whether the service may pull for the account."""
        return {
            f"{owner}.dkr.ecr.{region}.amazonaws.com/{name}": may_pull(policy, account, region)
            for owner, region, name, policy in internals.repositories()
        }

    def pull_through(self, account: str) -> dict[str, str]:
        """By host and prefix, the upstream registries that the service may pull through ECR.

        It takes a rule, and that the service may make the repository (by the registry's policy)
        and pull from it (by the template of new repositories).
        """
        policy, rules, templates = self._registry.pull_through(account)
        if not may_pull_through(policy, account, REGION):
            return {}
        host = f"{account}.dkr.ecr.{REGION}.amazonaws.com"
        return {
            f"{host}/{prefix}": upstream
            for prefix, upstream in rules.items()
            if may_pull(_template(templates, prefix), account, REGION)
        }

    def has_bucket(self, name: str) -> bool:
        return name in self._s3.buckets

    def file(self, bucket: str, key: str) -> Path | None:
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

    def region(self, bucket: str) -> str | None:
        """Where a bucket is; None if there is no such bucket."""
        found = self._s3.buckets.get(bucket)
        return None if found is None else str(found.region_name)

    def trusts(self, role: str) -> bool:
        """Whether a role lets the service assume it; one that nobody made here may be any."""
        policy = internals.trust_policy(role)
        return policy is None or may_assume(policy, role.split(":")[4], REGION)

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

    def look(self, uri: str) -> tuple[str, str] | bool:
        """The file of an object and its ETag; False if there is none, True if only S3 can tell."""
        return direct.look(self._s3, uri)

    def take(self, files: Sequence[tuple[Content, str]], within: Path) -> list[str | None]:
        """Make (content, uri) pairs objects, of files in `within`: the ETag of each that is one."""
        try:
            return direct.take(self._s3, self._objects, files, within)
        except (OSError, sqlite3.Error) as error:
            print(f"s3: {error}", file=sys.stderr)
            return [None] * len(files)  # a request will be told

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

    def answer(
        self, service: str, account: str, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """The answer of a service to a request of an account."""
        told: list[tuple[str, Any]] = []  # what is not on disk yet is not told as done
        try:
            content = self._answer(
                service,
                account,
                environ,
                lambda status, headers, *_: told.append((status, headers)),
            )
        except (OSError, sqlite3.Error) as error:  # the disk, not the request
            asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            print(f"{service}: {asked}: {error}", file=sys.stderr)
            why = f"{STATE_FAILED}: {error}"
            status = "500 Internal Server Error"
            return served.refused(environ, start_response, service, status, "InternalError", why)
        start_response(*told[-1])
        return content

    def _answer(
        self, service: str, account: str, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        is_s3 = service == "s3"
        body = b"" if is_s3 else environ["wsgi.input"].read(_MAX_BODY)
        if not is_s3:
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        if service == price_list.SERVICE:  # which moto does not have
            return price_list.application(environ, start_response)
        if service == service_quotas.SERVICE:  # likewise, of HealthOmics
            return service_quotas.application(environ, start_response, self._quotas)
        if not served.is_served(service, environ, body):
            said = "the local HealthOmics does not serve this"
            return served.refused(
                environ, start_response, service, "501 Not Implemented", "NotImplemented", said
            )
        if service == "ecr":
            return self._ecr(account, environ, start_response, body)
        # moto reads a key from the path as it came, else from one that is decoded already: twice.
        environ["RAW_URI"] = environ.get("REQUEST_URI", "")
        # One S3 for all accounts: names are global.
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = ACCOUNT if is_s3 else account
        return self._moto(service, environ, start_response)

    def _ecr(
        self, account: str, environ: dict[str, Any], start_response: StartResponse, body: bytes
    ) -> Iterable[bytes]:
        """Layers, images and the registry's settings are ours, repositories moto's."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        try:
            if self._registry.has(operation):
                answer = self._registry.answer(operation, account, body, environ["HTTP_HOST"])
                content = json.dumps(answer).encode()
                headers = [("Content-Type", "application/x-amz-json-1.1")]
                headers.append(("Content-Length", str(len(content))))
                start_response("200 OK", headers)
                return [content]
            if operation == "DeleteRepository":
                self._registry.refuse_removal(account, body)
        except Refused as error:
            return served.refused(
                environ, start_response, "ecr", "400 Bad Request", error.code, str(error)
            )
        answered = self._moto("ecr", environ, start_response)
        if operation == "DeleteRepository":
            self._registry.forget(account, body)
        return answered

    def _moto(
        self, service: str, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        is_s3, method = service == "s3", environ["REQUEST_METHOD"]
        if is_s3 and method not in _READS and _behind_access_point(environ):
            return served.refused(
                environ, start_response, "s3", "403 Forbidden", "AccessDenied", "Access Denied"
            )
        if is_s3 and method in ("PUT", "POST") and plain_requests.is_too_long(_key(environ)):
            status, code = "400 Bad Request", "KeyTooLongError"
            return served.refused(
                environ, start_response, "s3", status, code, "Your key is too long"
            )
        is_content = is_s3 and bodies.is_content(environ)
        arrived: AbstractContextManager[None] = nullcontext()
        try:
            if is_content:
                arrived = self._arriving(environ)
            elif is_s3:
                bodies.small(environ)
        except bodies.Unacceptable as error:
            return served.refused(
                environ, start_response, "s3", error.status, error.code, error.message
            )
        if is_s3 and (found := plain_requests.read(self._s3, environ)) is not None:
            return _whole(environ, start_response, *found)
        if is_s3 and method == "GET" and (large := self._large(environ)):
            return self._streamed(environ, start_response, large)
        try:
            with self._others.kept(service), arrived:
                made = plain_requests.write(self._s3, environ) if is_content else None
                if made is not None:
                    start_response("200 OK", made)
                    answer: Any = []
                else:
                    answer = self._applications[service](environ, start_response)
        except (OSError, sqlite3.Error):
            raise
        except Exception:  # moto trips over what it does not know
            traceback.print_exc()
            return served.refused(
                environ, start_response, service, "501 Not Implemented", "NotImplemented"
            )
        if service == "logs":
            self.logs.flush()
        elif is_s3 and method in ("PUT", "POST", "DELETE", "PATCH"):
            self._objects.flush(self._s3, settings=not is_content)
        return answer  # type: ignore[no-any-return]

    def _arriving(self, environ: dict[str, Any]) -> AbstractContextManager[None]:
        """Take the content of a request to a file."""
        path = self._objects.new_file()
        try:
            return s3_durable.arriving(bodies.receive(environ, path))
        except BaseException:
            self._objects.discard(path)
            self._objects.flush(self._s3)
            raise

    def _large(self, environ: dict[str, Any]) -> Path | None:
        """The file of a large object, if this request reads one whole or by range."""
        names = {part.partition("=")[0] for part in environ.get("QUERY_STRING", "").split("&")}
        if names & {"versionId", "partNumber", "acl", "tagging", "uploadId", "attributes"}:
            return None
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/")
        bucket, _, key = path.partition("/")
        found = self.file(bucket, key)
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
        answer = self._applications["s3"](question, lambda *args, **_: head.extend(args))
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


def _whole(
    environ: dict[str, Any],
    start_response: StartResponse,
    headers: list[tuple[str, str]],
    path: Path,
) -> Iterable[bytes]:
    """An object as a whole, or what is told of it."""
    start_response("200 OK", headers)
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    opened = path.open("rb")
    size = os.fstat(opened.fileno()).st_size
    if size >= _STREAM_FROM:
        return file_blocks(opened, 0, size)
    with opened:
        return [opened.read()]


def _link(owner: OwnerKey, host: str, bucket: str, key: str) -> str:
    """An address that reads an object for an hour, without other credentials."""
    request = AWSRequest("GET", f"http://{host}/{bucket}/{quote(key)}")
    keys = Credentials(ACCOUNT, owner.secret_access_key(ACCOUNT))
    S3SigV4QueryAuth(keys, "s3", REGION, expires=3600).add_auth(request)
    return str(request.url)


def _behind_access_point(environ: dict[str, Any]) -> bool:
    """Whether a request of S3 is for a store's bucket, named in the path or in the host."""
    host: str = environ.get("HTTP_HOST", "")
    path: str = environ["PATH_INFO"].lstrip("/")
    return host.partition(".")[0].endswith(ALIAS) or path.partition("/")[0].endswith(ALIAS)


def _key(environ: Mapping[str, Any]) -> bytes:
    key: str = environ["PATH_INFO"].removeprefix("/").partition("/")[2]
    return key.encode("latin-1")


def _template(templates: Mapping[str, str], prefix: str) -> str | None:
    """The policy of the longest prefix that covers this one, ROOT covering all."""
    covering = [one for one in templates if f"{prefix}/".startswith(f"{one}/")]
    return templates.get(max(covering, key=len, default="ROOT"))


def _make_role() -> None:
    """The role of runs, for clients that look it up by its name."""
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
    iam, name = internals.iam_backend(ACCOUNT), ROLE_ARN.rpartition("/")[2]
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
