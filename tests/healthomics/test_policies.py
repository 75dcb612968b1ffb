"""What a policy of IAM denies, and in which words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import local_healthomics as local
from local_healthomics.policies import Policy, Statement, denial, may_pull
from local_healthomics.rights import REPOSITORY

from .conftest import WDL, connect, refused, zipped

pytestmark = pytest.mark.service


def statement(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy(tuple(map(Statement.of, statements)))


@pytest.mark.parametrize(
    ("statements", "action", "resource", "said"),
    [
        ([statement("Allow", "omics:*")], "omics:GetRun", "arn:run/1", None),
        ([statement("Allow", "omics:get*")], "omics:GetRun", "arn:run/1", None),
        ([statement("Allow", ["a:B", "s3:?etObject"])], "s3:GetObject", "arn:b/k", None),
        ([statement("Allow", "s3:GetObject", "arn:b/x/*")], "s3:GetObject", "arn:b/k", "no ident"),
        ([statement("Allow", "*"), statement("Deny", "s3:*")], "s3:GetObject", "x", "explicit"),
        ([], "omics:GetRun", "*", "because no identity-based policy allows the omics:GetRun act"),
        (
            [statement("Allow", "omics:CreateWorkflow", "arn:w/*")],
            "omics:CreateWorkflow",
            "*",
            None,
        ),
        (
            [{"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:b/*"}],
            "omics:GetRun",
            "arn:run/1",
            None,
        ),
        (
            [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}],
            "s3:GetObject",
            "arn:b/k",
            "no identity",
        ),
        # A list names no resource: a denial of one run does not deny it.
        (
            [statement("Allow", "*"), statement("Deny", "omics:*", "arn:run/1")],
            "omics:ListRuns",
            "*",
            None,
        ),
        (
            [statement("Allow", "*"), {"Effect": "Deny", "Action": "*", "NotResource": "arn:b/*"}],
            "s3:GetObject",
            "arn:c/k",
            "explicit",
        ),
    ],
)
def test_statements_allow_and_deny_as_iam_reads_them(
    statements: list[dict[str, Any]], action: str, resource: str, said: str | None
) -> None:
    found = policy(*statements).denial("arn:me", action, resource, {})
    if said is None:
        assert found is None
        return
    assert found is not None
    assert found.startswith(f"User: arn:me is not authorized to perform: {action} on resource: ")
    assert said in found


KEYS = {
    "aws:requestedregion": ("us-east-1",),
    "aws:principalaccount": ("123456789012",),
    "aws:securetransport": ("true",),
    "aws:sourceip": ("127.0.0.1",),
    "aws:currenttime": ("2026-11-28T12:00:00+00:00",),
    "aws:principalarn": ("arn:aws:iam::123456789012:role/local",),
    "aws:tagkeys": ("a", "b"),
    "aws:requesttag/a": ("1",),
    "s3:prefix": ("home/me/",),
}


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "holds"),
    [
        ("StringEquals", "aws:RequestedRegion", "us-east-1", True),
        ("StringEquals", "aws:RequestedRegion", ["eu-west-1", "us-east-1"], True),
        ("StringEquals", "aws:RequestedRegion", "us-*", False),
        ("StringNotEquals", "aws:RequestedRegion", ["eu-west-1", "us-east-1"], False),
        ("StringEqualsIgnoreCase", "aws:requestedregion", "US-EAST-1", True),
        ("StringLike", "s3:prefix", "home/*", True),
        ("StringLike", "s3:prefix", "home/${aws:PrincipalAccount}/*", False),
        ("StringNotLike", "s3:prefix", "home/*", False),
        ("StringEquals", "iam:PassedToService", "omics.amazonaws.com", False),
        ("StringEqualsIfExists", "iam:PassedToService", "omics.amazonaws.com", True),
        ("StringNotEquals", "iam:PassedToService", "ec2.amazonaws.com", True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:*", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::999999999999:role/*", True),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "127.0.0.0/8"], True),
        ("NotIpAddress", "aws:SourceIp", "127.0.0.1", False),
        ("DateLessThan", "aws:CurrentTime", "2026-12-01T00:00:00Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2026-12-01T00:00:00Z", False),
        ("Null", "iam:PassedToService", "true", True),
        ("Null", "aws:SourceIp", True, False),
        ("StringEquals", "aws:RequestTag/a", "1", True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b", "c"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a"], False),
        ("ForAllValues:StringEquals", "aws:UserAgent", ["a"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["b", "c"], True),
        ("ForAnyValue:StringEquals", "aws:UserAgent", ["a"], False),
        ("ForAnyValue:StringNotEquals", "aws:UserAgent", ["a"], False),
    ],
)
def test_a_condition_holds_as_iam_reads_it(
    operator: str, key: str, wanted: Any, holds: bool
) -> None:
    """User guide of IAM, "IAM JSON policy elements: Condition operators"."""
    one = policy(statement("Allow", "omics:*", Condition={operator: {key: wanted}}))
    assert (one.denial("arn:me", "omics:GetRun", "arn:run/1", KEYS) is None) == holds


def test_all_conditions_of_a_statement_have_to_hold() -> None:
    met = {"aws:RequestedRegion": "us-east-1"}
    unmet = {"StringEquals": met, "Bool": {"aws:SecureTransport": "false"}}
    for condition, holds in (({"StringEquals": met}, True), (unmet, False)):
        one = policy(statement("Allow", "omics:*", Condition=condition))
        assert (one.denial("arn:me", "omics:GetRun", "*", KEYS) is None) == holds


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"Condition": {"StringSame": {"aws:SourceIp": "x"}}}, "operator StringSame is not"),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/a": "x"}}}, "key aws:ResourceTag/a is n"),
        ({"Condition": {"Bool": {"aws:SecureTransport": "maybe"}}}, "neither true nor false"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "300.0.0.1"}}}, "300.0.0.1"),
        (
            {"Condition": {"StringLike": {"s3:prefix": "${aws:username}/*"}}},
            "{aws:username} is not",
        ),
        ({"Condition": ["x"]}, "no Condition of IAM"),
        ({"Resource": "arn:aws:s3:::b/${saml:sub}"}, "{saml:sub} is not understood"),
        ({"NotAction": "omics:*"}, "one of Action and NotAction"),
    ],
)
def test_what_is_not_understood_of_a_policy_is_refused_with_the_file(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"Statement": {**statement("Allow", "omics:*"), **more}}))
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        Policy.read(path)
    assert str(path) in str(error.value)


def test_a_role_is_passed_to_the_service_and_nothing_else_is() -> None:
    condition = {"StringEquals": {"iam:PassedToService": "omics.amazonaws.com"}}
    policies = {"caller": policy(statement("Allow", ["iam:*", "omics:*"], Condition=condition))}
    role = ("caller", "iam:PassRole", "arn:aws:iam::123456789012:role/x")
    assert denial(policies, "123456789012", [role], KEYS) is None
    run = ("caller", "omics:StartRun", "*")
    assert denial(policies, "123456789012", [run], KEYS) is not None


OMICS = {"Service": "omics.amazonaws.com"}
MINE = {"StringEquals": {"aws:SourceAccount": "123456789012"}}


@pytest.mark.parametrize(
    ("statements", "may"),
    [
        (REPOSITORY["Statement"], True),
        ([{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}], True),
        ([{"Effect": "Allow", "Principal": OMICS, "Action": "ecr:BatchGetImage"}], False),
        ([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "ecr:*"}], False),
        ([{"Effect": "Allow", "Principal": OMICS, "Action": "ecr:*", "Condition": MINE}], True),
        (
            [
                {"Effect": "Allow", "Principal": OMICS, "Action": "ecr:*"},
                {"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage"},
            ],
            False,
        ),
        ([], False),
        ("none", False),
    ],
)
def test_the_policy_of_a_repository_lets_the_service_pull(statements: Any, may: bool) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert may_pull(text, "123456789012", "us-east-1") is may
    assert not may_pull(None, "123456789012", "us-east-1")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": [{"Effect": "May"}]}'])
def test_a_file_that_is_no_policy_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(ValueError, match=r"policy|statement|Expecting"):
        Policy.read(tmp_path / "policy.json")


def test_a_server_denies_what_the_policies_do_not_allow(tmp_path: Path) -> None:
    mine = [statement("Allow", "*"), statement("Deny", ["omics:CancelRun", "logs:GetLogEvents"])]
    role = [
        statement("Allow", "s3:PutObject"),
        statement("Deny", "s3:PutObject", "arn:aws:s3:::omics-local/closed/*"),
        statement("Allow", "s3:GetObject", "arn:aws:s3:::omics-local/open/*"),
    ]
    for name, statements in (("mine", mine), ("role", role)):
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        (tmp_path / f"{name}.json").write_text(text)
    options = [f"--policy={tmp_path}/mine.json", f"--role-policy={tmp_path}/role.json"]
    service = local.start(tmp_path / "state", options=options)
    clients = connect(service)
    code, said = refused(clients.omics.cancel_run, id="1234567")
    assert code == "AccessDeniedException"
    assert "perform: omics:CancelRun on resource: arn:aws:omics:us-east-1:" in said
    assert said.endswith("with an explicit deny in an identity-based policy")
    code, _ = refused(clients.logs.get_log_events, logGroupName="g", logStreamName="s")
    assert code == "AccessDeniedException"
    workflow = clients.active_workflow(definitionZip=zipped(main=WDL))
    closed = clients.start_with(workflow, {"a": clients.uploaded("closed/a.txt", b"x")})
    assert clients.until(closed, "FAILED")["failureReason"] == "IMPORT_FAILED"
    granted = clients.start_with(workflow, {"a": clients.uploaded("open/a.txt", b"x")})
    clients.until(granted, "COMPLETED")
    to_closed = clients.omics.start_run(
        workflowId=workflow,
        roleArn=service.role_arn,
        parameters={"a": "s3://omics-local/open/a.txt"},
        outputUri="s3://omics-local/closed",
    )
    assert clients.until(to_closed["id"], "FAILED")["failureReason"] == "EXPORT_FAILED"
    listed = clients.s3.list_objects_v2(Bucket="omics-local", Prefix="closed/")["Contents"]
    assert [item["Key"] for item in listed] == ["closed/a.txt"]
    assert service.files(["s3://omics-local/open/a.txt"]) == [None]  # S3 says who may read it
    service.stop()
