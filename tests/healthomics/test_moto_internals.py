"""What moto promises nobody: each member is there, and does what it is used for.

A failure here names the member that a new version of moto has changed, and who needs it.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.metadata
import inspect
import io
import json
import re
import weakref
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import moto.logs.models
import moto.s3.models
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from moto.core.common_models import BaseModel

from local_healthomics.other_services import moto_internals as internals
from local_healthomics.other_services import plain_json, s3_records, small_services
from local_healthomics.other_services.moto_internals import MEMBERS, Member

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "internals"
ROOM = Path(internals.__file__).parent
s3: Any = moto.s3.models
logs: Any = moto.logs.models


def _complaint(member: str, problem: str, why: str) -> str:
    return (
        f"{member} of moto {importlib.metadata.version('moto')} {problem}; it is used because:"
        f" {why}. See other_services/moto_internals.py"
    )


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: f"{m.module}.{m.name}")
def test_moto_still_has_the_member(member: Member) -> None:
    found: Any = importlib.import_module(member.module)
    called = f"{member.module}.{member.name}"
    for name in member.name.split("."):
        assert hasattr(found, name), _complaint(called, "is gone", member.why)
        found = getattr(found, name)
    if member.parameters:
        given = inspect.signature(found).parameters.values()
        has = tuple(one.name for one in given)
        missing = [name for name in member.parameters if name not in has]
        wrong = f"has no {', '.join(missing)} among {has}"
        assert not missing, _complaint(called, wrong, member.why)
        needed = {one.name for one in given if one.default is one.empty}
        unknown = needed - {*member.parameters, "kwargs"}
        wrong = f"wants {', '.join(sorted(unknown))} as well"
        assert not unknown or _is_wrapped(member), _complaint(called, wrong, member.why)
        if member.in_order:
            wrong = f"takes {has}, not {member.parameters}"
            assert has == member.parameters, _complaint(called, wrong, member.why)


def _is_wrapped(member: Member) -> bool:
    """Whether what replaces it hands on whatever it is given."""
    return member.why.startswith("replaced")


class _Key(internals.Key):
    """A key that keeps its value itself, as moto's own would be disposed of by `__del__`."""

    digests_at_first: Any = "value was never set"

    @property
    def value(self) -> Any:
        return self.kept

    @value.setter
    def value(self, value: Any) -> None:
        if "kept" not in self.__dict__:
            self.digests_at_first = self.digest
        self.close_buffer()
        self.kept, self.contentsize = value, len(value)

    def __del__(self) -> None:
        return


class _Multipart(internals.Multipart):
    pass


class _Keys(internals.VersionedKeyStore):
    pass


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """moto's S3 with our classes under it and one bucket, for one test."""
    for name in ("FakeKey", "FakeMultipart", "_VersionedKeyStore"):
        monkeypatch.setattr(s3, name, getattr(s3, name))
    monkeypatch.setattr(s3.S3Backend, "list_buckets", s3.S3Backend.list_buckets)
    monkeypatch.setattr(BaseModel, "__new__", BaseModel.__new__)
    internals.forget_instances()
    internals.replace_in_s3(
        key=_Key, multipart=_Multipart, key_store=_Keys, list_buckets=lambda *_: "ours"
    )
    found = internals.s3_backend(ACCOUNT)
    found.create_bucket(BUCKET, REGION)
    yield found
    for name in found.buckets:  # what an earlier test has left among them
        s3.s3_backends.bucket_accounts.pop(name, None)
    found.buckets.clear()


def test_moto_makes_what_stands_in_the_place_of_its_classes(backend: Any) -> None:
    why = "replaced: it lasts"
    store = backend.buckets[BUCKET].keys
    assert isinstance(store, _Keys), _complaint("_VersionedKeyStore", "is not made", why)
    made = backend.put_object(BUCKET, "a", b"text")
    assert isinstance(made, _Key), _complaint("FakeKey", "is not made by put_object", why)
    upload = backend.create_multipart_upload(BUCKET, "b", {}, None, {}, None, None, None)
    assert isinstance(upload, _Multipart), _complaint("FakeMultipart", "is not made", why)
    part = backend.upload_part(BUCKET, upload.id, 1, b"part")
    assert isinstance(part, _Key), _complaint("FakeKey", "is not made by set_part", why)
    assert upload.parts == {1: part}
    assert upload.partlist == [1]
    assert backend.list_buckets(None, None, None) == "ours"


def test_nothing_keeps_what_was_overwritten_or_ended(backend: Any) -> None:
    """moto's own classes keep every instance: a server would grow without end."""
    old = weakref.ref(backend.put_object(BUCKET, "a", b"old"))
    acl = weakref.ref(old().acl)  # type: ignore[union-attr]
    backend.put_object(BUCKET, "a", b"new")
    upload = backend.create_multipart_upload(BUCKET, "b", {}, None, {}, None, None, None)
    backend.abort_multipart_upload(BUCKET, upload.id)
    ended = weakref.ref(upload)
    del upload
    gc.collect()
    for what, gone in (("FakeKey", old), ("FakeAcl", acl), ("FakeMultipart", ended)):
        assert gone() is None, _complaint(what, "is kept by moto", "it is made anew all the time")


def test_a_key_knows_its_digest_before_its_value_and_has_what_is_kept_of_it(backend: Any) -> None:
    key = backend.put_object(BUCKET, "a", b"text", etag="0" * 32)
    assert key.digests_at_first == "0" * 32, _complaint(
        "FakeKey.__init__", "sets its value before its ETag", "the ETag of a file is known"
    )
    members = {*internals.KEY_MEMBERS, "lock", "_metadata", "_value_buffer", "multipart",
               "account_id", "region_name", "bucket_name", "name", "last_modified", "acl",
               "disposed"}  # fmt: skip
    gone = sorted(members - vars(key).keys())
    assert not gone, _complaint("FakeKey", f"has no {', '.join(gone)}", "kept in the index")


def test_nothing_else_that_is_simple_is_carried_by_a_key(backend: Any) -> None:
    """A setting of an object that moto has learned would be lost with the process."""
    key = backend.put_object(BUCKET, "a", b"text")
    known = {*internals.KEY_MEMBERS, *internals.KEY_OF_THE_MOMENT,
             "name", "account_id", "region_name", "partition", "last_modified", "acl",  # as such
             "_metadata", "bucket_name", "multipart", "disposed", "kept", "digests_at_first",
             "_max_buffer_size", "_value_buffer",  # of the value
             "_expiry",  # as `restored_until`
             # How far the restoring is, which moto finds anew.
             "_status", "_transitions", "_tick", "_time_progressed", "model_name",
             }  # fmt: skip
    new = sorted(vars(key).keys() - known)
    assert not new, _complaint("FakeKey", f"carries {', '.join(new)}", "KEY_MEMBERS are kept")


def test_a_key_like_another_has_its_members_and_its_own_metadata(backend: Any) -> None:
    template = internals.new_key("", b"", ACCOUNT, REGION)
    key = internals.key_like(template, {"A": "b"}, None, name="x", bucket_name=BUCKET, _etag="e")
    assert isinstance(key, _Key)
    assert (key.name, key.digest, key.region_name) == ("x", "e", REGION)
    assert dict(key.metadata) == {"a": "b"}
    assert dict(template.metadata) == {"content-type": "binary/octet-stream"}
    assert key.lock is not template.lock


def test_a_delete_marker_is_as_it_was(backend: Any) -> None:
    hidden = internals.key_without_value("a", BUCKET)
    moment = datetime(2025, 1, 2, tzinfo=UTC)
    marker = internals.delete_marker(hidden, "v", moment)
    assert (marker.name, marker.version_id, marker.last_modified) == ("a", "v", moment)
    assert internals.is_delete_marker(marker)
    assert not internals.is_key(marker)
    assert internals.is_key(hidden)


def test_an_upload_and_a_bucket_have_what_is_not_kept_with_them(backend: Any) -> None:
    upload = backend.create_multipart_upload(BUCKET, "b", {"k": "v"}, None, {}, None, None, None)
    for owner, names in ((upload, internals.UPLOAD_CONTENT),
                         (backend.buckets[BUCKET], internals.BUCKET_CONTENT)):  # fmt: skip
        gone = set(names) - vars(owner).keys()
        assert not gone, _complaint(f"{type(owner).__name__}.{gone}", "is gone", "the content")
    again = internals.upload_like({"K": "v"}, {"id": upload.id})
    assert isinstance(again, _Multipart)
    assert again.metadata["k"] == "v"
    assert (again.id, again.parts, again.partlist) == (upload.id, {}, [])


POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
IN_BUCKET = {"Bucket": BUCKET}
EXPIRY: Any = {
    "Rules": [
        {"ID": "1", "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}]}},
         "Status": "Enabled", "Expiration": {"Days": 3},
         "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
         "NoncurrentVersionTransitions": [{"NoncurrentDays": 2, "StorageClass": "GLACIER"}],
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 5}},
        {"ID": "2", "Filter": {"Prefix": ""}, "Status": "Disabled", "Expiration": {"Days": 1}},
    ]
}  # fmt: skip
ORIGINS: Any = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
SECRET: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
RETAINED: Any = {
    "ObjectLockEnabled": "Enabled",
    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
}


def _set_all(s3: Any) -> None:
    """Every setting of a bucket that is served."""
    s3.create_bucket(**IN_BUCKET, ObjectLockEnabledForBucket=True)
    s3.put_bucket_versioning(**IN_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(**IN_BUCKET, Tagging={"TagSet": [{"Key": "$", "Value": "ü"}]})
    s3.put_bucket_policy(**IN_BUCKET, Policy=POLICY)
    s3.put_bucket_acl(**IN_BUCKET, ACL="public-read")
    s3.put_bucket_lifecycle_configuration(**IN_BUCKET, LifecycleConfiguration=EXPIRY)
    s3.put_bucket_cors(**IN_BUCKET, CORSConfiguration=ORIGINS)
    s3.put_bucket_encryption(**IN_BUCKET, ServerSideEncryptionConfiguration=SECRET)
    s3.put_public_access_block(
        **IN_BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    s3.put_bucket_ownership_controls(
        **IN_BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.put_bucket_request_payment(**IN_BUCKET, RequestPaymentConfiguration={"Payer": "Requester"})
    s3.put_bucket_accelerate_configuration(
        **IN_BUCKET, AccelerateConfiguration={"Status": "Enabled"}
    )
    s3.put_object_lock_configuration(**IN_BUCKET, ObjectLockConfiguration=RETAINED)
    s3.create_multipart_upload(
        **IN_BUCKET, Key="k", Metadata={"m": "1"}, Tagging="t=1", ACL="private"
    )


def _asked(s3: Any) -> list[Any]:
    """What is told of all that."""
    answers = [
        s3.get_bucket_versioning, s3.get_bucket_tagging, s3.get_bucket_policy, s3.get_bucket_acl,
        s3.get_bucket_lifecycle_configuration, s3.get_bucket_cors, s3.get_bucket_encryption,
        s3.get_public_access_block, s3.get_bucket_ownership_controls,
        s3.get_bucket_request_payment, s3.get_bucket_accelerate_configuration,
        s3.get_object_lock_configuration, s3.list_multipart_uploads,
    ]  # fmt: skip
    found = [ask(**IN_BUCKET) for ask in answers] + [s3.list_buckets()]
    return [{k: v for k, v in one.items() if k != "ResponseMetadata"} for one in found]


def test_all_settings_of_a_bucket_are_kept_and_given_back() -> None:
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        _set_all(client)
        before, backend = _asked(client), internals.s3_backend(ACCOUNT)
        bucket = backend.buckets[BUCKET]
        kept = s3_records.bucket_record(bucket, backend)
        [(id, upload)] = bucket.multiparts.items()
        in_parts = s3_records.upload_record(upload)
    with mock_aws():
        backend = internals.s3_backend(ACCOUNT)
        s3_records.restore_bucket(backend, BUCKET, kept)
        backend.buckets[BUCKET].multiparts[id] = s3_records.upload_of(in_parts)
        assert _asked(boto3.client("s3", region_name=REGION)) == before
        assert s3_records.bucket_record(backend.buckets[BUCKET], backend) == kept
        assert s3_records.upload_record(backend.buckets[BUCKET].multiparts[id]) == in_parts


IMAGE = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/json", "size": 1, "digest": f"sha256:{'0' * 64}"},
        "layers": [],
    }
)


def _fill(clients: Mapping[str, Any]) -> None:
    """Something of everything that is served of IAM, STS and ECR."""
    iam, sts, ecr = clients["iam"], clients["sts"], clients["ecr"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=POLICY, Tags=[{"Key": "a", "Value": ""}])
    arn = iam.create_policy(PolicyName="p", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam.put_role_policy(RoleName="r", PolicyName="x", PolicyDocument=POLICY)
    iam.create_user(UserName="u")
    iam.create_access_key(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="x", PolicyDocument=POLICY)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r", RoleSessionName="session")
    ecr.create_repository(repositoryName="a/b", tags=[{"Key": "a", "Value": "b"}])
    ecr.set_repository_policy(repositoryName="a/b", policyText=POLICY)
    for tag in ("1", "2"):
        ecr.put_image(repositoryName="a/b", imageManifest=IMAGE, imageTag=tag)


@pytest.mark.parametrize(("service", "place"), [("iam", "aws"), ("sts", "aws"), ("ecr", REGION)])
def test_a_small_service_is_kept_and_given_back_as_a_whole(service: str, place: str) -> None:
    with mock_aws():
        _fill({name: boto3.client(name, region_name=REGION) for name in ("iam", "sts", "ecr")})
        kept = small_services.record(internals.backends(service)[ACCOUNT][place])
    with mock_aws():
        backend = internals.backends(service)[ACCOUNT][place]
        small_services.restore(backend, kept)
        assert small_services.record(backend) == kept
        if service == "iam":  # the policy of the role is that of the account
            iam = boto3.client("iam", region_name=REGION)
            [policy] = iam.list_policies(Scope="Local")["Policies"]
            assert policy["AttachmentCount"] == 2
            iam.detach_role_policy(RoleName="r", PolicyArn=policy["Arn"])
            [policy] = iam.list_policies(Scope="Local")["Policies"]
            assert policy["AttachmentCount"] == 1


@pytest.mark.parametrize(
    "name",
    ["os.system", "moto.s3.models.os", "moto.s3.models.get_canned_acl", "moto.s3.models.NoSuch",
     "moto.nosuch.models.Thing", "moto.core.models.MockAWS", "moto.s3.models.Any",
     "subprocess.Popen", ""],
)  # fmt: skip
def test_only_objects_of_motos_models_are_made(name: str) -> None:
    with pytest.raises(plain_json.NotPlain, match="has no"):
        plain_json.read(json.dumps({"value": {"object": 0}, "objects": [[name, {}]]}))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"value": {"x": 1}, "objects": []}',
             '{"value": {"object": 3}, "objects": []}', '{"value": {}, "objects": []}'],
)  # fmt: skip
def test_what_is_damaged_is_told(text: str) -> None:
    with pytest.raises(plain_json.NotPlain, match="damaged"):
        plain_json.read(text)


@pytest.mark.parametrize("value", [object(), print, [Path("x")], {1: re.compile("x")}])
def test_what_is_not_plain_is_not_written(value: Any) -> None:
    with pytest.raises(plain_json.NotPlain, match="none of moto's models"):
        plain_json.written(value)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
    | st.tuples(inner) | st.sets(st.text()),
    max_leaves=10,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    assert plain_json.read(plain_json.written(value)) == value


def test_an_upload_is_put_together_by_complete(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _Multipart, "complete", lambda self, body: (b"whole", "e-1", ("FULL_OBJECT", "sum", 2))
    )
    upload = backend.create_multipart_upload(BUCKET, "b", {"k": "v"}, None, {}, None, None, None)
    key = backend.complete_multipart_upload(BUCKET, upload.id, [])
    assert (key.kept, key.digest, dict(key.metadata)["k"]) == (b"whole", "e-1", "v")
    found = (key.checksum_type, key.checksum_value, key.checksum_parts)
    assert found == ("FULL_OBJECT", "sum", 2), _complaint(
        "FakeMultipart.complete", "answers something else", "an upload is put together on disk"
    )


def test_a_copy_hands_the_value_to_put_object(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []

    def put(backend: Any, bucket_name: str, key_name: str, value: Any, **kwargs: Any) -> Any:
        taken.append(value)
        return internals.put_object(backend, bucket_name, key_name, value, **kwargs)

    source = backend.put_object(BUCKET, "a", b"text")
    monkeypatch.setattr(s3.S3Backend, "put_object", put)
    internals.copy_object(backend, source, BUCKET, "b")
    assert taken == [b"text"], _complaint(
        "S3Backend.copy_object", "does not call put_object", "the value is handed on as a file"
    )


def test_an_acl_is_its_grants() -> None:
    acl = s3.get_canned_acl("public-read")
    grants = internals.grants(acl)
    assert len(grants) == 2
    assert internals.grants(internals.acl(grants)) == grants
    assert internals.grants(None) == []


def test_newer_versions_come_last_and_are_listed_by_iterlists(backend: Any) -> None:
    backend.buckets[BUCKET].versioning_status = "Enabled"
    versions = [backend.put_object(BUCKET, "a", text) for text in (b"old", b"new")]
    store = backend.buckets[BUCKET].keys
    assert store.getlist("a") == versions
    assert list(store.iterlists()) == [("a", versions)]
    asked = []
    store.__class__ = type("Asked", (_Keys,), {"iterlists": lambda self: asked.append(1) or ()})
    backend.list_object_versions(BUCKET)
    assert asked, _complaint(
        "_VersionedKeyStore.iterlists", "is not what lists versions", "newest first"
    )


def test_logs_are_made_of_what_stands_in_the_place_of_its_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    class Stream(internals.LogStream):
        def put_log_events(self, log_events: Any) -> Any:
            seen.append((self.account_id, self.log_group.name, self.log_stream_name, log_events))
            return super().put_log_events(log_events)

    for name in ("delete_log_group", "delete_log_stream"):
        monkeypatch.setattr(logs.LogsBackend, name, getattr(logs.LogsBackend, name))
    monkeypatch.setattr(logs, "LogStream", logs.LogStream)
    internals.replace_in_logs(stream=Stream, delete_log_group=lambda *_: "ours")
    backend = internals.logs_backend(ACCOUNT, REGION)
    group = backend.create_log_group("g", {"k": "v"}, RetentionInDays=3, kmsKeyId="key")
    try:
        backend.create_log_stream("g", "s")
        events = [{"timestamp": 1, "message": "said"}]
        group.put_log_events("s", events)
        assert seen == [(ACCOUNT, "g", "s", events)], _complaint(
            "LogStream", "is not made, or not written to", "events are written as they come"
        )
        assert (group.retention_in_days, group.kms_key_id) == (3, "key")
        assert isinstance(group.creation_time, int | datetime)
        assert backend.tagger.get_tag_dict_for_resource(group.arn) == {"k": "v"}
        assert ACCOUNT in internals.logs_backends()
        assert backend.delete_log_group("g") == "ours"
    finally:
        backend.groups.clear()


def test_keys_of_users_and_of_sessions_are_where_they_are_looked_for() -> None:
    with mock_aws():
        iam, sts = (boto3.client(name, region_name=REGION) for name in ("iam", "sts"))
        iam.create_user(UserName="u")
        of_user = iam.create_access_key(UserName="u")["AccessKey"]
        role = f"arn:aws:iam::{ACCOUNT}:role/r"
        of_session = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        for sessions, given in ((False, of_user), (True, of_session)):
            [(account, key)] = internals.access_keys(of_sessions=sessions)
            found = (account, key.access_key_id, key.secret_access_key)
            assert found == (ACCOUNT, given["AccessKeyId"], given["SecretAccessKey"])
            if sessions:
                assert key.session_token == given["SessionToken"]
                assert not internals.is_over(key)


def test_a_session_is_over_at_its_time_and_forgotten_after_it() -> None:
    now = datetime.now(UTC)
    with mock_aws():
        sts = boto3.client("sts", region_name=REGION)
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r", RoleSessionName="session")
        [(_, session)] = internals.access_keys(of_sessions=True)
        internals.forget_sessions(now)
        assert list(internals.access_keys(of_sessions=True))
        session.expiration = (now - timedelta(seconds=1)).replace(tzinfo=None)
        assert internals.is_over(session)
        internals.forget_sessions(now)
        assert not list(internals.access_keys(of_sessions=True))


def test_a_service_is_an_application_without_motos_administration() -> None:
    application = internals.application("sts")
    said: list[Any] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "here",
        "SERVER_PORT": "80", "HTTP_HOST": "here", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b""), "CONTENT_LENGTH": "0",
    }  # fmt: skip
    for path, status in (("/moto-api/reset", "404"), ("/moto-api/data.json", "404")):
        answer = application({**environ, "PATH_INFO": path}, lambda *args: said.append(args[0]))
        assert said.pop().startswith(status), path
        assert answer


def _assigned(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_members_of_moto_are_replaced_and_private_ones_used_in_one_file() -> None:
    found = []
    for path in sorted(set(ROOM.glob("**/*.py")) - {Path(internals.__file__)}):
        tree = ast.parse(path.read_text())
        own = {node.attr for node in _assigned(tree) if _root(node.value) in ("self", "cls")}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                own.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                own.add(node.target.id)
        own -= {*internals.KEY_MEMBERS, "_metadata", "_value_buffer"}  # also on `self`
        found += [
            f"{path.name}:{node.lineno} uses .{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
            and node.attr not in own
        ]
        found += [
            f"{path.name}:{node.lineno} replaces .{node.attr}"
            for node in _assigned(tree)
            if _root(node.value) == "internals" or _root(node.value)[:1].isupper()
        ]
    assert not found, "of moto, in moto_internals.py only:\n" + "\n".join(found)
