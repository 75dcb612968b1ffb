"""The plugin under every reading of the service that can touch it.

A few jobs go well, fail beside a finished one, go on, and are run again. The suite tries all other
readings at once; each value by itself is slow. What cannot pass is a limit that is written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from running import STARTED, Done, forked

from local_healthomics import start
from local_healthomics.readings import READINGS

SNAKEFILE = """
container: "docker://debian:12"
rule all:
    input: "b.txt", "d.txt", "w.txt"
rule a:
    output: "a.txt"
    log: "logs/a.log"
    shell: "printf 'one\\n\\ntwo\\n' > {output}; echo said > {log}"
rule b:
    input: "a.txt"
    output: "b.txt"
    log: "logs/b.log"
    params: code=config.get("code", 0)
    shell: "echo 'reads a' > {log}; cat {input} > {output}; exit {params.code}"
rule w:  # is running, or not yet, when b fails the first time
    output: "w.txt"
    params: wait=config.get("wait", 0)
    shell: "sleep {params.wait}; echo w > {output}"
rule d:
    output: directory("d"), "d.txt"
    shell: "mkdir -p d; echo in > d/in.txt; echo d > d.txt"
"""
MADE = {
    "a.txt": "one\n\ntwo\n",
    "b.txt": "one\n\ntwo\n",
    "d.txt": "d\n",
    "d/in.txt": "in\n",
    "w.txt": "w\n",
}
SECONDS = {"log-delay": "2", "run-lag": "1", "start-seconds": "1", "stop-seconds": "1"}
NOT_THE_PLUGINS = {"priority", "registry-prefix", "parameter-bytes", "template-bytes"}
NOT_THE_PLUGINS |= {"template-entries", "inline-zip-bytes", "zip-bytes"}  # it keeps to the smaller
# Each other value by itself, and all of them at once.
ALONE = [
    (reading.name, value)
    for reading in READINGS
    if reading.name not in NOT_THE_PLUGINS
    for value in ([SECONDS.get(reading.name, "0.5")] if reading.is_seconds else reading.values)
    if value != reading.default
]
LIMITS: dict[tuple[str, str], str] = {}
TOGETHER = {name: value for name, value in ALONE if (name, value) not in LIMITS}


class Service:
    """A service with some readings, and Snakemake calls that use it."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def call(self, folder: Path, *options: str) -> Done:
        fixed = ("--executor", "omics", "--jobs", "10", "--omics-poll-seconds", "0.2")
        return forked(folder, *fixed, *options, **self._variables)


@contextmanager
def service(state: Path, readings: dict[str, str]) -> Iterator[Service]:
    options = [f"--reading={name}={value}" for name, value in readings.items()]
    running = start(state, options=options)
    variables = {
        **running.environment,
        "SNAKEMAKE_OMICS_ENDPOINT": running.endpoint_url,
        "SNAKEMAKE_OMICS_REGION": running.region,
        "SNAKEMAKE_OMICS_ROLE_ARN": running.role_arn,
        "SNAKEMAKE_OMICS_OUTPUT_URI": "s3://readings/results",
    }
    client = boto3.client(
        "s3",
        endpoint_url=running.endpoint_url,
        region_name=running.region,
        aws_access_key_id=running.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=running.environment["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="readings")
    try:
        yield Service(variables)
    finally:
        running.stop()


def made(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in MADE if (folder / name).exists()}


def go_through(service: Service, folder: Path) -> None:
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE)

    failed = service.call(folder, "--config", "code=3", "wait=600")
    assert failed.returncode == 1, failed.stderr
    assert "Error in rule b" in failed.stderr, failed.stderr
    assert "Error in rule w" not in failed.stderr, failed.stderr
    assert (folder / "a.txt").read_text() == MADE["a.txt"], failed.stderr
    assert not (folder / "b.txt").exists()

    on = service.call(folder, "--keep-going", "--config", "code=4")
    assert on.returncode == 1, on.stderr
    assert "Error in rule b" in on.stderr, on.stderr
    assert {name: MADE[name] for name in MADE if name != "b.txt"} == made(folder), on.stderr

    again = service.call(folder, "--config", "code=0")
    assert again.returncode == 0, again.stderr
    assert made(folder) == MADE
    assert "rule a:" not in again.stderr  # it was done

    (folder / "d.txt").unlink()
    (folder / "a.txt").unlink()
    (folder / "b.txt").unlink()
    whole = service.call(folder, "--config", "code=0")
    assert whole.returncode == 0, whole.stderr
    assert whole.stderr.count(STARTED) == 1
    assert made(folder) == MADE


def test_the_plugin_bears_every_other_reading_at_once(tmp_path: Path) -> None:
    with service(tmp_path / "state", TOGETHER) as running:
        go_through(running, tmp_path / "project")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(
            *one,
            marks=[pytest.mark.xfail(strict=True, reason=LIMITS[one])] if one in LIMITS else [],
        )
        for one in ALONE
    ],
)
def test_the_plugin_bears_each_reading(tmp_path: Path, name: str, value: str) -> None:
    with service(tmp_path / "state", {name: value}) as running:
        go_through(running, tmp_path / "project")
