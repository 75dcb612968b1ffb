"""The ten commands of docs/aws.md, typed: moto's CloudFormation makes the account, and a local
service that has what was made takes AWS's place for the rest.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from accounts import Setup
from moto import mock_aws
from pages import DOCS, ROOT, blocks
from running import environment

from local_healthomics import LocalService, running
from snakemake_executor_omics import account
from snakemake_executor_omics.aws.account_facts import PullThrough
from snakemake_executor_omics.aws.session import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning"),  # what moto does not make
]


def _commands() -> list[str]:
    """Those of the first block, each in one line."""
    text = blocks(DOCS / "aws.md")[0].text.replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    with running(tmp_path / "service") as found:
        yield found


def _as_made(service: LocalService, profile: Mapping[str, str], rules: Mapping[str, Any]) -> None:
    """Put into the local service what CloudFormation has made in moto."""
    bucket, _, _ = profile["omics-output-uri"].removeprefix("s3://").partition("/")
    service.client("s3").create_bucket(Bucket=bucket)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "omics.amazonaws.com"},
                            "Action": "sts:AssumeRole"}]}  # fmt: skip
    service.client("iam").create_role(
        RoleName=profile["omics-role-arn"].rpartition("/")[2],
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}),
    )
    ecr = service.client("ecr")
    for rule in rules["pullThroughCacheRules"]:
        ecr.create_pull_through_cache_rule(**rule)
    for template in rules["repositoryCreationTemplates"]:
        ecr.create_repository_creation_template(**template)
    ecr.put_registry_policy(policyText=json.dumps(rules["registryPolicy"]))


def test_the_ten_commands_lead_from_an_empty_account_to_the_example(
    service: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = _commands()
    assert len(commands) == 10
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    folder, said = tmp_path, {}
    variables = {**environment(), **service.environment}
    with mock_aws():
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        setup = Setup(connect("us-east-1", environment=keys), monkeypatch)
        empty = PullThrough(frozenset(), {}, {})  # moto's ECR has no such operations
        monkeypatch.setattr(account, "pull_through", lambda _: empty)
        for command in commands:
            words = shlex.split(command)
            if words[:2] == ["snakemake-omics", "setup"]:
                monkeypatch.chdir(folder)
                assert setup(*words[2:]) == 0
                if "--deploy" in words:
                    profile = yaml.safe_load((folder / "profiles/mine/config.yaml").read_text())
                    rules = json.loads((folder / "registry/registry-rules.json").read_text())
                    _as_made(service, profile, rules)
                continue
            where = tmp_path / "where"
            done = subprocess.run(
                ["bash", "-c", f"{command} && pwd > {where}"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                env=variables,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            folder = Path(where.read_text().strip())
            said[command] = done.stdout + done.stderr
    told = "\n".join(said.values())
    assert (folder / "results/cohort.tsv").read_text().count("\n") > 1
    assert "✗" not in told
    assert "COMPLETED: " in told
