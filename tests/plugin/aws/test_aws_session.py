"""Which addresses are asked, and with whose credentials, as docs/aws.md says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.utils import parse_timestamp

from snakemake_executor_omics.aws.account_facts import who_calls
from snakemake_executor_omics.aws.session import Services, _undocumented, connect, moment
from snakemake_executor_omics.doctor.checks import credentials
from snakemake_executor_omics.doctor.examine import ask
from snakemake_executor_omics.doctor.findings import State
from snakemake_executor_omics.errors import AccessDenied

PAGE = Path(__file__).parents[3] / "docs/aws.md"
SERVICES = ("omics", "s3", "logs", "ecr", "sts", "iam")


class Sent(Exception):
    """What a request would have gone to."""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DISABLE_HOST_PREFIX_INJECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def _address(services: Services, name: str) -> str:
    ours = {"omics": services.omics, "s3": services.s3, "logs": services.logs}
    client = ours.get(name) or services.client(name, None)
    return str(client.meta.endpoint_url)


def _asks(services: Services) -> str:
    """The host of a request to HealthOmics."""

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        raise Sent(re.sub(r"https?://([^/:]+).*", r"\1", request.url))

    services.omics.meta.events.register("before-send", stop)
    with pytest.raises(Sent) as sent:
        services.omics.list_runs()
    return str(sent.value)


def test_an_endpoint_of_ours_is_that_of_every_service() -> None:
    services = connect("us-east-1", endpoint_url="http://127.0.0.1:9")
    assert {_address(services, name) for name in SERVICES} == {"http://127.0.0.1:9"}
    assert _asks(services) == "127.0.0.1"


VARIABLES = {
    "omics": "AWS_ENDPOINT_URL_OMICS",
    "s3": "AWS_ENDPOINT_URL_S3",
    "logs": "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "ecr": "AWS_ENDPOINT_URL_ECR",
    "sts": "AWS_ENDPOINT_URL_STS",
    "iam": "AWS_ENDPOINT_URL_IAM",
}


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_a_variable_of_its_own(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, private = VARIABLES[service], f"https://vpce-1.{service}.example"
    assert f"`{variable}`" in PAGE.read_text()
    monkeypatch.setenv(variable, private)
    services = connect("us-east-1")
    found = {name: _address(services, name) for name in SERVICES}
    assert found.pop(service) == private
    assert all(address.endswith(".amazonaws.com") for address in found.values())


@pytest.mark.parametrize(("disabled", "host"), [(None, "workflows-vpce-1.x"), ("true", "vpce-1.x")])
def test_an_endpoint_of_healthomics_has_no_prefix_where_that_is_said(
    disabled: str | None, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_OMICS", "https://vpce-1.x")
    if disabled:
        monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", disabled)
    assert _asks(connect("us-east-1")) == host


def test_aws_itself_is_asked_under_its_own_name() -> None:
    assert _asks(connect("us-east-1")) == "workflows-omics.us-east-1.amazonaws.com"


def test_a_profile_may_assume_a_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from moto import mock_aws

    (tmp_path / "config").write_text(
        "[profile lab]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
        "[profile runs]\nrole_arn = arn:aws:iam::123456789012:role/Runs\n"
        "source_profile = lab\nregion = eu-west-2\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with mock_aws(config={"core": {"mock_credentials": False}}):
        services = connect(profile="runs")
        assert services.region == "eu-west-2"
        assert ":assumed-role/Runs/" in who_calls(services).arn


SSO = """
[sso-session lab]
sso_start_url = https://lab.awsapps.com/start
sso_region = us-east-1
[profile lab]
sso_session = lab
sso_account_id = 123456789012
sso_role_name = Workflows
region = us-east-1
"""


@pytest.mark.parametrize("config", [SSO, "[profile lab]\nregion = us-east-1\n"])
def test_who_has_not_signed_in_is_told_how(
    config: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("HOME", str(tmp_path))  # where a token of SSO would be
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    services = connect(profile="lab", in_a_hurry=True)
    answer = ask(who_calls, services)
    assert isinstance(answer, AccessDenied)
    finding = credentials(answer)
    assert finding.state is State.WRONG
    assert "aws sso login" in finding.mend


@pytest.mark.parametrize(("in_a_hurry", "seconds"), [(False, 60), (True, 5)])
def test_what_can_be_done_without_is_asked_in_seconds(in_a_hurry: bool, seconds: int) -> None:
    services = connect("us-east-1", in_a_hurry=in_a_hurry)
    made: Callable[..., object] = services.client
    for client in (services.omics, made("iam", None)):
        assert client.meta.config.read_timeout == seconds  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-29T07:05:27Z",
        "2026-11-29T07:05:27.123Z",
        "2026-11-29T07:05:27.123456+00:00",
        "2026-11-29T07:05:27+02:00",
        "20261129T070527Z",
        "2026-11-29T07:05:27",
        "Sun, 29 Nov 2026 07:05:27 GMT",
        "Sun, 29 Nov 2026 07:05:27 -0000",
        "Sunday, 29-Nov-26 07:05:27 GMT",
        "1764399927",
        "1764399927.25",
        1764399927,
        0.5,
    ],
)
def test_a_time_is_read_as_botocore_reads_it(told: object) -> None:
    assert moment(told) == parse_timestamp(told)


def test_what_is_no_time_is_refused_as_by_botocore() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        moment("yesterday")


def test_clients_know_the_service_by_its_model_without_its_documents() -> None:
    services = connect("us-east-1", endpoint_url="http://127.0.0.1:9")
    model = services.omics.meta.service_model
    assert {"StartRun", "ListRunTasks"} <= set(model.operation_names)
    assert not model.operation_model("StartRun").documentation
    # A member of that name is none of these.
    assert "documentation" in _undocumented([("documentation", {"shape": "Text"})])
    assert services.client("ecr", None).get_waiter("image_scan_complete")
