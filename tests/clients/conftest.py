"""One local HealthOmics for clients that nobody here wrote, and a run for them to look at."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import waiting
from botocore.config import Config
from real_clients import OURS, ROOT, Shell, installed, sourced

WDL = """version 1.0
workflow hello {
    input { File names Int times = 1 }
    scatter (i in range(times)) { call greet { input: names = names } }
    output { Array[File] greetings = greet.greeting }
}
task greet {
    input { File names }
    command <<<
        sed 's/^/Hello /' ~{names} | tee greeting.txt
        python3 -c 'import array; array.array("b", b"x") * 300_000_000'
    >>>
    output { File greeting = "greeting.txt" }
    runtime { container: "ubuntu:24.04" cpu: 1 memory: "1 GiB" }
}
"""

# What a user's shell may have that leads away from here.
MISLEADING = {
    "NO_PROXY": "127.0.0.1,localhost,.internal",
    "AWS_PROFILE": "work",
    "AWS_SESSION_TOKEN": "of-work",
    "AWS_ENDPOINT_URL_OMICS": "http://127.0.0.1:9",
}


@pytest.fixture(scope="session")
def install(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Give a requirement, get the folder of its commands."""
    cache = request.config.cache
    assert cache is not None
    return lambda requirement: installed(requirement, cache.mkdir("clients"))


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell that uses a local HealthOmics, as the documentation says to make one."""
    folder = tmp_path_factory.mktemp("shell")
    theirs = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHONPATH"))}
    theirs |= {"HOME": str(folder), "BROWSER": "true", **MISLEADING}  # BROWSER: plots open none
    local = " ".join(["PYTHONPATH=" + ROOT, *OURS, "local"])
    up = subprocess.run(
        ["bash", "-c", f"{local} up"], env=theirs, cwd=folder, text=True, capture_output=True
    )
    assert up.returncode == 0, up.stderr
    yield Shell(sourced(f'cd {folder}; eval "$({local} env)"', theirs), folder)
    subprocess.run(["bash", "-c", f"{local} down"], env=theirs, cwd=folder, check=True)


@pytest.fixture(scope="session")
def names(shell: Shell) -> str:
    """An input in S3."""
    boto(shell, "s3").put_object(Bucket="omics-local", Key="in/names.txt", Body=b"Ada\nGrace\n")
    return "s3://omics-local/in/names.txt"


@pytest.fixture(scope="session")
def definition(shell: Shell) -> Path:
    """A workflow as a zip file; its WDL is beside it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("main.wdl", WDL)
    path = shell.folder / "hello.zip"
    path.write_bytes(out.getvalue())
    path.with_suffix(".wdl").write_text(WDL)
    return path


@pytest.fixture(scope="session")
def run(shell: Shell, names: str, definition: Path) -> dict[str, Any]:
    """A run that COMPLETED, as GetRun has it."""
    omics = boto(shell, "omics")
    workflow = omics.create_workflow(name="hello", definitionZip=definition.read_bytes())["id"]
    omics.get_waiter("workflow_active").wait(id=workflow, WaiterConfig={"Delay": 1})
    cache = omics.create_run_cache(cacheS3Location="s3://omics-local/cache")["id"]
    started = omics.start_run(
        workflowId=workflow,
        roleArn=shell.environment["OMICS_ROLE_ARN"],
        name="first",
        outputUri=shell.environment["OMICS_OUTPUT_URI"],
        parameters={"names": names},
        cacheId=cache,
        cacheBehavior="CACHE_ON_FAILURE",
        priority=7,
        storageType="DYNAMIC",
    )
    return until(shell, started["id"])


def boto(shell: Shell, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=shell.environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=shell.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=shell.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(inject_host_prefix=False),
    )


def until(shell: Shell, run: str, status: str = "COMPLETED") -> dict[str, Any]:
    """The run, once it has ended."""
    omics = boto(shell, "omics")
    found = waiting.until(
        lambda: dict(omics.get_run(id=run)),
        lambda found: found["status"] in ("COMPLETED", "FAILED", "CANCELLED", "DELETED"),
    )
    assert found["status"] == status, found.get("statusMessage")
    return found


@pytest.fixture(scope="session")
def follow(shell: Shell) -> Callable[[str], dict[str, Any]]:
    """Wait until a run COMPLETED."""
    return lambda run: until(shell, run)
