"""Tags, of whatever has an ARN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

import local_healthomics as local
from local_healthomics.server import _FORMAT
from local_healthomics.store.documents import Store

from .conftest import WDL, Clients, connect, refused, signing, zipped

HERE = "arn:aws:omics:us-east-1:123456789012:"
KEPT = {  # as the families of operations keep them: kind and key by the path of the ARN
    "runBatch/2000001": ("batch", "2000001"),
    "configuration/vpc": ("configuration", "123456789012/vpc"),
    "referenceStore/1000000001": ("referenceStore", "1000000001"),
    "referenceStore/1000000001/reference/1000000002": ("reference", "1000000002"),
    "sequenceStore/1000000003": ("sequenceStore", "1000000003"),
    "sequenceStore/1000000003/readSet/1000000004": ("readSet", "1000000004"),
}

READ_SET = {"sequenceStoreId": "1000000003", "subjectId": "who", "sampleId": "what"}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, fake_engine: list[str]) -> Iterator[Clients]:
    """A server whose state folder holds one of each kind of resource."""
    state: Path = tmp_path_factory.mktemp("tags")
    store = Store(state / "omics.sqlite")
    for path, (kind, key) in KEPT.items():
        document = {"arn": HERE + path, "status": "ACTIVE", "tags": {"first": "1"}}
        store.add(kind, document | (READ_SET if kind == "readSet" else {}), id=key)
    store.add("task", {"arn": f"{HERE}task/3000001"}, id="3000001")
    store.close()
    (state / "format").write_text(f"{_FORMAT}\n")
    service = local.start(state, engine=fake_engine)
    yield connect(service)
    service.stop()


@pytest.fixture(scope="module")
def group(clients: Clients) -> str:
    return str(clients.omics.create_run_group(name="tagged", tags={"first": "1"})["arn"])


def unchecked(clients: Clients) -> Any:
    """A client that leaves it to the server to find what is wrong with a request."""
    return boto3.client(
        "omics",
        **signing(clients.service),
        config=Config(inject_host_prefix=False, parameter_validation=False),
    )


def retag(omics: Any, arn: str) -> None:
    """Every resource here was made with the tag `first`."""
    omics.tag_resource(resourceArn=arn, tags={"second": "2"})
    tags = omics.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == {"first": "1", "second": "2"}
    omics.untag_resource(resourceArn=arn, tagKeys=["first", "none"])
    assert omics.list_tags_for_resource(resourceArn=arn)["tags"] == {"second": "2"}


@pytest.mark.parametrize("path", KEPT)
def test_stored_resources_have_tags(clients: Clients, path: str) -> None:
    retag(clients.omics, HERE + path)


def test_workflows_versions_runs_groups_and_caches_have_tags(clients: Clients) -> None:
    tags = {"first": "1"}
    workflow = clients.active_workflow(tags=tags, parameterTemplate={"how": {"optional": True}})
    version = clients.omics.create_workflow_version(
        workflowId=workflow, versionName="v1", definitionZip=zipped(main=WDL), tags=tags
    )
    cache = clients.omics.create_run_cache(cacheS3Location="s3://omics-local/c", tags=tags)
    run = clients.start(workflow, tags=tags)
    for arn in (
        f"{HERE}workflow/{workflow}",
        version["arn"],
        cache["arn"],
        f"{HERE}run/{run}",
    ):
        retag(clients.omics, arn)


def test_annotation_stores_and_their_versions_have_tags(clients: Clients) -> None:
    clients.omics.create_annotation_store(name="mine", storeFormat="TSV", tags={"first": "1"})
    retag(clients.omics, f"{HERE}annotationStore/mine")
    arn = f"{HERE}annotationStore/mine/version/default_version"
    clients.omics.tag_resource(resourceArn=arn, tags={"a": "1"})
    assert clients.omics.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:s3:::bucket", "ValidationException"),
        (f"{HERE}workflow", "ValidationException"),
        (f"{HERE}workflow/1/version", "ValidationException"),
        (f"{HERE}runGroup/1/version/2", "ValidationException"),
        (f"{HERE}share/1", "ValidationException"),
        (f"{HERE}task/3000001", "ValidationException"),
        (f"{HERE}run/7654321", "ResourceNotFoundException"),
        (f"{HERE}variantStore/none", "ResourceNotFoundException"),
        (f"{HERE}referenceStore/9/reference/1000000002", "ResourceNotFoundException"),
        (
            "arn:aws:omics:eu-west-1:123456789012:sequenceStore/1000000003",
            "ResourceNotFoundException",
        ),
        ("arn:aws:omics:us-east-1:222222222222:sequenceStore/1000000003", "AccessDeniedException"),
    ],
)
def test_an_arn_of_nothing_here_has_no_tags(clients: Clients, arn: str, code: str) -> None:
    assert refused(clients.omics.list_tags_for_resource, resourceArn=arn)[0] == code
    assert refused(clients.omics.tag_resource, resourceArn=arn, tags={"a": "1"})[0] == code
    assert refused(clients.omics.untag_resource, resourceArn=arn, tagKeys=["a"])[0] == code


@pytest.mark.parametrize(
    "tags", [{"aws:cost": "1"}, {"AWS:cost": "1"}, {"k" * 129: ""}, {"k": "v" * 257}, {"": "v"}]
)
def test_a_tag_has_a_key_and_a_value_of_their_lengths(
    clients: Clients, group: str, tags: dict[str, str]
) -> None:
    omics = unchecked(clients)
    code, _ = refused(omics.tag_resource, resourceArn=group, tags=tags)
    assert code == "ValidationException"
    assert refused(omics.create_run_group, tags=tags)[0] == "ValidationException"


def test_a_resource_has_at_most_fifty_tags(clients: Clients, group: str) -> None:
    many = {f"k{n}": "" for n in range(51)}
    assert refused(clients.omics.create_run_group, tags=many)[0] == "ValidationException"
    some = {"resourceArn": group, "tags": {f"k{n}": "" for n in range(49)}}
    clients.omics.tag_resource(**some)
    one_more = {"resourceArn": group, "tags": {"one": "", "more": ""}}
    assert refused(clients.omics.tag_resource, **one_more)[0] == "ValidationException"
    clients.omics.tag_resource(**some)  # what is there already does not count again
