"""Quotas and rates: none unless asked for, one by one or as the service has them by default."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import local_healthomics as local
from local_healthomics.errors import QuotaExceeded, Throttled
from local_healthomics.protocol.rest_json import Protocol
from local_healthomics.quotas import RATES, RESOURCES, Quotas, add_quota_options

from .conftest import TEMPLATE, WDL, Clients, connect, signing, zipped

Limited = Callable[..., Clients]


@pytest.fixture
def limited(tmp_path: Path, fake_engine: list[str]) -> Iterator[Limited]:
    """Start a server with options."""
    services: list[local.LocalService] = []

    def begin(*options: str) -> Clients:
        services.append(local.start(tmp_path / "state", engine=fake_engine, options=options))
        return connect(services[-1])

    yield begin
    for service in services:
        service.stop()


def test_each_resource_has_a_quota(limited: Limited) -> None:
    clients = limited(
        "--quota=workflows=1",
        "--quota=versions=1",
        "--quota=runGroups=1",
        "--quota=runCaches=1",
        "--quota=runs=1",
    )
    omics, full = clients.omics, clients.omics.exceptions.ServiceQuotaExceededException
    workflow = clients.active_workflow(parameterTemplate=TEMPLATE)
    clients.start(workflow)
    definition = zipped(main=WDL)
    omics.create_workflow_version(workflowId=workflow, versionName="a", definitionZip=definition)
    omics.create_run_group()
    omics.create_run_cache(cacheS3Location="s3://omics-local/c")
    for one_more in (
        lambda: omics.create_workflow(definitionZip=definition),
        lambda: omics.create_workflow_version(
            workflowId=workflow, versionName="b", definitionZip=definition
        ),
        lambda: omics.create_run_group(),
        lambda: omics.create_run_cache(cacheS3Location="s3://omics-local/c"),
        lambda: clients.start(workflow),
    ):
        with pytest.raises(full) as caught:
            one_more()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402


def test_room_is_made_by_deleting(limited: Limited) -> None:
    omics = limited("--quota=runGroups=1").omics
    first = omics.create_run_group()["id"]
    with pytest.raises(omics.exceptions.ServiceQuotaExceededException):
        omics.create_run_group()
    omics.delete_run_group(id=first)
    omics.create_run_group()


def test_a_request_above_the_rate_is_throttled_and_botocore_asks_again(limited: Limited) -> None:
    service = limited("--rate=ListRuns=0.001").service
    twice = {"mode": "standard", "total_max_attempts": 2}
    patient = boto3.client(
        "omics",
        **signing(service),
        config=Config(inject_host_prefix=False, retries=twice),
    )
    patient.list_runs()
    with pytest.raises(patient.exceptions.ThrottlingException) as caught:
        patient.list_runs()
    metadata = caught.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (429, 1)
    patient.list_run_groups()  # each operation has a rate of its own


def test_strict_mode_has_the_documented_rate_of_starting_runs(limited: Limited) -> None:
    clients = limited("--strict")
    workflow = clients.active_workflow(parameterTemplate=TEMPLATE)
    clients.start(workflow)
    with pytest.raises(ClientError, match="ThrottlingException"):
        clients.start(workflow)


def test_what_is_asked_for_by_name_goes_before_the_defaults() -> None:
    strict = Quotas.of(strict=True, resources={"runs": 2}, rates={"GetRun": 3})
    assert strict.resources == {**RESOURCES, "runs": 2}
    assert strict.rates == {**RATES, "GetRun": 3}
    assert (Quotas.of().resources, Quotas.of().rates) == ({}, {})


def test_a_rate_lets_a_seconds_worth_through_at_once_and_then_as_time_goes() -> None:
    now = [0.0]
    quotas = Quotas(rates={"GetRun": 2, "StartRun": 0.1}, _clock=lambda: now[0])

    def through(operation: str, account: str = "1") -> int:
        for count in range(100):
            try:
                quotas.ask(account, operation)
            except Throttled:
                return count
        return 100

    assert through("GetRun") == 2
    assert through("GetRun", account="2") == 2
    now[0] = 0.5
    assert through("GetRun") == 1
    now[0] = 60
    assert through("GetRun") == 2
    assert through("StartRun") == 1
    now[0] = 69
    assert through("StartRun") == 0
    now[0] = 70
    assert through("StartRun") == 1
    assert through("ListRuns") == 100


def test_a_quota_counts_only_when_it_is_in_force() -> None:
    Quotas().room("runs", lambda: pytest.fail("counted"))
    with pytest.raises(QuotaExceeded, match="quota of 0 runs"):
        Quotas(resources={"runs": 0}).room("runs", lambda: 0)


def test_every_rate_is_of_an_operation_of_the_model() -> None:
    assert set(RATES) <= set(Protocol().model.operation_names)


@pytest.mark.parametrize(
    "option",
    [
        "--quota=dogs=1",
        "--quota=runs",
        "--quota=runs=-1",
        "--quota=runs=x",
        "--rate=Bark=1",
        "--rate=GetRun=0",
        "--rate=GetRun=nan",
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_quota_options(parser)
    with pytest.raises(argparse.ArgumentError):
        parser.parse_args([option])


def test_every_operation_can_be_given_a_rate() -> None:
    parser = argparse.ArgumentParser()
    add_quota_options(parser)
    assert parser.parse_args(["--rate=StartRunBatch=0.5"]).rate == [("StartRunBatch", 0.5)]
