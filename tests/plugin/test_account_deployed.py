"""The account that `setup` makes, in moto's CloudFormation: made, changed, removed."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from accounts import Setup
from botocore.stub import Stubber

from snakemake_executor_omics import account, account_template
from snakemake_executor_omics.aws import stacks
from snakemake_executor_omics.aws.account_facts import PullThrough, role_of
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.doctor.checks import trust
from snakemake_executor_omics.doctor.findings import State
from snakemake_executor_omics.errors import NotFound, SettingsError

# What moto does not make.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")
RULES = {
    "pullThroughCacheRules": [{"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"}],
    "repositoryCreationTemplates": [
        {"prefix": "quay", "appliedFor": ["PULL_THROUGH_CACHE"], "repositoryPolicy": "{}"}
    ],
    "registryPolicy": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "HealthOmics",
                "Effect": "Allow",
                "Principal": {"Service": "omics.amazonaws.com"},
                "Action": ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"],
                "Resource": "*",
            }
        ],
    },
}
ALLOWS = RULES["registryPolicy"]
REGISTRY = account_template.registry_resources(RULES, "here")


def _stack(services: Services) -> dict[str, Any]:
    (found,) = services.client("cloudformation", None).describe_stacks()["Stacks"]
    return dict(found)


def _parameters(services: Services) -> dict[str, str]:
    return {item["ParameterKey"]: item["ParameterValue"] for item in _stack(services)["Parameters"]}


def test_an_account_is_made_changed_and_left(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    call = Setup(services, monkeypatch)
    monkeypatch.setattr(account, "pull_through", lambda _: PullThrough(frozenset(), {}, {}))
    rules = tmp_path / "registry/registry-rules.json"
    rules.parent.mkdir()
    rules.write_text(json.dumps(RULES))
    rules.with_name("registry-map.json").write_text("{}")
    assert call("--deploy", "--project", "lab", "--registry-rules", str(rules)) == 0
    profile = yaml.safe_load((tmp_path / "profiles/aws/config.yaml").read_text())
    assert profile["omics-container-registry-map"].endswith("registry-map.json")
    role = role_of(services, profile["omics-role-arn"])
    assert trust(role, "123456789012", "us-east-1").state is State.FINE
    bucket, _, folder = profile["omics-output-uri"].removeprefix("s3://").partition("/")
    assert folder == "lab"
    services.s3.head_bucket(Bucket=bucket)

    assert call("--deploy", "--keep-days", "5") == 0  # what is not said stays
    assert _parameters(services)["Project"] == "lab"
    assert _parameters(services)["KeepDays"] == "5"
    found = stacks.deployed(services, account.STACK)
    assert found is not None
    assert account_template.of_registry(found.template) == REGISTRY

    capsys.readouterr()
    assert call("--delete", answer="n") == 1
    assert f"  stays  {bucket}" in capsys.readouterr().out
    assert _stack(services)["StackStatus"] == "UPDATE_COMPLETE"


def test_there_is_nothing_to_remove_where_nothing_was_made(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Setup(services, monkeypatch)
    with pytest.raises(NotFound, match="no stack snakemake-omics"):
        call("--delete")


def test_the_policy_of_who_starts_runs_is_not_too_large(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    call = Setup(services, monkeypatch, ("HasKey", "HasCodeBuild"))
    names = ("--project", "p" * 31, "--existing-bucket", "b" * 63, "--codebuild")
    key = "arn:aws:kms:ap-southeast-1:123456789012:key/12345678-1234-1234-1234-123456789012"
    assert call("--deploy", *names, "--kms-key-arn", key) == 0
    iam = services.client("iam", None)
    (policy,) = iam.list_policies(Scope="Local")["Policies"]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]
    text = json.dumps(version["Document"], separators=(",", ":"))
    assert len("".join(text.split())) <= 6_144  # IAM quotas, managed policy


@pytest.mark.parametrize(
    ("ours", "left", "told"), [({}, {}, 3), (REGISTRY, REGISTRY, 0)], ids=["theirs", "ours"]
)
def test_what_others_have_made_in_the_registry_is_left_alone(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ours: dict[str, Any],
    left: dict[str, Any],
    told: int,
) -> None:
    there = PullThrough(frozenset({"quay"}), {"quay": {}}, ALLOWS)
    monkeypatch.setattr(account, "pull_through", lambda _: there)
    assert account._not_of_others(services, REGISTRY, ours) == left
    assert capsys.readouterr().err.count("already") == told


def test_a_policy_of_the_registry_is_never_replaced(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "210987654321"},
                             "Action": "ecr:ReplicateImage"}]}  # fmt: skip
    there = PullThrough(frozenset(), {}, theirs)
    monkeypatch.setattr(account, "pull_through", lambda _: there)
    with pytest.raises(SettingsError, match="has a policy already") as error:
        account._not_of_others(services, REGISTRY, {})
    assert "ecr:CreateRepository" in str(error.value.hint)


def test_after_the_end_a_person_is_told_how_to_remove_what_stays(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = stacks.Deployed(frozenset(), "", {"Bucket": "b-1", "RunLogs": "/aws/x", "Role": "r"})
    monkeypatch.setattr(account, "connect", lambda *_: services)
    monkeypatch.setattr(account, "deployed", lambda *_: found)
    monkeypatch.setattr(account, "remove", lambda *_: None)
    parser = argparse.ArgumentParser()
    account.add_arguments(parser)
    assert account.setup(parser.parse_args(["--delete", "--yes"])) == 0
    told = capsys.readouterr()
    assert "- Role  r" in told.out
    assert "aws s3 rb s3://b-1 --force" in told.err
    assert "aws logs delete-log-group --log-group-name /aws/x" in told.err


def test_a_stack_that_cannot_be_removed_says_why(services: Services) -> None:
    client = services.client("cloudformation", None)
    name, time = account.STACK, "2026-01-01"
    stack = {"StackName": name, "CreationTime": time}
    event = {"StackId": "x", "EventId": "1", "StackName": name, "Timestamp": time,
             "LogicalResourceId": "HeadPolicy", "ResourceStatus": "DELETE_FAILED",
             "ResourceStatusReason": "Cannot delete a policy attached to entities."}  # fmt: skip
    with Stubber(client) as stub:
        stub.add_response(
            "describe_stacks", {"Stacks": [{**stack, "StackStatus": "CREATE_COMPLETE"}]}
        )
        stub.add_response("delete_stack", {})
        stub.add_response(
            "describe_stacks", {"Stacks": [{**stack, "StackStatus": "DELETE_FAILED"}]}
        )
        stub.add_response("describe_stack_events", {"StackEvents": [event]})
        one = replace(services, client=lambda *_: client)
        with pytest.raises(Exception, match="HeadPolicy: Cannot delete a policy attached"):
            stacks.remove(one, name)
