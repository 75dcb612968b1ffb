"""Requests for whole objects that say nothing else are answered as moto answers them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from .conftest import Clients, refused

# Of the moment, and what moto says beside S3: a CORS of its own, a header of the request.
_BY_MOTO = "access-control-allow-origin"
_NOT_COMPARED = ("date", "x-amzn-requestid", "x-amz-content-sha256", _BY_MOTO)


@pytest.fixture(scope="module")
def by_moto(fake: Clients) -> Any:
    """A client whose requests have a header that nobody knows."""
    s3 = fake.service.client("s3")

    def add(request: Any, **_: Any) -> None:
        request.headers["x-nobody-knows"] = "it"

    s3.meta.events.register("before-sign.s3", add)
    return s3


def headers(answer: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = answer["ResponseMetadata"]["HTTPHeaders"]
    return {name: value for name, value in found.items() if name not in _NOT_COMPARED}


def versioned(s3: Any) -> None:
    s3.create_bucket(Bucket="versioned")
    on = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration=on)


def encrypted(s3: Any) -> None:
    s3.create_bucket(Bucket="encrypted")
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"}
    how = {"Rules": [{"ApplyServerSideEncryptionByDefault": rule, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket="encrypted", ServerSideEncryptionConfiguration=how)


OBJECTS: dict[str, dict[str, Any]] = {
    "empty": {"Body": b""},
    "ü" * 512: {"Body": b"content"},  # the longest that may be
    "small/ü//a b+%2F": {"Body": b"content"},
    "large": {"Body": b"x" * 2_000_000},
    "said": {
        "Body": b"content",
        "Metadata": {"k": "v w"},
        "Tagging": "a=b",
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "no-store",
    },
    "encoded": {"Body": b"content", "ContentEncoding": "gzip"},
    "summed": {"Body": b"content", "ChecksumAlgorithm": "SHA256"},
    "rare": {"Body": b"content", "StorageClass": "STANDARD_IA"},
    "kept": {"Body": b"content", "Bucket": "versioned"},
    "secret": {"Body": b"content", "Bucket": "encrypted"},
}


@pytest.fixture(scope="module", autouse=True)
def made(fake: Clients) -> None:
    versioned(fake.s3)
    encrypted(fake.s3)
    for key, how in OBJECTS.items():
        fake.s3.put_object(**{"Bucket": "omics-local", "Key": key, **how})


@pytest.mark.parametrize("key", OBJECTS)
def test_what_is_read_is_as_moto_has_it(fake: Clients, by_moto: Any, key: str) -> None:
    where = {"Bucket": OBJECTS[key].get("Bucket", "omics-local"), "Key": key}
    for more in ({}, {"ChecksumMode": "ENABLED"}):
        for operation in ("get_object", "head_object"):
            ours = getattr(fake.s3, operation)(**where, **more)
            theirs = getattr(by_moto, operation)(**where, **more)
            assert headers(ours) == headers(theirs)
            assert _BY_MOTO in theirs["ResponseMetadata"]["HTTPHeaders"]
            assert _BY_MOTO not in ours["ResponseMetadata"]["HTTPHeaders"]
            if operation == "get_object":
                assert ours["Body"].read() == theirs["Body"].read() == OBJECTS[key]["Body"]


@pytest.mark.parametrize("bucket", ["omics-local", "versioned", "encrypted"])
@pytest.mark.parametrize(
    "more", [{}, {"ContentType": "text/x"}, {"ChecksumAlgorithm": "SHA256"}, {"ContentMD5": ...}]
)
def test_what_is_written_is_as_moto_has_it(
    fake: Clients, by_moto: Any, bucket: str, more: dict[str, Any]
) -> None:
    body = b"some content"
    if "ContentMD5" in more:
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        more = {"ContentMD5": base64.b64encode(digest).decode()}
    told = []
    for s3 in (fake.s3, by_moto):
        where = {"Bucket": bucket, "Key": "written"}
        s3.put_object(**where, Body=b"old", Metadata={"k": "v"}, Tagging="a=b")
        answer = s3.put_object(**where, Body=body, **more)
        head = fake.s3.head_object(**where, ChecksumMode="ENABLED")
        tags = fake.s3.get_object_tagging(**where)["TagSet"]
        grants = fake.s3.get_object_acl(**where)["Grants"]
        versions = fake.s3.list_object_versions(Bucket=bucket, Prefix="written")["Versions"]
        found = [headers(answer), headers(head), tags, grants, versions[0]]
        for one in found:
            if isinstance(one, dict):
                for name in ("last-modified", "LastModified", "x-amz-version-id", "VersionId"):
                    one.pop(name, None)
        assert fake.s3.get_object(**where)["Body"].read() == body
        told.append(found)
    assert told[0][0].pop("content-length") == "0"
    told[1][0].pop("content-length", None)
    told[1][0].pop("content-type", None)  # of Flask, of an answer that has no content
    assert told[0] == told[1]


def test_names_of_headers_are_written_as_s3_does(fake: Clients) -> None:
    names: set[str] = set()
    s3 = fake.service.client("s3")
    s3.meta.events.register(
        "after-call.s3", lambda http_response, **_: names.update(http_response.raw.headers)
    )
    for operation in (s3.get_object, s3.head_object):
        names.clear()
        operation(Bucket="omics-local", Key="said")
        assert names >= {"Content-Length", "Content-Type", "Last-Modified", "ETag", "x-amz-meta-k"}


def test_a_percent_in_a_key_is_one(fake: Clients, by_moto: Any) -> None:
    key, copy = "percent/a%2Fb %25+", "percent/copy %41"
    where = {"Bucket": "omics-local"}
    for s3 in (fake.s3, by_moto):
        s3.put_object(**where, Key=key, Body=b"content")
        s3.copy_object(**where, Key=copy, CopySource={**where, "Key": key})
        listed = s3.list_objects_v2(**where, Prefix="percent/")["Contents"]
        assert [item["Key"] for item in listed] == [key, copy]
        assert s3.get_object(**where, Key=copy)["Body"].read() == b"content"
        assert s3.get_object(**where, Key=key, Range="bytes=0-1")["Body"].read() == b"co"
        s3.delete_object(**where, Key=key)
        s3.delete_object(**where, Key=copy)
        assert "Contents" not in s3.list_objects_v2(**where, Prefix="percent/")


def test_what_is_refused_is_refused_as_by_moto(fake: Clients, by_moto: Any) -> None:
    fake.s3.put_object(Bucket="omics-local", Key="cold", Body=b"x", StorageClass="GLACIER")
    fake.s3.put_object(Bucket="versioned", Key="gone", Body=b"x")
    fake.s3.delete_object(Bucket="versioned", Key="gone")
    for s3 in (fake.s3, by_moto):
        for code, bucket, key in (
            ("NoSuchBucket", "no-such-bucket", "a"),
            ("NoSuchKey", "omics-local", "no such key"),
            ("NoSuchKey", "versioned", "gone"),
            ("InvalidObjectState", "omics-local", "cold"),
        ):
            assert refused(s3.get_object, Bucket=bucket, Key=key)[0] == code
        assert refused(s3.put_object, Bucket="no-such-bucket", Key="a", Body=b"x")[0] == (
            "NoSuchBucket"
        )
        long = {"Bucket": "omics-local", "Key": "ü" * 512 + "x"}
        assert refused(s3.put_object, **long, Body=b"x")[0] == "KeyTooLongError"
        assert refused(s3.create_multipart_upload, **long)[0] == "KeyTooLongError"
        changed = {"Bucket": "omics-local", "Key": "empty", "IfMatch": '"0"'}
        assert refused(s3.get_object, **changed)[0] == "PreconditionFailed"
        assert refused(s3.head_object, **changed)[0] == "412"
        taken = {"Bucket": "omics-local", "Key": "empty", "IfNoneMatch": "*"}
        assert refused(s3.put_object, **taken)[0] == "PreconditionFailed"


def test_an_object_in_parts_and_its_parts_are_read(fake: Clients, by_moto: Any) -> None:
    content = bytes(range(256)) * 40_000
    config = TransferConfig(multipart_threshold=6_000_000, multipart_chunksize=6_000_000)
    fake.s3.upload_fileobj(io.BytesIO(content), "omics-local", "parts", Config=config)
    where = {"Bucket": "omics-local", "Key": "parts"}
    for more in ({}, {"ChecksumMode": "ENABLED"}, {"Range": "bytes=10-19"}):
        heads = [headers(s3.head_object(**where, **more)) for s3 in (fake.s3, by_moto)]
        assert heads[0] == heads[1]
        ours, theirs = (s3.get_object(**where, **more) for s3 in (fake.s3, by_moto))
        assert headers(ours) == headers(theirs)
        assert ours["Body"].read() == (content if "Range" not in more else content[10:20])
        assert theirs["Body"].read()


def test_a_bucket_that_is_closed_is_closed_to_plain_requests(fake: Clients) -> None:
    s3 = fake.s3
    s3.create_bucket(Bucket="closed")
    s3.put_object(Bucket="closed", Key="a", Body=b"x")
    said = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::closed/*",
    }
    s3.put_bucket_policy(Bucket="closed", Policy=json.dumps({"Statement": [said]}))
    for call, more in ((s3.get_object, {}), (s3.head_object, {}), (s3.put_object, {"Body": b"y"})):
        with pytest.raises(ClientError) as error:
            call(Bucket="closed", Key="a", **more)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
