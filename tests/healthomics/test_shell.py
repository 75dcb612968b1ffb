"""What `local env` makes of a shell's variables, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_clients import sourced

from local_healthomics import LocalService
from local_healthomics.shell import enter, leave

SERVICE = LocalService(
    endpoint_url="http://127.0.0.1:8000",
    state=Path("/state"),
    pid=1,
    secret_access_key="its secret",
)
THEIRS = {
    "PATH": "/usr/bin:/bin",
    "AWS_PROFILE": "work",
    "AWS_SESSION_TOKEN": 'it\'s "theirs"',
    "AWS_ENDPOINT_URL_S3": "http://minio:9000",
    "AWS_REGION": "eu-west-1",
    "HTTPS_PROXY": "http://corporate:3128",
    "http_proxy": "http://corporate:3128",
    "NO_PROXY": "127.0.0.1,.corporate",
}
VOLATILE = {"_", "SHLVL", "PWD"}


def entered(environment: dict[str, str]) -> dict[str, str]:
    return sourced(enter(SERVICE, environment), environment)


def test_clients_are_led_to_the_service() -> None:
    ours = entered(THEIRS)
    assert (
        ours["AWS_ENDPOINT_URL"]
        == ours["HTTP_PROXY"]
        == ours["http_proxy"]
        == ("http://127.0.0.1:8000")
    )
    assert (ours["AWS_ACCESS_KEY_ID"], ours["AWS_REGION"]) == (SERVICE.account, "us-east-1")
    assert ours["AWS_SECRET_ACCESS_KEY"] == "its secret"
    assert (ours["OMICS_ROLE_ARN"], ours["OMICS_OUTPUT_URI"]) == (
        SERVICE.role_arn,
        SERVICE.default_output_uri,
    )
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & ours.keys()
    assert ours["HTTPS_PROXY"] == "http://corporate:3128"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("127.0.0.1,.corporate", ".corporate,localhost"),
        ("localhost, example.com", "localhost,example.com"),
        ("*", "localhost"),
        ("127.0.0.1:8000,127.0.0.1:9000", "127.0.0.1:9000,localhost"),
        ("0.1", "localhost"),
        ("", "localhost"),
    ],
)
def test_no_exception_of_the_user_leads_past_the_proxy(theirs: str, ours: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        environment = entered({"PATH": THEIRS["PATH"], name: theirs})
        assert environment["no_proxy"] == environment["NO_PROXY"] == ours


def test_unset_gives_everything_back() -> None:
    ours = entered(entered(THEIRS))  # twice, as another server may have come up
    back = sourced(leave(ours), ours)
    assert {k: v for k, v in back.items() if k not in VOLATILE} == THEIRS


def test_unset_does_nothing_where_nothing_was_set() -> None:
    assert leave(THEIRS) == ""
