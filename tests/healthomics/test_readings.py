"""Readings: the table and its page, the option, and what each of them changes."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import until

import local_healthomics as local
from local_healthomics.engine.events import EventStream
from local_healthomics.engine.images import RegistryMap
from local_healthomics.engine.logs import TaskLog
from local_healthomics.errors import ValidationFault
from local_healthomics.operations.workflow_requests import _place_definition
from local_healthomics.options import ServerOptions, add_server_options, mean_the_same
from local_healthomics.readings import (
    DEFAULTS,
    READINGS,
    Reading,
    markdown,
    parsed,
    read_file,
    readings,
)

from .conftest import TEMPLATE, WDL, Clients, connect, zipped

PAGE = Path(__file__).parents[2] / "docs" / "readings.md"
OTHERS = {
    "task-order": "newest-first",
    "priority": "high-first",
    "storage-type": "DYNAMIC",
    "parameter-bytes": "256000",
    "template-bytes": "409600",
    "blank-lines": "kept",
    "template-entries": "2000",
    "inline-zip-bytes": "4400000",
    "log-delay": "0.3",
    "stop-seconds": "0.3",
}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, fake_engine: list[str]) -> Iterator[Clients]:
    """The server with a fake engine and other readings."""
    options = [f"--reading={name}={value}" for name, value in OTHERS.items()]
    service = local.start(tmp_path_factory.mktemp("other"), engine=fake_engine, options=options)
    yield connect(service)
    service.stop()


@pytest.fixture(scope="module")
def other_workflow(other: Clients) -> str:
    return other.active_workflow(parameterTemplate=TEMPLATE)


def test_the_page_is_the_table(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(markdown())
    assert PAGE.read_text() == markdown()


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.name)
def test_a_reading_has_its_default_among_several_values_and_says_who_says_so(
    reading: Reading,
) -> None:
    reading.check(reading.default)
    assert reading.sources
    assert reading.is_seconds or len(reading.values) > 1
    assert not reading.is_seconds or reading.default == "0"  # nobody waits who did not ask


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("moon=full", "'moon' is none of the readings task-cache-uri, "),
        ("task-order=sideways", "reading task-order: 'sideways' is none of any, oldest-first"),
        ("task-order", "reading task-order: '' is none of"),
        ("log-delay=soon", "reading log-delay: 'soon' is no number of seconds"),
        ("log-delay=-1", "-1 is no number of seconds"),
        ("log-delay=inf", "inf is no number of seconds"),
    ],
)
def test_a_reading_that_is_none_is_refused_with_those_there_are(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parsed(text)


def test_a_server_takes_readings_of_a_file_as_if_each_were_an_option(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_server_options(parser)
    file = tmp_path / "readings.json"
    file.write_text('{"task-home": "root", "log-delay": 2.5}')
    given = parser.parse_args(["--readings", str(file), "--reading", "task-home=unset"])
    found = ServerOptions.of(given).readings
    assert (found["task-home"], found["log-delay"]) == ("unset", "2.5")  # the last one counts
    assert ServerOptions.of(parser.parse_args([])).readings == DEFAULTS
    assert mean_the_same(
        ["--readings", str(file)], ["--reading=task-home=root", "--reading=log-delay=2.5"]
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"task-home": "moon"}', "reading task-home: 'moon' is none of"),
        ('{"task-house": "root"}', "'task-house' is none of the readings"),
        ("[]", "has no object"),
        ("{", "is no JSON"),
        (None, "cannot read"),
    ],
)
def test_a_file_of_readings_that_is_none_is_refused(
    text: str | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "readings.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_file(path)


def test_a_server_takes_readings_as_options() -> None:
    parser = argparse.ArgumentParser()
    add_server_options(parser)
    options = ServerOptions.of(parser.parse_args(["--reading", "task-order=newest-first"]))
    assert options.readings == {**DEFAULTS, "task-order": "newest-first"}
    assert ServerOptions.of(parser.parse_args([])).readings == readings([])
    assert not mean_the_same(["--reading", "run-lag=1"], [])


def test_a_run_may_be_dynamic_where_it_does_not_say(other: Clients, other_workflow: str) -> None:
    run = other.start(other_workflow, "ok")
    assert other.omics.get_run(id=run)["storageType"] == "DYNAMIC"


def test_parameters_and_templates_may_be_larger(other: Clients, other_workflow: str) -> None:
    other.start_with(other_workflow, {"how": "x" * 200_000})
    with pytest.raises(other.omics.exceptions.ValidationException, match="more than 256000"):
        other.start_with(other_workflow, {"how": "x" * 256_000})
    template = {f"p{i}": {"description": "x" * 240, "optional": True} for i in range(1000)}
    size = len(json.dumps(template))
    assert size < 400_000
    other.active_workflow(parameterTemplate=template)


def test_a_template_and_a_zip_may_be_larger(fake: Clients, other: Clients) -> None:
    template = {f"p{i}": {"optional": True} for i in range(1001)}
    zip = zipped(main=WDL)
    large = zip + bytes(4_200_000 - len(zip))
    invalid = fake.omics.exceptions.ValidationException
    with pytest.raises(invalid, match="more than 1000 entries"):
        fake.omics.create_workflow(definitionZip=zip, parameterTemplate=template)
    with pytest.raises(invalid, match="larger than 4194304 bytes"):
        fake.omics.create_workflow(definitionZip=large)
    other.active_workflow(parameterTemplate=template)
    other.omics.create_workflow(definitionZip=large)


def test_the_run_of_the_highest_number_starts_first(other: Clients, other_workflow: str) -> None:
    group = other.omics.create_run_group(maxRuns=1)["id"]
    first = other.start(other_workflow, "wait", runGroupId=group)
    other.until(first, "RUNNING")
    low = other.start(other_workflow, "ok", runGroupId=group, priority=1)
    high = other.start(other_workflow, "ok", runGroupId=group, priority=9)
    other.omics.cancel_run(id=first)
    ends = [other.until(run, "COMPLETED")["startTime"] for run in (high, low)]
    assert ends == sorted(ends)


def test_a_run_may_be_stopping_for_a_while_and_its_logs_late(
    other: Clients, other_workflow: str
) -> None:
    run = other.start(other_workflow, "ok")
    other.until(run, "COMPLETED")
    [task] = other.omics.list_run_tasks(id=run)["items"]
    until(lambda: [line for line in other.lines(f"run/{run}") if "RUN_COMPLETED" in line])
    events = other.logs.get_log_events(
        logGroupName="/aws/omics/WorkflowLog", logStreamName=f"run/{run}", startFromHead=True
    )["events"]
    at = {json.loads(event["message"])["logMessage"]: event["timestamp"] for event in events}
    assert at["RUN_COMPLETED"] - at["STOPPING_RUN"] >= 1000 * float(OTHERS["stop-seconds"])
    assert other.first_line(f"run/{run}/task/{task['taskId']}") == "said by one"


def test_a_run_may_not_be_known_at_once(tmp_path: Path, fake_engine: list[str]) -> None:
    service = local.start(tmp_path, engine=fake_engine, options=["--reading", "run-lag=3600"])
    clients = connect(service)
    run = clients.start(clients.active_workflow(parameterTemplate=TEMPLATE), "ok")
    for ask in (clients.omics.get_run, clients.omics.list_run_tasks):
        with pytest.raises(clients.omics.exceptions.ResourceNotFoundException):
            ask(id=run)
    until(lambda: clients.omics.list_runs(status="COMPLETED")["items"])
    with closing(sqlite3.connect(tmp_path / "omics.sqlite")) as documents, documents:
        documents.execute(
            "UPDATE item SET body = json_set(body, '$.creationTime', '2026-01-01T00:00:00.000Z')"
            " WHERE kind = 'run'"
        )
    assert clients.omics.get_run(id=run)["status"] == "COMPLETED"
    service.stop()


@pytest.mark.parametrize(("whole", "covers"), [(True, False), (False, True)])
def test_a_prefix_may_end_within_a_name(whole: bool, covers: bool) -> None:
    mapping = {
        "upstreamRegistryUrl": "quay.io",
        "upstreamRepositoryPrefix": "bio",
        "ecrRepositoryPrefix": "quay",
    }
    registries = RegistryMap.of(
        {"registryMappings": [mapping]}, "123456789012", "us-east-1", whole_segments=whole
    )
    found = registries.resolve("quay.io/biocontainers/samtools:1")
    assert found is not None
    assert (found.source is not None) == covers


def test_a_long_line_may_be_cut(tmp_path: Path) -> None:
    """In pieces, as a file grows: what comes before the line's end is lost as well."""
    said, out = tmp_path / "stdout.txt", io.StringIO()
    with TaskLog(EventStream(out), 1, [str(said)], cut=True) as log, said.open("w") as file:
        for text in ("short\n" + "x" * 300_000, "y" * 300_000, "z\nnext\n"):
            file.write(text)
            file.flush()
            log.poll()
    lines = [
        text for event in out.getvalue().splitlines() for _, text in json.loads(event)["lines"]
    ]
    assert [line[:5] for line in lines] == ["short", "xxxxx", "next"]
    assert set(lines[1]) == {"x"}


@pytest.mark.parametrize("most", ["100000000", "104857600"])
def test_a_definition_in_s3_may_be_as_large_as_the_reading_says(most: str, tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    objects = SimpleNamespace(
        has_bucket=lambda _: True, region=lambda _: "us-east-1", file=lambda *_: source
    )
    context: Any = SimpleNamespace(objects=objects, readings=readings([("zip-bytes", most)]))
    uri = {"definitionUri": "s3://bucket/source.zip"}
    for more, is_taken in ((0, True), (1, False)):
        with source.open("wb") as file:
            file.truncate(int(most) + more)  # without a block on the disk
        archive = tmp_path / f"archive-{more}.zip"
        with nullcontext() if is_taken else pytest.raises(ValidationFault, match=f"than {most} b"):
            _place_definition(context, uri, "definitionUri", archive)
        assert archive.exists() == is_taken
