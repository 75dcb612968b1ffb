"""`snakemake-omics doctor`, what of it a dry run says, and what of it stops a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from running import STARTED, forked

from local_healthomics import LocalService, running
from snakemake_executor_omics import cli

SNAKEFILE = """
rule all:
    input: "a.txt"
rule a:
    output: "a.txt"
    container: "docker://123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
    shell: "echo a > {output}"
"""
OMICS = ("--executor", "omics", "--jobs", "1")


def _states(text: str) -> dict[str, str]:
    return {line["name"]: line["state"] for line in json.loads(text)}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def account(
    standing: LocalService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> LocalService:
    """This process is one whose AWS is the local service."""
    for name, value in standing.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return standing


def test_an_account_that_is_ready_has_nothing_wrong_and_is_not_changed(
    account: LocalService, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--omics-role-arn", account.role_arn, "--omics-output-uri", account.default_output_uri]
    before = [item["arn"] for item in account.client("omics").list_workflows()["items"]]
    assert cli.main(["doctor", "--json", *words]) == 0
    told = capsys.readouterr()
    assert "wrong" not in _states(told.out).values()
    assert {"credentials", "region", "role", "trust", "bucket", "logs"} <= _states(told.out).keys()
    assert account.secret_access_key not in told.out + told.err
    assert before == [item["arn"] for item in account.client("omics").list_workflows()["items"]]


def test_all_that_is_wrong_is_told_at_once_with_what_mends_it(
    account: LocalService, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        *("--omics-role-arn", "arn:aws:iam::123456789012:role/none"),
        *("--omics-output-uri", "s3://nobody-has-this/x", "--omics-run-cache", "77"),
        *("--omics-run-group", "88", "--omics-priority", "-1"),
    ]
    assert cli.main(["doctor", *words]) == 1
    lines = capsys.readouterr().out.splitlines()
    wrong = {line[2:].split(":")[0] for line in lines if line.startswith("✗")}
    assert wrong == {"settings", "role", "bucket", "run cache", "run group"}
    assert sum(line.startswith("    mend: ") for line in lines) >= len(wrong)


def test_a_service_of_this_project_that_stays_is_asked(
    account: LocalService, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    state = tmp_path / ".snakemake/omics"
    state.mkdir(parents=True)
    assert cli.main(["doctor", "--json", "--omics-endpoint", "local"]) == 0
    assert "credentials" not in _states(capsys.readouterr().out)  # none stays: nobody to ask
    (state / "local").symlink_to(account.state)
    assert cli.main(["doctor", "--json", "--omics-endpoint", "local"]) == 0
    assert _states(capsys.readouterr().out)["credentials"] == "fine"
    cli.main(["doctor", "--json", "--omics-role-arn", account.role_arn])
    assert _states(capsys.readouterr().out)["local service"] == "unknown"  # it hides AWS


@pytest.mark.workflow
def test_a_dry_run_says_what_is_wrong_with_the_settings_and_lists_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    done = forked(tmp_path, "-n", *OMICS, "--omics-output-uri", "bucket", "--omics-priority", "-1")
    assert done.returncode == 0
    for setting in ("role-arn", "output-uri", "priority"):
        assert f"omics: ✗ settings: --omics-{setting}:" in done.stderr
    assert "rule a:" in done.stderr
    assert not (tmp_path / ".snakemake/omics").exists()


@pytest.mark.workflow
def test_a_run_that_would_fail_by_its_account_is_not_started(
    account: LocalService, tmp_path: Path
) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    role = boto3.client("iam").create_role(
        RoleName="Untrusting", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
    )["Role"]["Arn"]
    done = forked(
        tmp_path, *OMICS, "--omics-role-arn", role, "--omics-output-uri", "s3://nobody-has-this/x"
    )
    assert done.returncode == 1
    assert STARTED not in done.stderr
    assert "✗ bucket: there is no bucket nobody-has-this" in done.stderr
    assert "✗ trust: the role does not trust omics.amazonaws.com" in done.stderr
    assert "Traceback" not in done.stderr
