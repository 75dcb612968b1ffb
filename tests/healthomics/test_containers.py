"""Tasks in containers, where a container tool works and can pull an image.

`OMICS_TEST_IMAGE` names another image with bash, for machines that reach no public registry.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import until

import local_healthomics as local

from .conftest import Clients, connect, zipped

IMAGE = os.environ.get("OMICS_TEST_IMAGE", "debian:12-slim")
PULL = {
    "docker": ["docker", "pull", "--quiet", IMAGE],
    "podman": ["podman", "pull", "--quiet", IMAGE],
    "apptainer": ["apptainer", "exec", f"docker://{IMAGE}", "true"],
}
WDL = f"""version 1.0
workflow w {{
    input {{ File a }}
    call t {{ input: a = a }}
    output {{ File o = t.o  String namespace = t.namespace }}
}}
task t {{
    input {{ File a }}
    command <<<
        echo "said inside"
        echo "task $AWS_WORKFLOW_TASK_ID" >&2
        tr a-z A-Z < ~{{a}} > out.txt
        readlink /proc/self/ns/mnt
    >>>
    output {{ File o = "out.txt"  String namespace = read_string(stdout()) }}
    runtime {{ container: "{IMAGE}" cpu: 1 memory: "1 GiB" }}
}}
"""


@pytest.fixture(scope="module", params=list(PULL))
def contained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clients]:
    tool = request.param
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    pulled = subprocess.run(PULL[tool], capture_output=True, text=True, check=False)
    if pulled.returncode != 0:
        pytest.skip(f"{tool} cannot pull {IMAGE}: {pulled.stderr.strip()[-200:]}")
    service = local.start(tmp_path_factory.mktemp(tool), backend=tool)
    yield connect(service)
    service.stop()


_SLEEP = "sleep 600.25"  # as no other test has it


def _started(contained: Clients, wdl: str, content: bytes = b"") -> str:
    workflow = contained.active_workflow(definitionZip=zipped(main=wdl))
    return contained.start_with(workflow, {"a": contained.uploaded("in/a.txt", content)})


def test_a_task_runs_in_its_container_and_gives_its_files_back(contained: Clients) -> None:
    run = _started(contained, WDL, b"from s3\n")
    ended = contained.until(run, "COMPLETED", "FAILED")
    assert ended["status"] == "COMPLETED", ended.get("statusMessage")
    file = contained.s3.get_object(Bucket="omics-local", Key=f"runs/{run}/out/o/out.txt")
    assert file["Body"].read() == b"FROM S3\n"
    said = contained.outputs(ended)["w.namespace"]
    assert "said inside" in said
    assert os.readlink("/proc/self/ns/mnt") not in said  # it was another mount namespace


def test_a_cancelled_run_leaves_no_container(contained: Clients) -> None:
    sleeping = WDL.replace('echo "said inside"', _SLEEP)
    run = _started(contained, sleeping)
    contained.until(run, "RUNNING")
    until(_sleepers)
    contained.omics.cancel_run(id=run)
    assert contained.until(run, "COMPLETED", "FAILED", "CANCELLED")["status"] == "CANCELLED"
    until(lambda: not _sleepers())


def _sleepers() -> list[str]:
    """Processes of this machine, also those in containers, that are the task's `sleep`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it has ended meanwhile
            continue
        if command == _SLEEP:
            found.append(path.parent.name)
    return found


def test_the_manifest_has_what_a_container_used(contained: Clients) -> None:
    busy = WDL.replace(
        'echo "said inside"', "end=$((SECONDS + 4)); while [ $SECONDS -lt $end ]; do :; done"
    )
    run = _started(contained, busy)
    ended = contained.until(run, "COMPLETED", "FAILED")
    _, task = map(json.loads, contained.lines(f"manifest/run/{run}/{ended['uuid']}"))
    used = task["metrics"]
    assert 0 < used["cpusAverage"] <= used["cpusMaximum"]
    assert 0 < used["memoryAverageGiB"] <= used["memoryMaximumGiB"]
    assert used["runningSeconds"] >= 3
