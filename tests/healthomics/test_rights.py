"""Which rights were used, told as a policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import local_healthomics as local
from local_healthomics.cli import main
from local_healthomics.policies import may_pull
from local_healthomics.rights import Rights, of_request, policy

from .conftest import WDL, Clients, connect, refused, zipped

pytestmark = pytest.mark.service


def asked(method: str, path: str, query: str = "", **headers: str) -> list[tuple[str, str]]:
    environ = {"REQUEST_METHOD": method, "QUERY_STRING": query, **headers}
    return [(action, resource) for _, action, resource in of_request("x", "s3", environ, path)]


@pytest.mark.parametrize(
    ("method", "path", "query", "right"),
    [
        ("GET", "/", "", ("s3:ListAllMyBuckets", "*")),
        ("GET", "/b", "list-type=2", ("s3:ListBucket", "arn:aws:s3:::b")),
        ("HEAD", "/b", "", ("s3:ListBucket", "arn:aws:s3:::b")),
        ("GET", "/b", "location", ("s3:GetBucketLocation", "arn:aws:s3:::b")),
        ("PUT", "/b", "", ("s3:CreateBucket", "arn:aws:s3:::b")),
        ("POST", "/b", "delete", ("s3:DeleteObject", "arn:aws:s3:::b/*")),
        ("GET", "/b/k", "", ("s3:GetObject", "arn:aws:s3:::b/k")),
        ("HEAD", "/b/f/g/k", "", ("s3:GetObject", "arn:aws:s3:::b/f/g/k")),
        ("PUT", "/b/f/k", "partNumber=1&uploadId=u", ("s3:PutObject", "arn:aws:s3:::b/f/k")),
        ("POST", "/b/f/k", "uploads", ("s3:PutObject", "arn:aws:s3:::b/f/k")),
        ("PUT", "/b/f/k", "tagging", ("s3:PutObjectTagging", "arn:aws:s3:::b/f/k")),
        ("DELETE", "/b/f/k", "", ("s3:DeleteObject", "arn:aws:s3:::b/f/k")),
        ("DELETE", "/b/f/k", "uploadId=u", ("s3:AbortMultipartUpload", "arn:aws:s3:::b/f/k")),
    ],
)
def test_a_request_to_s3_takes_the_right_of_iam(
    method: str, path: str, query: str, right: tuple[str, str]
) -> None:
    assert asked(method, path, query) == [right]


def test_a_copy_reads_its_source_as_well() -> None:
    found = asked("PUT", "/b/f/k", HTTP_X_AMZ_COPY_SOURCE="/a/g/x%20y")
    assert found == [
        ("s3:PutObject", "arn:aws:s3:::b/f/k"),
        ("s3:GetObject", "arn:aws:s3:::a/g/x y"),
    ]


def test_another_session_starts_with_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rights.json"
    Rights(path).note([("caller", "s3:GetObject", "*")])
    assert policy(path, "caller") is not None
    assert policy(path, "role") is None
    Rights(path)
    assert policy(path, "caller") is None


def allowed(said: str) -> dict[str, list[str]]:
    found: dict[str, Any] = json.loads(said)
    assert found["Version"] == "2012-10-17"
    return {one["Resource"]: one["Action"] for one in found["Statement"]}


def go_through(clients: Clients) -> None:
    a = clients.uploaded("in/a.txt", b"x")
    workflow = clients.active_workflow(definitionZip=zipped(main=WDL))
    run = clients.start_with(workflow, {"a": a}, tags={"by": "test"})
    assert clients.until(run, "COMPLETED", "FAILED")["status"] == "COMPLETED"


def test_the_rights_of_a_run_are_its_starters_and_its_roles(
    real: Clients, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(real)
    state = str(real.service.state)
    assert main(["rights", "--state", state]) == 0
    said = capsys.readouterr()
    assert "kms:Decrypt" in said.err
    (tmp_path / "caller.json").write_text(said.out)
    callers = allowed(said.out)
    assert callers[real.service.role_arn] == ["iam:PassRole"]
    assert '"iam:PassedToService": "omics.amazonaws.com"' in said.out
    assert callers["arn:aws:omics:us-east-1:123456789012:workflow/*"]
    assert "omics:GetRun" in callers["arn:aws:omics:us-east-1:123456789012:run/*"]
    assert {"omics:CreateWorkflow", "omics:StartRun"} <= set(callers["*"])
    assert "omics:TagResource" in callers["arn:aws:omics:us-east-1:123456789012:run/*"]
    assert callers["arn:aws:s3:::omics-local/in/*"] == ["s3:PutObject"]
    assert main(["rights", "--role", "--state", state]) == 0
    said = capsys.readouterr()
    (tmp_path / "role.json").write_text(said.out)
    roles = allowed(said.out)
    assert "ecr:BatchGetImage" in roles["arn:aws:ecr:us-east-1:123456789012:repository/*"]
    assert roles["arn:aws:s3:::omics-local/in/*"] == ["s3:GetObject"]
    assert roles["arn:aws:s3:::omics-local/runs/*"] == ["s3:PutObject"]
    assert any("logs:PutLogEvents" in actions for actions in roles.values())
    # With these rights, and no others, the same goes through again.
    options = [f"--policy={tmp_path}/caller.json", f"--role-policy={tmp_path}/role.json"]
    with local.running(tmp_path / "state", options=options) as service:
        go_through(connect(service))
        code, _ = refused(connect(service).omics.create_run_group, name="no right")
        assert code == "AccessDeniedException"


def test_what_no_policy_of_an_identity_says_is_told_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rights", "--trust"]) == 0
    assert "sts:AssumeRole" in capsys.readouterr().out
    assert main(["rights", "--repository"]) == 0
    assert may_pull(capsys.readouterr().out, "123456789012", "us-east-1")


def test_where_nothing_was_asked_there_are_no_rights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rights", "--state", str(tmp_path)]) == 2
    assert "nothing was asked" in capsys.readouterr().err
