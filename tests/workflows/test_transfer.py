"""Inputs to the local service's S3, by processes that are killed and in sizes that are large."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import local_healthomics as local
from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.files.upload import send, stage

pytestmark = pytest.mark.service
URI = "s3://inputs/project"
NAMES = [*map(str, range(40)), "large"]

# Sends what the arguments name, and dies with the third part of the large file.
DYING = """
import os, signal, sys
from pathlib import Path
from snakemake_executor_omics.aws.session import connect
from snakemake_executor_omics.files.upload import send, stage
endpoint, folder, *names = sys.argv[1:]
services = connect("us-east-1", None, endpoint, concurrency=2)
parts = []
def count(**_):
    parts.append(1)
    if len(parts) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
services.s3.meta.events.register("after-call.s3.UploadPart", count)
folder = Path(folder)
send(services, stage(names, folder, "s3://inputs/project", folder / "state", print),
     folder / "state", print)
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.LocalService]:
    service = local.start(tmp_path_factory.mktemp("local"))
    yield service
    service.stop()


@pytest.fixture(scope="module")
def services(service: local.LocalService) -> Services:
    made = connect("us-east-1", None, service.endpoint_url, environment=service.environment)
    made.s3.create_bucket(Bucket="inputs")
    return made


def _count(services: Services, requests: list[str]) -> None:
    def note(model: Any, **_: Any) -> None:
        requests.append(model.name)

    services.s3.meta.events.register("before-call.s3", note)


def test_a_killed_head_goes_on_where_it_stopped(
    service: local.LocalService, services: Services, tmp_path: Path
) -> None:
    for name in NAMES[:-1]:
        (tmp_path / name).write_text(name)
    (tmp_path / "large").write_bytes(os.urandom(80 << 20))  # five parts
    endpoint = services.s3.meta.endpoint_url
    environment = {
        **os.environ,
        **service.environment,
    }
    died = subprocess.run(
        [sys.executable, "-c", DYING, endpoint, str(tmp_path), *NAMES],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    there = len(services.s3.list_objects_v2(Bucket="inputs", Prefix="project/")["Contents"])
    requests: list[str] = []
    _count(services, requests)
    staged = stage(NAMES, tmp_path, URI, tmp_path / "state", print)
    send(services, staged, tmp_path / "state", print)
    assert requests.count("PutObject") == len(NAMES) - 1 - there
    assert requests.count("UploadPart") <= 2
    key = staged["large"].uri.removeprefix("s3://inputs/")
    body = services.s3.get_object(Bucket="inputs", Key=key)["Body"]
    assert body.read() == (tmp_path / "large").read_bytes()


@pytest.mark.slow
def test_a_file_beyond_the_limit_of_one_request_is_sent(services: Services, tmp_path: Path) -> None:
    size = (5 << 30) + 1
    for name in ("sparse.bin", "copy.bin"):  # no CopyObject can give it its other name
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    staged = stage(["sparse.bin", "copy.bin"], tmp_path, URI, tmp_path / "state", print)
    requests: list[str] = []
    _count(services, requests)
    send(services, staged, tmp_path / "state", print)
    assert requests.count("CompleteMultipartUpload") == 2
    assert "CopyObject" not in requests
    for item in staged.values():
        head = services.s3.head_object(
            Bucket="inputs", Key=item.uri.removeprefix("s3://inputs/"), ChecksumMode="ENABLED"
        )
        assert head["ContentLength"] == size
        assert head["ChecksumCRC32"] == item.upload.digest.s3_crc32


SNAKEFILE = """
container: "docker://debian:12"
rule all:
    input: "whole.txt", "folder"
rule join:
    input: "data/large", "data/a.txt", "data/same.txt", "data/many"
    output: "whole.txt"
    shell: "wc -c {input[0]} {input[1]} {input[2]} {input[3]}/*/* | tail -1 > {output}"
rule folder:
    input: where="where", same="data/same.txt"
    output: directory("folder")
    shell:
        "mkdir {output}; cp {input.same} {output}; p=$(cat {input.where}); mkdir -p $p/folder;"
        "echo mine > $p/whole.txt; echo mine > $p/folder/notes"
"""


def test_a_workflow_moves_its_files_and_keeps_those_of_its_user(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for number in range(3000):
        (folder / f"data/many/{number % 5}").mkdir(parents=True, exist_ok=True)
        (folder / f"data/many/{number % 5}/{number}").write_text("x")
    (folder / "data/large").write_bytes(bytes(20 << 20))
    for name in ("a", "same"):
        (folder / f"data/{name}.txt").write_text("same\n")
    (folder / "where").write_text(str(folder))
    (folder / "Snakefile").write_text(SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--executor", "omics", "--jobs", "9"]
    done = subprocess.run(
        # Its task plays the user, and writes into the project's folder.
        [*command, "--omics-endpoint", "local", "--omics-local-isolation", "off"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "whole.txt").read_text().split() == [str((20 << 20) + 10 + 3000), "total"]
    assert (folder / "whole.txt.omics-kept").read_text() == "mine\n"
    assert [path.name for path in (folder / "folder.omics-kept").iterdir()] == ["notes"]
    assert done.stderr.count("was changed while its job ran") == 2
    # large, same.txt, where, the archive; a.txt is a copy
    assert "omics: sent 4 files, " in done.stderr
    assert "omics: fetched 2 files, " in done.stderr
