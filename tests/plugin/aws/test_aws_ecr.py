"""Repositories are as HealthOmics wants them, and what a user wrote into a policy stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snakemake_executor_omics.aws.ecr import ACTIONS, Ecr, allows_service
from snakemake_executor_omics.aws.session import Services

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def test_a_repository_is_made_once_with_immutable_tags_and_the_policy(services: Services) -> None:
    ecr = Ecr(services, HOST)
    for _ in range(2):
        ecr.ensure_repository("snakemake/tools", {"project": "x"})
    assert allows_service(ecr.policy("snakemake/tools"))
    client = services.client("ecr", None)
    (found,) = client.describe_repositories(repositoryNames=["snakemake/tools"])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"


def test_a_policy_that_is_there_is_added_to(services: Services) -> None:
    client = services.client("ecr", None)
    client.create_repository(repositoryName="theirs")
    own = {"Sid": "Mine", "Effect": "Allow", "Principal": {"AWS": "210987654321"},
           "Action": "ecr:BatchGetImage"}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [own]}
    client.set_repository_policy(repositoryName="theirs", policyText=json.dumps(policy))
    ecr = Ecr(services, HOST)
    for _ in range(2):
        ecr.grant("theirs")
    found = ecr.policy("theirs")
    assert found is not None
    assert [one["Sid"] for one in found["Statement"]] == ["Mine", "HealthOmics"]
    assert found["Statement"][0] == own


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"Action": "ecr:*"}, True),
        ({"Action": ["ECR:Batch*", "ecr:GetDownloadUrlForLayer"]}, True),
        ({"Principal": {"Service": ["lambda.amazonaws.com", "omics.amazonaws.com"]}}, True),
        ({"Principal": "*"}, True),
        ({"Action": list(ACTIONS[:2])}, False),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_which_policies_let_the_service_pull(change: dict[str, Any], allowed: bool) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": "omics.amazonaws.com"},
                 "Action": list(ACTIONS), **change}  # fmt: skip
    assert allows_service({"Statement": [statement]}) is allowed
    assert allows_service({"Statement": statement}) is allowed


def test_no_policy_lets_nobody_pull() -> None:
    assert not allows_service(None)
