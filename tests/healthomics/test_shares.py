"""Shares between accounts; an access key of twelve digits is an account's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

import local_healthomics as local

from .conftest import TEMPLATE, WDL, Clients, connect, refused, settled, zipped

OWNER, FRIEND, STRANGER = "123456789012", "222222222222", "333333333333"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, fake_engine: list[str]) -> Iterator[Clients]:
    service = local.start(tmp_path_factory.mktemp("shares"), engine=fake_engine)
    yield connect(service)
    service.stop()


@pytest.fixture(scope="module")
def friend(clients: Clients) -> Any:
    return connect(clients.service, FRIEND).omics


@pytest.fixture(scope="module")
def stranger(clients: Clients) -> Any:
    return connect(clients.service, STRANGER).omics


def until(omics: Any, share: str, status: str) -> None:
    settled(lambda: omics.get_share(shareId=share)["share"], status)


def workflow(clients: Clients) -> tuple[str, str]:
    """Id and ARN of a new workflow of the owner's."""
    id = clients.active_workflow(parameterTemplate=TEMPLATE)
    return id, clients.omics.get_workflow(id=id)["arn"]


def store(clients: Clients, name: str) -> tuple[str, str]:
    """Id and ARN of a new annotation store of the owner's."""
    made = clients.omics.create_annotation_store(name=name, storeFormat="TSV")
    clients.omics.get_waiter("annotation_store_created").wait(
        name=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
    )
    return made["id"], f"arn:aws:omics:us-east-1:{OWNER}:annotationStore/{name}"


def offer(clients: Clients, arn: str) -> str:
    made = clients.omics.create_share(resourceArn=arn, principalSubscriber=FRIEND)
    return str(made["shareId"])


def shared(clients: Clients, friend: Any, arn: str) -> str:
    share = offer(clients, arn)
    friend.accept_share(shareId=share)
    until(friend, share, "ACTIVE")
    return share


def test_a_share_is_offered_accepted_and_ended(clients: Clients, friend: Any) -> None:
    id, arn = store(clients, "offered")
    made = clients.omics.create_share(
        resourceArn=arn, principalSubscriber=FRIEND, shareName="my_Share-123"
    )
    assert (made["status"], made["shareName"]) == ("PENDING", "my_Share-123")
    seen = friend.get_share(shareId=made["shareId"])["share"]
    assert (seen["ownerId"], seen["principalSubscriber"]) == (OWNER, FRIEND)
    assert (seen["resourceArn"], seen["resourceId"]) == (arn, id)
    assert friend.accept_share(shareId=made["shareId"])["status"] == "ACTIVATING"
    until(clients.omics, made["shareId"], "ACTIVE")
    assert clients.omics.delete_share(shareId=made["shareId"])["status"] == "DELETING"
    until(friend, made["shareId"], "DELETED")
    assert refused(friend.delete_share, shareId=made["shareId"])[0] == "ConflictException"


def test_only_the_subscriber_accepts_and_once(clients: Clients, friend: Any, stranger: Any) -> None:
    share = offer(clients, store(clients, "accepted")[1])
    assert refused(clients.omics.accept_share, shareId=share)[0] == "AccessDeniedException"
    for ask in (stranger.accept_share, stranger.get_share, stranger.delete_share):
        assert refused(ask, shareId=share)[0] == "ResourceNotFoundException"
    friend.accept_share(shareId=share)
    assert refused(friend.accept_share, shareId=share)[0] == "ConflictException"


def test_a_resource_is_shared_once_with_an_account(clients: Clients, friend: Any) -> None:
    _, arn = store(clients, "offered_once")
    share = offer(clients, arn)
    again = {"resourceArn": arn, "principalSubscriber": FRIEND}
    assert refused(clients.omics.create_share, **again)[0] == "ConflictException"
    friend.delete_share(shareId=share)  # which declines it
    until(clients.omics, share, "DELETED")
    assert clients.omics.create_share(**again)["status"] == "PENDING"


@pytest.mark.parametrize(
    ("resource", "subscriber", "code"),
    [
        ("workflow/7654321", FRIEND, "ResourceNotFoundException"),
        ("variantStore/none", FRIEND, "ResourceNotFoundException"),
        ("workflow/7654321", OWNER, "ValidationException"),
        ("workflow/7654321", "a friend", "ValidationException"),
        ("nothing/1", FRIEND, "ValidationException"),
    ],
)
def test_an_impossible_share_is_refused(
    clients: Clients, resource: str, subscriber: str, code: str
) -> None:
    arn = f"arn:aws:omics:us-east-1:{OWNER}:{resource}"
    said, _ = refused(clients.omics.create_share, resourceArn=arn, principalSubscriber=subscriber)
    assert said == code


def test_what_is_no_workflow_or_store_cannot_be_shared(clients: Clients) -> None:
    group = clients.omics.create_run_group(name="g")["arn"]
    wanted = {"resourceArn": group, "principalSubscriber": FRIEND}
    assert refused(clients.omics.create_share, **wanted)[0] == "ValidationException"


def test_shares_are_listed_by_side_and_filter(clients: Clients, stranger: Any) -> None:
    first, second = store(clients, "first")[1], workflow(clients)[1]
    made = [
        clients.omics.create_share(resourceArn=arn, principalSubscriber=STRANGER)["shareId"]
        for arn in (first, second)
    ]
    theirs = stranger.list_shares(resourceOwner="OTHER")["shares"]
    assert [share["shareId"] for share in theirs] == made[::-1]
    assert stranger.list_shares(resourceOwner="SELF")["shares"] == []
    assert not clients.omics.list_shares(resourceOwner="OTHER")["shares"]
    only = {"resourceArns": [first], "status": ["PENDING", "ACTIVE"], "type": ["ANNOTATION_STORE"]}
    found = clients.omics.list_shares(resourceOwner="SELF", filter=only)["shares"]
    assert [share["shareId"] for share in found] == made[:1]
    workflows = {"type": ["VARIANT_STORE", "WORKFLOW"]}
    found = stranger.list_shares(resourceOwner="OTHER", filter=workflows)["shares"]
    assert [share["shareId"] for share in found] == made[1:]
    pages = stranger.get_paginator("list_shares").paginate(
        resourceOwner="OTHER", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["shares"]) for page in pages] == [1, 1]
    wrong = {"resourceOwner": "OTHER", "maxResults": 101}
    assert refused(stranger.list_shares, **wrong)[0] == "ValidationException"


def test_a_deleted_share_is_listed_only_if_asked_for(clients: Clients, friend: Any) -> None:
    _, arn = store(clients, "ended")
    share = offer(clients, arn)
    clients.omics.delete_share(shareId=share)
    until(friend, share, "DELETED")
    only: dict[str, Any] = {"resourceArns": [arn]}
    assert not friend.list_shares(resourceOwner="OTHER", filter=only)["shares"]
    gone = friend.list_shares(resourceOwner="OTHER", filter=only | {"status": ["DELETED"]})
    assert [found["shareId"] for found in gone["shares"]] == [share]


def test_a_shared_workflow_is_read_with_its_owners_id(clients: Clients, friend: Any) -> None:
    id, arn = workflow(clients)
    ask = {"id": id, "workflowOwnerId": OWNER}
    assert refused(friend.get_workflow, **ask)[0] == "ResourceNotFoundException"
    share = offer(clients, arn)
    assert refused(friend.get_workflow, **ask)[0] == "ResourceNotFoundException"
    friend.accept_share(shareId=share)
    until(friend, share, "ACTIVE")
    assert friend.get_workflow(**ask)["arn"] == arn
    assert refused(friend.get_workflow, id=id)[0] == "ResourceNotFoundException"
    assert refused(friend.get_workflow, **ask, export=["DEFINITION"])[0] == "AccessDeniedException"
    assert id not in {item["id"] for item in friend.list_workflows()["items"]}
    clients.omics.delete_share(shareId=share)
    assert refused(friend.get_workflow, **ask)[0] == "ResourceNotFoundException"


def test_all_versions_of_a_shared_workflow_are_shared(clients: Clients, friend: Any) -> None:
    id, arn = workflow(clients)
    clients.omics.create_workflow_version(
        workflowId=id, versionName="v1", definitionZip=zipped(main=WDL)
    )
    shared(clients, friend, arn)
    ask = {"workflowId": id, "workflowOwnerId": OWNER}
    listed = friend.list_workflow_versions(**ask)["items"]
    assert [item["versionName"] for item in listed] == ["v1"]
    assert friend.get_workflow_version(**ask, versionName="v1")["workflowId"] == id
    assert refused(friend.list_workflow_versions, workflowId=id)[0] == "ResourceNotFoundException"


def test_a_shared_workflow_runs_in_the_subscribers_account(clients: Clients, friend: Any) -> None:
    id, arn = workflow(clients)
    share = shared(clients, friend, arn)
    wanted = {
        "workflowId": id,
        "workflowOwnerId": OWNER,
        "roleArn": clients.service.role_arn,
        "outputUri": clients.service.default_output_uri,
        "parameters": {"how": "ok"},
    }
    started = friend.start_run(**wanted)
    assert f":{FRIEND}:run/" in started["arn"]
    assert friend.get_run(id=started["id"])["workflowOwnerId"] == OWNER
    assert refused(clients.omics.get_run, id=started["id"])[0] == "ResourceNotFoundException"
    definition = {"id": started["id"], "export": ["DEFINITION"]}
    assert refused(friend.get_run, **definition)[0] == "AccessDeniedException"
    again = {key: wanted[key] for key in ("roleArn", "outputUri")} | {"runId": started["id"]}
    assert refused(friend.start_run, **again)[0] == "AccessDeniedException"
    cache = friend.create_run_cache(cacheS3Location="s3://omics-local/cache")["id"]
    cached = wanted | {"cacheId": cache}
    assert refused(friend.start_run, **cached)[0] == "ValidationException"
    friend.delete_share(shareId=share)
    code, _ = refused(friend.start_run, **wanted)
    assert code == "ResourceNotFoundException"


def test_a_subscriber_neither_tags_nor_shares_nor_deletes(clients: Clients, friend: Any) -> None:
    id, arn = workflow(clients)
    shared(clients, friend, arn)
    assert refused(friend.tag_resource, resourceArn=arn, tags={})[0] == "AccessDeniedException"
    on = {"resourceArn": arn, "principalSubscriber": STRANGER}
    assert refused(friend.create_share, **on)[0] == "AccessDeniedException"
    assert refused(friend.delete_workflow, id=id)[0] == "ResourceNotFoundException"


def test_a_deleted_workflow_ends_its_shares(clients: Clients, friend: Any) -> None:
    id, arn = workflow(clients)
    share = shared(clients, friend, arn)
    clients.omics.delete_workflow(id=id)
    found = friend.get_share(shareId=share)["share"]
    assert (found["status"], found["statusMessage"]) == ("DELETED", "the resource was deleted")


def test_a_shared_store_is_read_by_its_name(clients: Clients, friend: Any) -> None:
    id, arn = store(clients, "ours")
    assert refused(friend.get_annotation_store, name="ours")[0] == "ResourceNotFoundException"
    share = shared(clients, friend, arn)
    assert friend.get_share(shareId=share)["share"]["resourceId"] == id
    assert friend.get_annotation_store(name="ours")["storeArn"] == arn
    listed = friend.list_annotation_store_versions(name="ours")["annotationStoreVersions"]
    assert [item["versionName"] for item in listed] == ["default_version"]
    code, _ = refused(friend.update_annotation_store, name="ours", description="mine")
    assert code == "ResourceNotFoundException"
    clients.omics.delete_share(shareId=share)
    assert refused(friend.get_annotation_store, name="ours")[0] == "ResourceNotFoundException"


def test_the_key_of_an_assumed_role_stands_for_the_roles_account(clients: Clients) -> None:
    share = offer(clients, store(clients, "for_a_role")[1])
    owner = clients.service.for_account(OWNER)
    assumed = owner.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{FRIEND}:role/reader", RoleSessionName="session"
    )["Credentials"]
    reader = boto3.client(
        "omics",
        region_name=owner.region,
        endpoint_url=owner.endpoint_url,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        config=Config(inject_host_prefix=False),
    )
    assert reader.accept_share(shareId=share)["status"] == "ACTIVATING"


def test_the_key_of_a_session_that_is_over_is_refused_as_such(clients: Clients) -> None:
    owner = clients.service.for_account(OWNER)
    config = Config(parameter_validation=False, inject_host_prefix=False)
    assumed = owner.client("sts", config=config).assume_role(
        RoleArn=f"arn:aws:iam::{OWNER}:role/reader", RoleSessionName="session", DurationSeconds=0
    )["Credentials"]
    codes = {
        "list_runs": ("omics", "ExpiredTokenException"),
        "list_buckets": ("s3", "ExpiredToken"),
        "get_caller_identity": ("sts", "ExpiredToken"),
        "describe_repositories": ("ecr", "ExpiredTokenException"),
    }
    for operation, (name, code) in codes.items():
        client = boto3.client(
            name,
            region_name=owner.region,
            endpoint_url=owner.endpoint_url,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            config=config,
        )
        assert refused(getattr(client, operation))[0] == code, name
