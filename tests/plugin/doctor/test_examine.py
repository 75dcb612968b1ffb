"""The doctor in an account of moto's: what it asks, what stops a run, and that nothing ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.doctor import examine
from snakemake_executor_omics.doctor.findings import Finding, State
from snakemake_executor_omics.errors import OmicsError, SettingsError
from snakemake_executor_omics.settings.checking import resolve
from snakemake_executor_omics.settings.options import Options

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:role/Run"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "omics.amazonaws.com"},
                   "Action": "sts:AssumeRole"}],
}  # fmt: skip
OPTIONS = resolve(SimpleNamespace(role_arn=ARN, output_uri="s3://bucket/p"), project="p")
NOTHING = frozenset[str]()


class Simulating:
    """IAM of moto, with the simulation that it lacks; `denied` are actions that it would refuse."""

    def __init__(self, iam: Any, denied: dict[str, str], error: Exception | None = None) -> None:
        self._iam, self._denied, self._error = iam, denied, error
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iam, name)

    def get_paginator(self, name: str) -> Any:
        assert name == "simulate_principal_policy"
        return self

    def paginate(self, **query: Any) -> Iterator[dict[str, Any]]:
        if self._error is not None:
            raise self._error
        self.asked.append(query)
        yield {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": self._denied.get(action, "allowed")}
                for action in query["ActionNames"]
            ]
        }


@pytest.fixture
def account(services: Services) -> Callable[..., Services]:
    """An account that is ready, in which IAM simulates, but for what a test takes from it."""
    services.s3.create_bucket(Bucket="bucket")
    iam = services.client("iam", None)
    iam.create_role(RoleName="Run", AssumeRolePolicyDocument=json.dumps(TRUST))

    def make(denied: dict[str, str] | None = None, error: Exception | None = None) -> Services:
        others = {"iam": Simulating(iam, denied or {}, error), "service-quotas": Broken(refuse)}
        return replace(
            services,
            client=lambda name, region: (
                others[name] if name in others else services.client(name, region)
            ),
        )

    return make


def states(found: list[Finding]) -> dict[str, State]:
    return {one.name: one.state for one in found}


def before(services: Services, options: Options = OPTIONS) -> dict[str, State]:
    return states(examine.before_a_start(services, options))


def test_an_account_that_is_ready_has_nothing_wrong_before_a_start(
    account: Callable[..., Services],
) -> None:
    assert before(account()) == dict.fromkeys(
        ["credentials", "clock", "bucket", "role", "trust", "role's rights"], State.FINE
    )


@pytest.mark.parametrize("decision", ["implicitDeny", "explicitDeny"])
def test_a_role_that_may_not_write_stops_a_run(
    account: Callable[..., Services], decision: str
) -> None:
    assert before(account({"s3:PutObject": decision}))["role's rights"] is State.WRONG


def test_a_right_that_the_buckets_policy_may_give_stops_nothing(
    account: Callable[..., Services],
) -> None:
    services = account({"s3:PutObject": "implicitDeny"})
    services.s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Statement": []}))
    assert before(services)["role's rights"] is State.UNKNOWN


def test_where_iam_does_not_simulate_the_rights_cannot_be_told(
    account: Callable[..., Services],
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied"}}, "SimulatePrincipalPolicy")
    assert before(account(error=denied))["role's rights"] is State.UNKNOWN


def test_a_role_and_a_bucket_that_are_not_there_are_told_at_once(
    account: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "connect", lambda *_, **__: account())
    other = replace(OPTIONS, role_arn=f"{ARN}2", output_uri="s3://none/p")
    with pytest.raises(OmicsError, match=r"(?s)bucket none.*role/Run2.*mend.*setup --deploy"):
        examine.refuse_a_bad_start(other)
    examine.refuse_a_bad_start(OPTIONS)


def test_a_network_without_sts_and_iam_stops_nothing(account: Callable[..., Services]) -> None:
    def client(name: str, region: str | None) -> Any:
        raise EndpointConnectionError(endpoint_url=f"https://{name}.x")

    services = replace(account(), client=lambda *args: Broken(client))
    assert State.WRONG not in before(services).values()


class Broken:
    """A client each of whose calls raises."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: self._call(name, None)


def refuse(name: str, region: str | None) -> Any:
    raise ClientError({"Error": {"Code": "ExpiredToken"}}, name)


class Nonsense:
    """A client that answers every call with something of a wrong form."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: self if name in ("get_paginator", "paginate") else self._answer

    def __iter__(self) -> Iterator[Any]:
        yield self._answer


@pytest.mark.parametrize("answer", [None, {}, [], "text", {"items": 3, "Role": 3, "Rules": None}])
def test_whatever_a_service_answers_the_doctor_goes_on(answer: Any) -> None:
    client: Any = Nonsense(answer)
    services = Services(client, client, client, "us-east-1", client=lambda *_: client)
    found = list(examine.everything(services, OPTIONS, NOTHING, None))
    assert found[0].name == "credentials"
    assert {"bucket", "logs", "run cache", "run group"} <= states(found).keys()


def test_everything_of_a_ready_account_has_a_line(
    account: Callable[..., Services], omics: Stubber
) -> None:
    omics.add_response("list_runs", {"items": []}, {"maxResults": 1})
    omics.add_response("list_run_caches", {"items": []})
    omics.add_response("list_run_groups", {"items": []})
    omics.add_response("list_runs", {"items": []})
    found = list(examine.everything(account(), OPTIONS, NOTHING, None))
    assert State.WRONG not in states(found).values()
    assert states(found)["your rights"] is State.FINE
    assert {"region", "trust", "bucket's owner", "encryption", "logs"} <= states(found).keys()


def test_a_user_without_pass_role_is_told_so(
    account: Callable[..., Services], omics: Stubber
) -> None:
    for name in ("list_runs", "list_run_caches", "list_run_groups", "list_runs"):
        omics.add_client_error(name, "AccessDeniedException", http_status_code=403)
    services = account({"iam:PassRole": "implicitDeny"})
    found = states(list(examine.everything(services, OPTIONS, NOTHING, None)))
    assert found["your rights"] is State.WRONG
    assert found["region"] is State.WRONG
    assert found["run cache"] is State.WRONG


def test_without_credentials_nothing_else_is_asked() -> None:
    client: Any = Broken(refuse)
    services = Services(client, client, client, "us-east-1", client=lambda *_: client)
    found = states(list(examine.everything(services, OPTIONS, NOTHING, None)))
    assert found == {"credentials": State.WRONG, "clock": State.UNKNOWN, "account": State.UNKNOWN}


def test_settings_that_are_wrong_are_not_looked_for_in_the_account(
    account: Callable[..., Services], omics: Stubber
) -> None:
    for name in ("list_runs", "list_run_caches", "list_run_groups", "list_runs"):
        omics.add_response(name, {"items": []})
    wrong = frozenset({"role_arn", "output_uri"})
    found = states(list(examine.everything(account(), OPTIONS, wrong, None)))
    assert not {"role", "bucket"} & found.keys()


def test_this_machine_is_looked_at_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = SimpleNamespace(role_arn=ARN, output_uri="s3://bucket/p")
    machine = examine.on_this_machine(settings, tmp_path)
    assert states(machine.findings)["AWS profile"] is State.WRONG  # no region
    machine = examine.on_this_machine(
        SimpleNamespace(**vars(settings), region="us-east-1"), tmp_path
    )
    assert State.WRONG not in states(machine.findings).values()
    settings.container_registry_map = "none.json"
    machine = examine.on_this_machine(settings, tmp_path)
    assert states(machine.findings)["registry map"] is State.WRONG


def test_a_setting_that_leaves_no_options_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = SettingsError("--omics-x: no", setting="x")
    monkeypatch.setattr(examine, "resolve_all", lambda *_, **__: (None, [error]))
    machine = examine.on_this_machine(SimpleNamespace(), tmp_path)
    assert machine.options is None
    assert states(machine.findings)["settings"] is State.WRONG
