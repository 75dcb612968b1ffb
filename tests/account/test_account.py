"""The first workflows on an account of AWS's, and what they tell of the service.

They run where the environment names an account, and cost less than a dollar: `OMICS_TEST_ROLE_ARN`
is a role for runs, `OMICS_TEST_OUTPUT_URI` a place in S3 in the region of the credentials,
`OMICS_TEST_ECR_IMAGE` an image with bash and coreutils in its ECR. `OMICS_TEST_USER_IMAGE` and
`OMICS_TEST_ENTRYPOINT_IMAGE` may name one with a USER and one with an ENTRYPOINT.

All that was seen is written to `OMICS_TEST_REPORT` (`omics-account-report`): `readings.json` is
what `local-healthomics up --readings` takes. The same runs against a local service with readings of
its own, which are to be found: that is slow, and proves the test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from observing import (
    LONG_LINE,
    PROBE,
    Seen,
    look,
    of_cancel,
    of_completion,
    of_failure,
    of_hits,
    of_log,
    of_probe,
)
from running import STARTED, Done, environment, snakemake
from waiting import until

from local_healthomics import running

NEEDED = ("OMICS_TEST_ROLE_ARN", "OMICS_TEST_OUTPUT_URI", "OMICS_TEST_ECR_IMAGE")
MISSING = [name for name in NEEDED if not os.environ.get(name)]
NAME = "snakemake-executor-plugin-omics-test"
# What the local service is told, and the test has to find out.
CHOSEN = {
    "stopped-tasks": "CANCELLED",
    "export-after-failure": "all",
    "outputs-summary": "logs/output.json",
    "outputs-form": "list",
    "task-cache-uri": "always",
    "task-order": "newest-first",
    "cached-task-times": "all",
    "cache-after-cancel": "completed",
    "blank-lines": "kept",
    "long-lines": "cut",
    "task-home": "root",
    "task-path": "system",
}
APART = {"task-pace": "1"}  # else their order cannot be told
HOUR = 3600

FAILING = """
container: "docker://{image}"
rule all:
    input: "second.txt", "beside.txt"
rule first:
    output: "first.txt"
    shell: "echo first > {{output}}"
rule second:
    input: "first.txt"
    output: "second.txt"
    params: code=config["code"], wait={wait}
    shell: "sleep {{params.wait}}; cat {{input}} > {{output}}; exit {{params.code}}"
rule beside:
    output: "beside.txt"
    params: wait=config["code"] * 1200
    shell: "sleep {{params.wait}}; echo beside > {{output}}"
"""
PROBING = """
container: "docker://{image}"
MADE = ["probe.txt", "said.txt", "l/link.txt", "odd/it's a näme, $x.txt"]
MADE += expand("n/{{number}}.txt", number=range(4))
rule all:
    input: MADE
rule probe:
    input: data="in.txt", script="probe.sh"
    output: "probe.txt"
    resources: mem_mb=2048
    shell: "bash {{input.script}} {{input.data}} > {{output}}"
rule say:
    output: "said.txt"
    shell:
        "printf 'before\\\\n\\\\nafter\\\\n'; printf '%{long}s' | tr ' ' x; "
        "echo; echo > {{output}}"
rule links:
    output: real="l/real.txt", link="l/link.txt"
    shell: "echo linked > {{output.real}}; ln -s real.txt {{output.link}}"
rule odd:
    output: "odd/it's a näme, $x.txt"
    shell: "echo odd > {{output:q}}"
rule number:
    output: "n/{{number}}.txt"
    shell: "echo {{wildcards.number}} > {{output}}"
"""
ONE_PROBE = """
rule probe:
    input: data="in.txt", script="probe.sh"
    output: "probe.txt"
    container: "docker://{image}"
    shell: "bash {{input.script}} {{input.data}} > {{output}}"
"""
LONG = """
container: "docker://{image}"
rule all:
    input: "done.txt", "long.txt"
rule done:
    output: "done.txt"
    shell: "echo done > {{output}}"
rule long:
    output: "long.txt"
    shell: "sleep 1800; echo long > {{output}}"
"""
MANY = """
container: "docker://{image}"
rule all:
    input: expand("n/{{number}}.txt", number=range(1000))
rule number:
    output: "n/{{number}}.txt"
    shell: "echo {{wildcards.number}} > {{output}}"
"""


@dataclass(frozen=True)
class Account:
    """Where runs go, and where what they tell is written."""

    clients: Callable[[str], Any]
    options: tuple[str, ...]
    image: str
    report: Path
    is_aws: bool

    def project(self, folder: Path, text: str, image: str | None = None) -> Path:
        wait = 60 if self.is_aws else 2
        filled = text.format(image=image or self.image, wait=wait, long=LONG_LINE)
        (folder / "Snakefile").write_text(filled)
        (folder / "in.txt").write_text("from here\n")
        (folder / "probe.sh").write_text(PROBE)
        return folder

    def words(self, run_cache: str, *more: str) -> list[str]:
        return [
            *("--executor", "omics", "--jobs", "50", "--omics-workflow-name", NAME),
            *("--omics-run-cache", run_cache, *self.options, *more),
        ]

    def call(self, folder: Path, run_cache: str, *more: str) -> Done:
        return snakemake(folder, *self.words(run_cache, *more), seconds=2 * HOUR)

    def seen(self, name: str, said: str) -> Seen:
        """The run that a call of Snakemake has started, written down."""
        (run_id,) = re.findall(rf"{STARTED} (\d+)", said)
        found = look(self.clients, run_id)
        self.write(name, found.json)
        return found

    def write(self, name: str, what: Any) -> None:
        self.report.mkdir(parents=True, exist_ok=True)
        (self.report / f"{name}.json").write_text(json.dumps(what, indent=2, default=str))

    def record(self, readings: Mapping[str, str]) -> None:
        self.write("readings", {**self.recorded, **readings})

    @property
    def recorded(self) -> dict[str, str]:
        path = self.report / "readings.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}


@pytest.fixture(scope="module", params=["aws", pytest.param("local", marks=pytest.mark.slow)])
def account(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    if request.param == "aws":
        if MISSING:
            pytest.skip(f"no AWS account: {', '.join(MISSING)} not set")
        role, uri, image = (os.environ[name] for name in NEEDED)
        report = Path(os.environ.get("OMICS_TEST_REPORT") or "omics-account-report")
        (report / "readings.json").unlink(missing_ok=True)
        options = ("--omics-role-arn", role, "--omics-output-uri", uri)
        yield Account(cache(boto3.client), options, image, report, True)
        print(f"what was seen is in {report.resolve()}")
        return
    given = [f"--reading={name}={value}" for name, value in {**CHOSEN, **APART}.items()]
    with running(tmp_path_factory.mktemp("service"), options=given) as service:
        variables = {**service.environment, "SNAKEMAKE_OMICS_ENDPOINT": service.endpoint_url}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            options = (
                *("--omics-role-arn", service.role_arn, "--omics-poll-seconds", "0.2"),
                *("--omics-output-uri", service.default_output_uri),
            )
            report = tmp_path_factory.mktemp("report")
            yield Account(cache(service.client), options, "debian:12", report, False)


@pytest.fixture
def run_cache(account: Account) -> Iterator[str]:
    """The name of a run cache that has nothing in it, removed afterwards."""
    name = f"{NAME}-{uuid.uuid4().hex[:8]}"
    yield name
    omics = account.clients("omics")
    for page in omics.get_paginator("list_run_caches").paginate():
        for item in page["items"]:
            if item.get("name") == name:
                omics.delete_run_cache(id=item["id"])


def _matches(account: Account, readings: Mapping[str, str]) -> None:
    """Write readings down; on the local service they are those that it was told."""
    account.record(readings)
    if not account.is_aws:
        told = {name: value for name, value in CHOSEN.items() if name in readings}
        assert {name: readings[name] for name in told} == told


def test_what_is_left_when_the_second_of_two_rules_fails(
    account: Account, run_cache: str, tmp_path: Path
) -> None:
    project = account.project(tmp_path, FAILING)
    failed = account.call(project, run_cache, "--config", "code=1")
    assert failed.returncode == 1, failed.stderr
    seen = account.seen("failed", failed.stderr)
    assert seen.task("first")["status"] == "COMPLETED"
    assert seen.task("second")["status"] == "FAILED"
    _matches(account, of_failure(seen))

    mended = account.call(project, run_cache, "--config", "code=0")
    assert mended.returncode == 0, mended.stderr
    assert (project / "second.txt").read_text() == "first\n"
    again = account.seen("mended", mended.stderr)
    hits = [task["name"] for task in again.tasks if task.get("cacheHit")]
    account.write("cache-after-failure", {"entries": list(seen.cache), "hits": hits})
    rules = {task["name"].split("_")[0] for task in again.tasks}
    assert "first" not in rules or [name.split("_")[0] for name in hits] == ["first"]
    _matches(account, of_hits(again))


def test_what_tasks_see_and_what_is_left_when_all_went_well(
    account: Account, run_cache: str, tmp_path: Path
) -> None:
    project = account.project(tmp_path, PROBING)
    behavior = ("--omics-cache-behavior", "CACHE_ALWAYS")
    done = account.call(project, run_cache, *behavior)
    assert done.returncode == 0, done.stderr
    assert (project / "l/link.txt").read_text() == "linked\n"
    assert (project / "odd/it's a näme, $x.txt").read_text() == "odd\n"
    assert (project / "n/3.txt").read_text() == "3\n"
    seen = account.seen("completed", done.stderr)
    probe = (project / "probe.txt").read_text()
    account.write("probe", probe.splitlines())
    _matches(account, of_completion(seen) | of_probe(probe, 2 * 1024**3) | of_log(seen.log("say")))

    for name in ("probe.txt", "said.txt", "l", "odd", "n", ".snakemake"):
        path = project / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = account.call(project, run_cache, *behavior)
    assert again.returncode == 0, again.stderr
    hits = account.seen("again", again.stderr)
    assert {task["name"] for task in hits.tasks if task.get("cacheHit")} == {
        task["name"] for task in seen.tasks
    }
    _matches(account, of_hits(hits))
    assert STARTED not in account.call(project, run_cache, *behavior).stderr


@pytest.mark.parametrize("kind", ["USER", "ENTRYPOINT"])
def test_an_image_with_a_user_or_an_entrypoint_is_tried(
    account: Account, run_cache: str, tmp_path: Path, kind: str
) -> None:
    image = os.environ.get(f"OMICS_TEST_{kind}_IMAGE")
    if not account.is_aws or not image:
        pytest.skip(f"no AWS account, or OMICS_TEST_{kind}_IMAGE is not set")
    project = account.project(tmp_path, ONE_PROBE, image)
    done = account.call(project, run_cache)
    told = {"exit": done.returncode, "said": done.stderr.splitlines()[-40:]}
    if done.returncode == 0:
        told["probe"] = (project / "probe.txt").read_text().splitlines()
    account.write(f"image-with-{kind.lower()}", told)


def test_what_is_left_when_a_run_is_cancelled(
    account: Account, run_cache: str, tmp_path: Path
) -> None:
    project = account.project(tmp_path, LONG)
    said = tmp_path / "said"
    omics = account.clients("omics")
    with said.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *account.words(run_cache)],
            cwd=project,
            stderr=file,
            env=environment(),
        )
    patience = HOUR if account.is_aws else 240
    try:
        (run_id,) = until(
            lambda: re.findall(rf"{STARTED} (\d+)", said.read_text()), seconds=patience
        )
        until(lambda: _statuses(omics, run_id).get("done") == "COMPLETED", seconds=patience)
        until(lambda: _statuses(omics, run_id).get("long") == "RUNNING", seconds=patience)
        process.send_signal(signal.SIGINT)
        assert process.wait(patience) != 0
    finally:
        process.kill()
        process.wait()
    until(lambda: omics.get_run(id=run_id)["status"] == "CANCELLED", seconds=patience)
    _matches(account, of_cancel(account.seen("cancelled", said.read_text())))


def _statuses(omics: Any, run_id: str) -> dict[str, str]:
    """By rule."""
    return {
        item["name"].split("_")[0]: item["status"]
        for item in omics.list_run_tasks(id=run_id)["items"]
    }


def test_a_definition_of_a_thousand_tasks_is_taken(account: Account, tmp_path: Path) -> None:
    project = account.project(tmp_path, MANY)
    words = ("--forceall", "--omics-package", "packed", "--omics-workflow-name", NAME)
    done = snakemake(project, "--executor", "omics", "--jobs", "1", *account.options, *words)
    assert done.returncode == 0, done.stderr
    content = (project / "packed/definition.zip").read_bytes()
    omics = account.clients("omics")
    made = omics.create_workflow(
        name=NAME, definitionZip=content, requestId=uuid.uuid4().hex, engine="WDL"
    )
    try:
        found = until(
            lambda: omics.get_workflow(id=made["id"]),
            lambda found: found["status"] not in ("CREATING", "UPDATING"),
            seconds=HOUR if account.is_aws else 240,
        )
        told = {name: found.get(name) for name in ("status", "statusMessage", "creationTime")}
        account.write("thousand-tasks", {**told, "zipBytes": len(content)})
        assert found["status"] == "ACTIVE", found.get("statusMessage")
    finally:
        omics.delete_workflow(id=made["id"])


def test_a_service_starts_with_what_was_seen(account: Account, tmp_path: Path) -> None:
    """The last one: all that could be told is there."""
    path = account.report / "readings.json"
    if not account.is_aws:
        assert CHOSEN.keys() <= account.recorded.keys()
    with running(tmp_path / "state", options=["--readings", str(path.resolve())]) as service:
        assert service.client("omics").list_runs()["items"] == []
