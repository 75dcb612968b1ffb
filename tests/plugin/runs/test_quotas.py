"""By which quotas of the account a graph is spread over runs, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.cost.quotas import Quotas
from snakemake_executor_omics.errors import SettingsError
from snakemake_executor_omics.graph.waves import cut
from snakemake_executor_omics.model import JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.runs.journal import Journal
from snakemake_executor_omics.runs.quotas import ask_quotas, known_quotas, quotas_before
from snakemake_executor_omics.settings.options import Options, StorageType

OPTIONS = Options(role_arn="r", output_uri="s3://b/o", workflow_name="w")
STATIC, DYNAMIC, TASKS = "L-A30FD31B", "L-BE38079A", "L-25504C8C"
DENIED = ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListServiceQuotas")


class Account:
    """Service Quotas, which answers in pages with what it has, or raises."""

    def __init__(
        self, values: dict[str, Any] | None = None, error: Exception | None = None
    ) -> None:
        self.values, self.error, self.asked = values or {}, error, 0

    def connect(self) -> Services:
        self.asked += 1
        return cast(Services, SimpleNamespace(client=lambda name, region: self))

    def get_paginator(self, name: str) -> Account:
        assert name == "list_service_quotas"
        return self

    def paginate(self, **query: Any) -> Iterator[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        for code, value in self.values.items():
            yield {"Quotas": [{"QuotaCode": code, "Value": value}]}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal.sqlite")
    yield made
    made.close()


def test_what_the_account_has_is_asked_and_remembered(journal: Journal, tmp_path: Path) -> None:
    account = Account({STATIC: 100.0, DYNAMIC: 300.0, TASKS: 200.0, "L-0": 1.0})
    found = ask_quotas(journal, OPTIONS, account.connect, in_flight=False)
    assert (found.active_runs, found.tasks_per_run) == (300, 200)
    assert str(found).endswith(f"(Service Quotas, {found.told})")
    static = replace(OPTIONS, storage_type=StorageType.STATIC)
    assert known_quotas(journal, static).active_runs == 100
    assert quotas_before(tmp_path / "journal.sqlite", OPTIONS) == found
    assert quotas_before(tmp_path / "none.sqlite", OPTIONS) == Quotas()
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize(
    "error",
    [
        DENIED,
        EndpointConnectionError(endpoint_url="https://servicequotas.xx-1.amazonaws.com"),
        SettingsError("no such service in this region"),
        KeyError("odd"),
    ],
)
def test_an_account_that_does_not_tell_has_the_documented_defaults(
    journal: Journal, error: Exception
) -> None:
    found = ask_quotas(journal, OPTIONS, Account(error=error).connect, in_flight=False)
    assert (found.active_runs, found.tasks_per_run, found.told) == (10, 25, None)
    assert str(found).endswith("(documented defaults)")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "many"])
def test_a_value_that_makes_no_sense_is_the_documented_default(
    journal: Journal, value: Any
) -> None:
    account = Account({DYNAMIC: value, TASKS: 25.0})
    found = ask_quotas(journal, OPTIONS, account.connect, in_flight=False)
    assert (found.active_runs, found.tasks_per_run) == (10, 25)


def test_with_runs_in_flight_what_was_told_before_their_start_holds(journal: Journal) -> None:
    ask_quotas(journal, OPTIONS, Account({DYNAMIC: 20.0}).connect, in_flight=False)
    account = Account({DYNAMIC: 3.0})
    assert ask_quotas(journal, OPTIONS, account.connect, in_flight=True).active_runs == 20
    assert account.asked == 0
    assert ask_quotas(journal, OPTIONS, account.connect, in_flight=False).active_runs == 3
    assert known_quotas(journal, replace(OPTIONS, region="eu-west-1")) == Quotas()
    ask_quotas(journal, OPTIONS, Account(error=DENIED).connect, in_flight=False)
    assert known_quotas(journal, OPTIONS) == Quotas()


def _wide(jobs: int) -> Wave:
    keys = [JobKey("a", (("n", str(number)),), (f"{number}",)) for number in range(jobs)]
    steps = [Step(key=key, command="true", outputs=(OutputFile(key.outputs[0]),)) for key in keys]
    return Wave(tuple(Task(key=step.key, layers=((step,),), container="x/y:1") for step in steps))


def test_the_account_is_not_asked_for_what_one_run_carries_or_the_user_has_decided() -> None:
    def asked() -> Quotas:
        raise AssertionError("nobody has to know")

    assert len(cut(_wide(199), OPTIONS, quotas=asked).runs) == 1
    assert len(cut(_wide(300), replace(OPTIONS, parallel_runs=3), quotas=asked).runs) == 3


@pytest.mark.parametrize(
    ("quotas", "runs"),
    [
        (Quotas(), 10),
        (Quotas(active_runs=2), 2),
        (Quotas(active_runs=30), 12),  # fewer than 100 tasks are not worth a run
        (Quotas(active_runs=30, tasks_per_run=400), 3),  # one run lets more of them work
    ],
)
def test_so_many_runs_are_made_as_the_account_lets_work(quotas: Quotas, runs: int) -> None:
    many = replace(OPTIONS, max_tasks_per_run=10_000)
    assert len(cut(_wide(1_200), many, quotas=lambda: quotas).runs) == runs


def test_a_quota_that_changes_leaves_the_jobs_of_runs_in_flight_where_they_are() -> None:
    wave, many = _wide(1_200), replace(OPTIONS, max_tasks_per_run=10_000)
    left = cut(wave, many, quotas=lambda: Quotas(active_runs=4)).runs[:2]  # others: not started
    again = cut(wave, many, left, quotas=lambda: Quotas(active_runs=50))
    assert again.runs[:2] == left
    assert sorted(key for run in again.runs for key in run) == sorted(wave.parents)
