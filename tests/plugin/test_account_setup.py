"""`snakemake-omics setup`: the template, and that nothing happens without a yes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.session
import pytest
import yaml
from botocore.stub import Stubber

from snakemake_executor_omics import account
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.aws.stacks import carry_out, propose
from snakemake_executor_omics.errors import ServiceError

NAME = "snakemake-omics"
ID = f"arn:aws:cloudformation:us-east-1:123456789012:changeSet/x/{'0' * 36}"
ADDED = {"ResourceChange": {"Action": "Add", "LogicalResourceId": "RunRole",
                            "ResourceType": "AWS::IAM::Role"}}  # fmt: skip
OUTPUTS = {"RoleArn": "arn:aws:iam::123456789012:role/run", "OutputUri": "s3://b/snakemake",
           "HeadPolicyArn": "arn:aws:iam::123456789012:policy/head"}  # fmt: skip


class Loader(yaml.SafeLoader):
    """Reads `!Ref` and its like as what they stand for."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    raise TypeError(node)


Loader.add_multi_constructor("!", _intrinsic)  # type: ignore[no-untyped-call]
TEMPLATE = yaml.load(account.template(), Loader)


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
    assert len(account.template().encode()) <= 51_200  # CloudFormation, TemplateBody


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
                elif key == "GetAtt":
                    yield inner.partition(".")[0]
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
    assert all(
        action.startswith(("omics:Create", "omics:List")) or action == "ecr:GetAuthorizationToken"
        for action in everywhere
    )
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
    words += ["--kms-key-arn", "k", "--keep-days", "7", "--codebuild"]
    given = account.parameters(parser.parse_args(words))
    assert set(given) == set(TEMPLATE["Parameters"])
    assert given["KeepDays"] == "7"
