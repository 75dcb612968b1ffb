"""`snakemake-omics setup`: the template, and that nothing happens without a yes."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.session
import pytest
import yaml
from botocore.stub import Stubber

from snakemake_executor_omics import account, account_template
from snakemake_executor_omics.account_template import WITHOUT_BUDGETS
from snakemake_executor_omics.aws import account_facts as facts
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.stacks import carry_out, deployed, propose
from snakemake_executor_omics.doctor import examine
from snakemake_executor_omics.errors import ServiceError, SettingsError
from snakemake_executor_omics.images.upstreams import registry_files

NAME = "snakemake-omics"
ID = f"arn:aws:cloudformation:us-east-1:123456789012:changeSet/x/{'0' * 36}"
ADDED = {"ResourceChange": {"Action": "Add", "LogicalResourceId": "RunRole",
                            "ResourceType": "AWS::IAM::Role"}}  # fmt: skip
OUTPUTS = {"RoleArn": "arn:aws:iam::123456789012:role/run", "OutputUri": "s3://b/snakemake",
           "HeadPolicyArn": "arn:aws:iam::123456789012:policy/head"}  # fmt: skip


TEMPLATE = account_template.data(account_template.text())


def statements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for inner in value.values():
            yield from statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner)


def actions(value: Any) -> set[str]:
    return {
        action
        for statement in statements(value)
        for action in ([statement["Action"]] if isinstance(statement["Action"], str)
                       else statement["Action"])
    }  # fmt: skip


def test_the_template_fits_into_a_request() -> None:
    assert len(account_template.text().encode()) <= 51_200  # CloudFormation, TemplateBody


@pytest.mark.parametrize("service", ["omics", "ecr", "logs", "codebuild"])
def test_each_action_is_an_operation_of_the_service(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    pairs = [action.split(":") for action in actions(TEMPLATE)]
    named = {name for owner, name in pairs if owner == service}
    assert named
    assert named <= set(model.operation_names)


def test_who_starts_runs_has_the_right_to_every_operation_that_the_plugin_calls() -> None:
    code = "".join(
        path.read_text() for path in Path(account.__file__).parent.joinpath("aws").glob("*.py")
    )
    model = botocore.session.get_session().get_service_model("omics")
    names = {botocore.xform_name(name): name for name in model.operation_names}
    called = {
        name
        for call, name in names.items()
        if f".{call}(" in code or f'paginator("{call}")' in code
    }
    assert {"StartRun", "ListRunTasks"} <= called
    head = TEMPLATE["Resources"]["HeadPolicy"]
    assert {f"omics:{name}" for name in called} <= actions(head)


def test_what_the_template_refers_to_is_in_it() -> None:
    def referred(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "Ref":
                    yield inner
                elif key == "Fn::GetAtt":
                    yield inner[0]
                yield from referred(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from referred(inner)

    known = {*TEMPLATE["Parameters"], *TEMPLATE["Resources"]}
    assert {name for name in referred(TEMPLATE) if not name.startswith("AWS::")} <= known


def test_the_bucket_outlives_the_stack_and_no_statement_allows_everything() -> None:
    assert TEMPLATE["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"
    everywhere = actions(
        [
            found
            for found in statements(TEMPLATE)
            if found["Effect"] == "Allow" and found.get("Resource") == "*"
        ]
    )
    harmless = ("omics:List", "ecr:Get", "ecr:Describe", "servicequotas:List")
    assert all(action.startswith(("omics:Create", *harmless)) for action in everywhere)
    assert not any("*" in action for action in actions(TEMPLATE))


@pytest.fixture
def cloud() -> Iterator[tuple[Services, Stubber]]:
    client = boto3.client("cloudformation", region_name="us-east-1", aws_access_key_id="x",
                          aws_secret_access_key="x")  # fmt: skip
    nothing = cast(Any, None)
    with Stubber(client) as stubber:
        yield Services(nothing, nothing, nothing, "us-east-1", client=lambda *_: client), stubber
        stubber.assert_no_pending_responses()


def _proposed(stubber: Stubber, **answer: Any) -> None:
    for _ in range(2):
        stubber.add_client_error("describe_stacks", "ValidationError", "Stack x does not exist")
    stubber.add_response("create_change_set", {"Id": ID})
    stubber.add_response("describe_change_set", answer)


def _dropped(stubber: Stubber) -> None:
    stubber.add_response("delete_change_set", {}, {"StackName": NAME, "ChangeSetName": ID})
    stubber.add_response("delete_stack", {}, {"StackName": NAME})


def _stack(status: str, **more: Any) -> dict[str, Any]:
    outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
    return {"Stacks": [{"StackName": NAME, "StackStatus": status, "CreationTime": "2026-01-01",
                        "Outputs": outputs}]}  # fmt: skip


def _call(monkeypatch: pytest.MonkeyPatch, services: Services, answer: str, *words: str) -> int:
    monkeypatch.setattr(account, "connect", lambda *_: services)
    parser = argparse.ArgumentParser()
    account.add_arguments(parser)
    return account.setup(parser.parse_args(words), lambda _: answer)


@pytest.mark.parametrize("answer", ["", "n", "no"])
def test_without_a_yes_nothing_is_made_and_no_trace_is_left(
    cloud: tuple[Services, Stubber],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
) -> None:
    services, stubber = cloud
    _proposed(stubber, Status="CREATE_COMPLETE", Changes=[ADDED])
    _dropped(stubber)
    assert _call(monkeypatch, services, answer, "--deploy") == 1
    told = capsys.readouterr()
    assert "+ RunRole  AWS::IAM::Role" in told.out
    assert "nothing was changed" in told.err


def test_a_yes_makes_the_stack_and_writes_the_profile_once(
    cloud: tuple[Services, Stubber],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    services, stubber = cloud
    for _ in range(2):
        _proposed(stubber, Status="CREATE_COMPLETE", Changes=[ADDED])
        stubber.add_response("execute_change_set", {}, {"StackName": NAME, "ChangeSetName": ID})
        stubber.add_response("describe_stacks", _stack("CREATE_COMPLETE"))
        stubber.add_response("describe_stacks", _stack("CREATE_COMPLETE"))
    words = ("--deploy", "--profile", str(tmp_path / "aws"))
    assert _call(monkeypatch, services, "y", *words) == 0
    path = tmp_path / "aws/config.yaml"
    assert yaml.safe_load(path.read_text())["omics-role-arn"] == OUTPUTS["RoleArn"]
    path.write_text("mine: yes\n")
    assert _call(monkeypatch, services, "yes", *words) == 0
    assert path.read_text() == "mine: yes\n"
    told = capsys.readouterr()
    assert "stays as it is" in told.err
    assert "omics-output-uri: s3://b/snakemake" in told.out


def test_a_stack_that_is_so_already_is_left_alone(cloud: tuple[Services, Stubber]) -> None:
    services, stubber = cloud
    stubber.add_response("describe_stacks", _stack("CREATE_COMPLETE"))
    stubber.add_response("create_change_set", {"Id": ID})
    reason = "The submitted information didn't contain changes."
    stubber.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
    stubber.add_response("delete_change_set", {})
    assert propose(services, NAME, "{}", {}, "c") is None


def test_a_stack_that_fails_says_which_resource_and_why(cloud: tuple[Services, Stubber]) -> None:
    services, stubber = cloud
    _proposed(stubber, Status="CREATE_COMPLETE", Changes=[ADDED])
    assert deployed(services, NAME) is None
    changes = propose(services, NAME, "{}", {}, "c")
    assert changes is not None
    stubber.add_response("execute_change_set", {})
    stubber.add_response("describe_stacks", _stack("ROLLBACK_COMPLETE"))
    event = {"StackId": "x", "EventId": "1", "StackName": NAME, "Timestamp": "2026-01-01",
             "LogicalResourceId": "RunRole", "ResourceStatus": "CREATE_FAILED",
             "ResourceStatusReason": "not authorized to perform iam:CreateRole"}  # fmt: skip
    stubber.add_response("describe_stack_events", {"StackEvents": [event]})
    with pytest.raises(ServiceError, match="RunRole: not authorized"):
        carry_out(services, changes)


def test_what_is_given_goes_to_the_template_and_its_parameters_are_known() -> None:
    parser = argparse.ArgumentParser()
    account.add_arguments(parser)
    words = ["--print", "--project", "p", "--existing-bucket", "b", "--input-buckets", "i"]
    words += ["--kms-key-arn", "k", "--keep-days", "7", "--codebuild", "--log-days", "30"]
    words += ["--budget-email", "me@x", "--budget-amount", "50"]
    given = account.parameters(parser.parse_args(words))
    assert set(given) == set(TEMPLATE["Parameters"])
    assert given["KeepDays"] == "7"


def _printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    parser = argparse.ArgumentParser()
    account.add_arguments(parser)
    assert account.setup(parser.parse_args(words)) == 0
    return capsys.readouterr().out


def test_terraform_is_given_the_same_template_and_every_parameter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = json.loads(_printed(capsys, "--terraform", "--project", "lab", "--stack", "mine"))
    stack = found["resource"]["aws_cloudformation_stack"]["snakemake_omics"]
    assert not re.search(r"(?<!\$)\$\{", stack["template_body"])  # nothing for Terraform to fill in
    assert stack["template_body"].replace("$${", "${") == account_template.text()
    assert stack["name"] == "mine"
    assert set(stack["parameters"]) == set(found["variable"]) == set(TEMPLATE["Parameters"])
    assert found["variable"]["Project"]["default"] == "lab"
    assert set(found["output"]) == set(TEMPLATE["Outputs"])


RULES: dict[str, Any] = {
    "pullThroughCacheRules": [
        {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"},
        {"ecrRepositoryPrefix": "docker-hub", "upstreamRegistryUrl": "registry-1.docker.io",
         "credentialArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
         "ecr-pullthroughcache/hub"},
    ],
    "repositoryCreationTemplates": [{"prefix": "quay", "appliedFor": ["PULL_THROUGH_CACHE"]}],
    "registryPolicy": {"Version": "2012-10-17", "Statement": []},
}  # fmt: skip


def test_what_images_map_writes_becomes_resources_of_the_template(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "registry-rules.json"
    images = ("quay.io/a/b:1", "debian:12")
    secret = {"registry-1.docker.io": "arn:aws:secretsmanager:us-east-1:1:secret:x"}
    files = registry_files(images, "123456789012.dkr.ecr.us-east-1.amazonaws.com", secret)
    path.write_text(json.dumps(files.rules))
    found = json.loads(_printed(capsys, "--print", "--registry-rules", str(path)))
    added = found["Resources"].keys() - TEMPLATE["Resources"].keys()
    assert added == {
        *("RegistryRuleQuay", "RegistryRuleDockerHub", "RegistryPolicy"),
        *("RegistryTemplateQuay", "RegistryTemplateDockerHub"),
    }
    assert account_template.of_registry(found).keys() == added
    assert account_template.of_registry(account_template.text()) == {}
    terraform = json.loads(_printed(capsys, "--terraform", "--registry-rules", str(path)))
    body = terraform["resource"]["aws_cloudformation_stack"]["snakemake_omics"]["template_body"]
    assert json.loads(body.replace("$${", "${")) == found


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([], "not what `images map` writes"),
        ({"pullThroughCacheRules": 3}, "not what `images map` writes"),
        ({**RULES, "pullThroughCacheRules": [{"ecrRepositoryPrefix": "docker-hub",
          "credentialArn": "arn:aws:secretsmanager:REGION:ACCOUNT:secret:x"}]}, "lacks the secret"),
    ],
)  # fmt: skip
def test_a_registry_file_that_is_none_is_refused_before_anything_is_asked(
    rules: Any, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(rules))
    with pytest.raises(SettingsError, match=reason):
        _printed(capsys, "--deploy", "--registry-rules", str(path))


def test_the_template_is_clean_by_cfn_lint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfnlint = pytest.importorskip("cfnlint.api")
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(RULES))
    for words in (["--print"], ["--print", "--registry-rules", str(path)]):
        text = _printed(capsys, *words)
        regions = [region for region in facts.regions() if region not in WITHOUT_BUDGETS]
        assert [str(found) for found in cfnlint.lint(text, regions=regions)] == []
    for region in sorted(WITHOUT_BUDGETS):
        text = _printed(capsys, "--print", "--region", region)
        found = map(str, cfnlint.lint(text, regions=[region]))
        assert [one for one in found if not one.startswith("[W")] == []  # what a budget would use


def test_a_budget_is_refused_where_there_are_none(
    cloud: tuple[Services, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = replace(cloud[0], region="il-central-1")
    with pytest.raises(SettingsError, match="no budgets"):
        _call(monkeypatch, services, "y", "--deploy", "--budget-email", "me@example.org")


@pytest.mark.parametrize("principal", ["RunRole", "HeadPolicy"])
def test_the_doctor_asks_for_no_right_that_setup_does_not_give(principal: str) -> None:
    role = {*examine._BUCKET, *examine._OBJECTS, *examine._LOGS, *examine._PULL, *examine._KEY}
    head = {*examine._MADE, *examine._OF_WORKFLOWS, *examine._OF_RUNS, *examine._PASS,
            *examine._BUCKET, *examine._OBJECTS}  # fmt: skip
    asked = {"RunRole": role, "HeadPolicy": head}[principal]
    assert asked <= actions(TEMPLATE["Resources"][principal])
