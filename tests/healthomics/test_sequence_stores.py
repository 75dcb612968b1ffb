"""Sequence stores, and what S3 shows of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Clients, settled
from .sequence_data import parts_of


def made(clients: Clients, name: str = "reads", **options: Any) -> dict[str, Any]:
    """A store that is ready."""
    id = clients.omics.create_sequence_store(name=name, **options)["id"]
    return settled(lambda: clients.omics.get_sequence_store(id=id), "ACTIVE")


def bucket_of(store: dict[str, Any]) -> str:
    return parts_of(store["s3Access"]["s3Uri"])["Bucket"]


def test_a_new_store_is_being_created_and_then_active(fake: Clients) -> None:
    said = fake.omics.create_sequence_store(
        name="reads",
        description="of all samples",
        eTagAlgorithmFamily="SHA256up",
        fallbackLocation="s3://fallen/reads/",
        propagatedSetLevelTags=["project"],
        s3AccessConfig={"accessLogLocation": "s3://logs/reads/"},
        tags={"team": "a"},
        sseConfig={"type": "KMS", "keyArn": "arn:aws:kms:us-east-1:123456789012:key/k"},
    )
    assert said["status"] == "CREATING"
    store = settled(lambda: fake.omics.get_sequence_store(id=said["id"]), "ACTIVE")
    for member in (
        "arn",
        "description",
        "eTagAlgorithmFamily",
        "fallbackLocation",
        "sseConfig",
        "propagatedSetLevelTags",
        "s3Access",
        "creationTime",
    ):
        assert store[member] == said[member]
    assert store["s3Access"]["accessLogLocation"] == "s3://logs/reads/"
    assert fake.omics.list_tags_for_resource(resourceArn=store["arn"])["tags"] == {"team": "a"}


def test_the_etag_algorithm_is_md5_unless_another_is_asked_for(fake: Clients) -> None:
    assert made(fake)["eTagAlgorithmFamily"] == "MD5up"


def test_an_update_changes_what_it_names(fake: Clients) -> None:
    store = made(fake, name="before", description="stays", fallbackLocation="s3://fallen/x/")
    said = fake.omics.update_sequence_store(
        id=store["id"],
        name="after",
        fallbackLocation="",
        propagatedSetLevelTags=["a", "b"],
        s3AccessConfig={"accessLogLocation": "s3://logs/y/"},
    )
    assert said["status"] == "UPDATING"
    changed = settled(lambda: fake.omics.get_sequence_store(id=store["id"]), "ACTIVE")
    assert (changed["name"], changed["description"]) == ("after", "stays")
    assert changed["propagatedSetLevelTags"] == ["a", "b"]
    assert changed["s3Access"] == store["s3Access"] | {"accessLogLocation": "s3://logs/y/"}
    assert changed["updateTime"] >= changed["creationTime"]


def test_stores_are_listed_by_name_status_and_time(fake: Clients) -> None:
    one, two = made(fake, name="by-name"), made(fake, name="by-name")

    def ids(**asked: Any) -> list[str]:
        pages = fake.omics.get_paginator("list_sequence_stores").paginate(
            filter={"name": "by-name", **asked}, PaginationConfig={"PageSize": 1}
        )
        return [store["id"] for page in pages for store in page["sequenceStores"]]

    assert ids() == [two["id"], one["id"]]
    assert ids(status="ACTIVE", createdAfter=two["creationTime"]) == [two["id"]]
    assert ids(createdBefore=one["creationTime"]) == [one["id"]]
    assert ids(status="FAILED") == []
    fake.omics.update_sequence_store(id=one["id"], description="touched")
    assert ids(updatedAfter=one["creationTime"]) == [one["id"]]


def test_a_deleted_store_is_gone_with_its_bucket(fake: Clients) -> None:
    store = made(fake)
    fake.omics.delete_sequence_store(id=store["id"])
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.omics.get_sequence_store(id=store["id"])
    with pytest.raises(ClientError, match="NoSuchBucket"):
        fake.s3.list_objects_v2(Bucket=bucket_of(store))


def test_the_bucket_of_a_store_is_readable_but_hidden_and_not_to_be_written(fake: Clients) -> None:
    bucket = bucket_of(made(fake))
    assert fake.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert bucket not in [found["Name"] for found in fake.s3.list_buckets()["Buckets"]]
    for refused in (
        lambda: fake.s3.put_object(Bucket=bucket, Key="k", Body=b"x"),
        lambda: fake.s3.delete_object(Bucket=bucket, Key="k"),
        lambda: fake.s3.create_multipart_upload(Bucket=bucket, Key="k"),
        lambda: fake.s3.delete_bucket(Bucket=bucket),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


def test_a_store_outlives_the_server(starter: Callable[[], Clients]) -> None:
    before = starter()
    store = made(before)
    before.service.stop()
    after = starter()
    found = after.omics.get_sequence_store(id=store["id"])
    assert found["s3Access"] == store["s3Access"]
    assert after.s3.list_objects_v2(Bucket=bucket_of(store))["KeyCount"] == 0


POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
                "Action": "s3:GetObject",
                "Resource": "*",
            }
        ],
    }
)


def test_the_policy_of_a_new_store_lets_its_owner_read(fake: Clients) -> None:
    store = made(fake)
    point = store["s3Access"]["s3AccessPointArn"]
    said = fake.omics.get_s3_access_policy(s3AccessPointArn=point)
    assert (said["storeId"], said["storeType"]) == (store["id"], "SEQUENCE_STORE")
    objects, listing = json.loads(said["s3AccessPolicy"])["Statement"]
    assert objects["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert objects["Resource"].startswith(f"{point}/object/123456789012/sequenceStore/")
    assert listing["Action"] == "s3:ListBucket"


def test_a_policy_is_put_read_and_deleted(fake: Clients) -> None:
    store = made(fake)
    point = store["s3Access"]["s3AccessPointArn"]
    said = fake.omics.put_s3_access_policy(s3AccessPointArn=point, s3AccessPolicy=POLICY)
    assert (said["s3AccessPointArn"], said["storeId"]) == (point, store["id"])
    found = fake.omics.get_s3_access_policy(s3AccessPointArn=point)
    assert found["s3AccessPolicy"] == POLICY
    assert found["updateTime"] >= store["creationTime"]
    fake.omics.delete_s3_access_policy(s3AccessPointArn=point)
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.omics.get_s3_access_policy(s3AccessPointArn=point)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no Statement"),
        ('{"Statement": ["x"]}', "no object"),
        (POLICY.replace("Allow", "Perhaps"), "Allow or Deny"),
        (POLICY.replace("Principal", "Principle"), "no Principal"),
    ],
)
def test_what_is_no_policy_is_refused(fake: Clients, policy: str, said: str) -> None:
    point = made(fake)["s3Access"]["s3AccessPointArn"]
    with pytest.raises(fake.omics.exceptions.ValidationException, match=said):
        fake.omics.put_s3_access_policy(s3AccessPointArn=point, s3AccessPolicy=policy)


def test_an_access_point_of_no_store_is_not_found(fake: Clients) -> None:
    point = "arn:aws:s3:us-east-1:123456789012:accesspoint/123456789012-1999999999"
    for refused in (
        lambda: fake.omics.get_s3_access_policy(s3AccessPointArn=point),
        lambda: fake.omics.put_s3_access_policy(s3AccessPointArn=point, s3AccessPolicy=POLICY),
        lambda: fake.omics.delete_s3_access_policy(s3AccessPointArn=point),
    ):
        with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
            refused()


def test_a_reference_store_has_no_access_policy(fake: Clients) -> None:
    id = fake.omics.create_reference_store(name="no policy")["id"]
    point = f"arn:aws:s3:us-east-1:123456789012:accesspoint/123456789012-{id}"
    with pytest.raises(ClientError, match="NotSupportedOperationException"):
        fake.omics.put_s3_access_policy(s3AccessPointArn=point, s3AccessPolicy=POLICY)
