"""Configurations, and the runs that use them."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Clients, settled

VPC = {"securityGroupIds": ["sg-0a1b"], "subnetIds": ["subnet-0a1b", "subnet-0c2d"]}


def active(clients: Clients, name: str, **options: Any) -> dict[str, Any]:
    """A new configuration, once it is ACTIVE."""
    made = clients.omics.create_configuration(
        name=name, runConfigurations={"vpcConfig": VPC}, **options
    )
    assert made["status"] == "CREATING"
    return settled(lambda: dict(clients.omics.get_configuration(name=name)), "ACTIVE")


def names(clients: Clients) -> list[str]:
    pages = clients.omics.get_paginator("list_configurations").paginate()
    return [item["name"] for page in pages for item in page["items"]]


def test_a_configuration_becomes_active_and_knows_its_vpc(fake: Clients) -> None:
    found = active(fake, "net.1", description="d", tags={"k": "v"})
    assert (found["status"], found["description"], found["tags"]) == ("ACTIVE", "d", {"k": "v"})
    assert found["arn"].endswith(":configuration/net.1")
    vpc = found["runConfigurations"]["vpcConfig"]
    assert vpc["subnetIds"] == VPC["subnetIds"]
    assert vpc["vpcId"].startswith("vpc-")


def test_a_name_is_taken_once(fake: Clients) -> None:
    active(fake, "once")
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.create_configuration(name="once", runConfigurations={"vpcConfig": VPC})


@pytest.mark.parametrize("left_out", ["securityGroupIds", "subnetIds"])
def test_a_network_needs_groups_and_subnets(fake: Clients, left_out: str) -> None:
    vpc = {name: ids for name, ids in VPC.items() if name != left_out}
    with pytest.raises(fake.omics.exceptions.ValidationException, match=left_out):
        fake.omics.create_configuration(name="bad", runConfigurations={"vpcConfig": vpc})


def test_configurations_are_listed_in_pages_of_ten_at_most(fake: Clients) -> None:
    for number in range(11):
        fake.omics.create_configuration(name=f"page-{number}", runConfigurations={})
    pages = list(fake.omics.get_paginator("list_configurations").paginate())
    assert {len(page["items"]) for page in pages[:-1]} == {10}
    assert {f"page-{number}" for number in range(11)} <= set(names(fake))


def test_a_run_in_a_vpc_tells_its_configuration_and_keeps_it(fake: Clients, workflow: str) -> None:
    made = active(fake, "used")
    run = fake.start(workflow, "wait", networkingMode="VPC", configurationName="used")
    read = fake.until(run, "RUNNING")
    assert read["networkingMode"] == "VPC"
    assert read["configuration"] == {name: made[name] for name in ("name", "arn", "uuid")}
    assert read["vpcConfig"] == made["runConfigurations"]["vpcConfig"]
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.delete_configuration(name="used")
    fake.omics.cancel_run(id=run)
    fake.until(run, "CANCELLED")
    fake.omics.delete_configuration(name="used")
    settled(lambda: {"status": "there" if "used" in names(fake) else "gone"}, "gone")
    assert fake.omics.get_run(id=run)["configuration"]["name"] == "used"


def test_a_vpc_needs_a_configuration_and_a_configuration_a_vpc(
    fake: Clients, workflow: str
) -> None:
    refused = fake.omics.exceptions.ValidationException
    with pytest.raises(refused, match="needs a configurationName"):
        fake.start(workflow, networkingMode="VPC")
    with pytest.raises(refused, match="needs the networkingMode VPC"):
        fake.start(workflow, configurationName="any")
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.start(workflow, networkingMode="VPC", configurationName="none")
