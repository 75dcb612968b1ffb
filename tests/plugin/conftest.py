"""Clients that never leave this process: omics is stubbed, S3 and logs are moto's."""

from collections.abc import Iterator

import botocore.loaders
import pytest
from botocore.stub import Stubber

from snakemake_executor_omics.aws.session import Services, connect

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


_LOADER = botocore.loaders.create_loader()  # reads each model once for all sessions


@pytest.fixture(autouse=True)
def _one_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.create_loader", lambda *_: _LOADER)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    from moto import mock_aws  # slow to import, and most tests need none

    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield connect("us-east-1", environment=CREDENTIALS)


@pytest.fixture
def omics(services: Services) -> Iterator[Stubber]:
    with Stubber(services.omics) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
