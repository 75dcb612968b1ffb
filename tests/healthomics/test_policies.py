"""What a policy of IAM denies, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import local_healthomics as local
from local_healthomics.policies import Policy, Statement

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
    ],
)
def test_statements_allow_and_deny_as_iam_reads_them(
    statements: list[dict[str, Any]], action: str, resource: str, said: str | None
) -> None:
    found = policy(*statements).denial("arn:me", action, resource)
    if said is None:
        assert found is None
        return
    assert found is not None
    assert found.startswith(f"User: arn:me is not authorized to perform: {action} on resource: ")
    assert said in found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": [{"Effect": "May"}]}'])
def test_a_file_that_is_no_policy_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(ValueError, match=r"policy|statement|Expecting"):
        Policy.read(tmp_path / "policy.json")


def test_a_server_denies_what_the_policies_do_not_allow(tmp_path: Path) -> None:
    mine = [statement("Allow", "*"), statement("Deny", ["omics:CancelRun", "logs:GetLogEvents"])]
    role = [
        statement("Allow", "s3:PutObject"),
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
    service.stop()
