"""`aws`, the AWS command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_clients import Shell
from waiting import until


@pytest.fixture(scope="session")
def aws(install: Callable[[str], Path]) -> Path:
    return install("awscli") / "aws"


def test_a_workflow_from_a_zip_file_is_made_run_and_looked_at(
    aws: Path,
    shell: Shell,
    definition: Path,
    names: str,
    follow: Callable[[str], dict[str, Any]],
) -> None:
    made = shell.json(
        aws,
        "omics",
        "create-workflow",
        "--name",
        "from-cli",
        "--engine",
        "WDL",
        "--definition-zip",
        f"fileb://{definition}",
        "--tags",
        "team=cli",
    )
    assert made["status"] == "CREATING"
    shell.run(aws, "omics", "wait", "workflow-active", "--id", made["id"])
    started = shell.json(
        aws,
        "omics",
        "start-run",
        "--workflow-id",
        made["id"],
        "--name",
        "from-cli",
        "--role-arn",
        shell.environment["OMICS_ROLE_ARN"],
        "--output-uri",
        shell.environment["OMICS_OUTPUT_URI"],
        "--parameters",
        json.dumps({"names": names}),
    )
    follow(started["id"])  # the command's own waiter looks every 30 seconds
    shell.run(aws, "omics", "wait", "run-completed", "--id", started["id"])
    got = shell.json(aws, "omics", "get-run", "--id", started["id"])
    assert (got["status"], got["name"]) == ("COMPLETED", "from-cli")

    tasks = shell.json(aws, "omics", "list-run-tasks", "--id", started["id"])["items"]
    assert [task["status"] for task in tasks] == ["COMPLETED"]
    said = shell.run(
        aws,
        "logs",
        "get-log-events",
        "--log-group-name",
        "/aws/omics/WorkflowLog",
        "--log-stream-name",
        f"run/{started['id']}/task/{tasks[0]['taskId']}",
        "--query",
        "events[].message",
        "--output",
        "text",
    ).stdout
    assert said.split("\t") == ["Hello Ada", "Hello Grace\n"]

    outputs = f"{got['runOutputUri']}/logs/outputs.json"
    greeting = json.loads(shell.run(aws, "s3", "cp", outputs, "-").stdout)["hello.greetings"][0]
    assert shell.run(aws, "s3", "cp", greeting, "-").stdout == "Hello Ada\nHello Grace\n"


def test_a_reference_is_imported_and_read_back(aws: Path, shell: Shell) -> None:
    fasta = shell.folder / "genome.fa"
    fasta.write_text(">chr1\nACGTACGT\n>chr2\nGGCC\n")
    shell.run(aws, "s3", "cp", fasta, "s3://omics-local/in/genome.fa")
    store = shell.json(aws, "omics", "create-reference-store", "--name", "genomes")["id"]
    in_store = ("--reference-store-id", store)
    job = shell.json(
        aws,
        "omics",
        "start-reference-import-job",
        *in_store,
        "--role-arn",
        shell.environment["OMICS_ROLE_ARN"],
        "--sources",
        "sourceFile=s3://omics-local/in/genome.fa,name=genome",
    )["id"]
    got = until(
        lambda: shell.json(aws, "omics", "get-reference-import-job", *in_store, "--id", job),
        lambda found: found["status"] not in ("SUBMITTED", "IN_PROGRESS"),
    )
    assert got["status"] == "COMPLETED"
    (reference,) = shell.json(aws, "omics", "list-references", *in_store)["references"]
    part = ("--id", reference["id"], "--part-number", "1", "--file", "SOURCE")
    shell.run(aws, "omics", "get-reference", *in_store, *part, shell.folder / "back.fa")
    assert (shell.folder / "back.fa").read_bytes() == fasta.read_bytes()


def test_lists_come_in_pages(aws: Path, shell: Shell, run: dict[str, Any]) -> None:
    for number in range(3):
        shell.run(aws, "omics", "create-run-group", "--name", f"group-{number}")
    listed = shell.json(aws, "omics", "list-run-groups", "--page-size", "1")["items"]
    assert {group["name"] for group in listed} >= {"group-0", "group-1", "group-2"}


def test_tags_are_set_listed_and_removed(aws: Path, shell: Shell, run: dict[str, Any]) -> None:
    def tags() -> Any:
        return shell.json(aws, "omics", "list-tags-for-resource", "--resource-arn", run["arn"])[
            "tags"
        ]

    arn = ("--resource-arn", run["arn"])
    shell.run(aws, "omics", "tag-resource", *arn, "--tags", "a=1,b=2")
    assert tags() == {"a": "1", "b": "2"}
    shell.run(aws, "omics", "untag-resource", *arn, "--tag-keys", "a")
    assert tags() == {"b": "2"}


@pytest.mark.parametrize(
    ("id", "says"),
    [("999999999", "(ResourceNotFoundException)"), ("none", "(ValidationException)")],
)
def test_an_error_has_its_name_and_its_exit_status(
    aws: Path, shell: Shell, id: str, says: str
) -> None:
    failed = shell.run(aws, "omics", "get-run", "--id", id, status=255)
    assert f"An error occurred {says} when calling the GetRun operation" in failed.stderr


def test_the_services_beside_it_are_there(aws: Path, shell: Shell) -> None:
    who = shell.json(aws, "sts", "get-caller-identity")
    role = shell.json(aws, "iam", "get-role", "--role-name", "LocalHealthOmics")
    assert role["Role"]["Arn"] == shell.environment["OMICS_ROLE_ARN"]
    assert who["Account"] in role["Role"]["Arn"]
    assert shell.json(aws, "ecr", "describe-repositories") == {"repositories": []}


def test_a_presigned_link_of_s3_gives_the_object(aws: Path, shell: Shell, names: str) -> None:
    link = shell.run(aws, "s3", "presign", names).stdout.strip()
    assert shell.run("curl", "--silent", "--fail", link).stdout == "Ada\nGrace\n"
