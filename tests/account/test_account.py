"""One workflow on AWS itself, where an account is named by the environment.

It costs a few cents. `OMICS_TEST_ROLE_ARN` is a role for runs, `OMICS_TEST_OUTPUT_URI` a place in
S3 in the region of the credentials, `OMICS_TEST_ECR_IMAGE` an image with bash in its ECR.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from running import STARTED, snakemake

NEEDED = ("OMICS_TEST_ROLE_ARN", "OMICS_TEST_OUTPUT_URI", "OMICS_TEST_ECR_IMAGE")
MISSING = [name for name in NEEDED if not os.environ.get(name)]

SNAKEFILE = """
rule all:
    input: "upper.txt"
rule upper:
    input: "lower.txt"
    output: "upper.txt"
    log: "upper.log"
    container: "docker://{image}"
    shell: "tr a-z A-Z < {{input}} > {{output}}; echo done > {{log}}"
"""


@pytest.mark.skipif(bool(MISSING), reason=f"no AWS account: {', '.join(MISSING)} not set")
def test_a_workflow_runs_on_aws_and_its_second_call_has_nothing_to_do(tmp_path: Path) -> None:
    image = os.environ["OMICS_TEST_ECR_IMAGE"]
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(image=image))
    (tmp_path / "lower.txt").write_text("from here\n")
    options = (
        "--executor",
        "omics",
        "--jobs",
        "1",
        "--omics-role-arn",
        os.environ["OMICS_TEST_ROLE_ARN"],
        "--omics-output-uri",
        os.environ["OMICS_TEST_OUTPUT_URI"],
        "--omics-workflow-name",
        "snakemake-executor-plugin-omics-test",
    )
    done = snakemake(tmp_path, *options, seconds=3600)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(STARTED) == 1
    assert (tmp_path / "upper.txt").read_text() == "FROM HERE\n"
    assert (tmp_path / "upper.log").read_text() == "done\n"
    assert STARTED not in snakemake(tmp_path, *options).stderr
