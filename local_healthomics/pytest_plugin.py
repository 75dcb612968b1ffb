"""The pytest fixture `local_healthomics`: a service for the tests of a session.

pytest loads this module in every session of an environment that has the package: what is heavy is
imported by the fixture only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .service import LocalService

_OPTIONS = "local_healthomics_options"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(_OPTIONS, "options of the local HealthOmics (--strict, …)", "args", default=[])


@pytest.fixture(scope="session")
def local_healthomics(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalService]:
    """A local HealthOmics with a state of its own, stopped when the session ends."""
    from .service import running

    state = tmp_path_factory.mktemp("local-healthomics")
    with running(state, options=request.config.getini(_OPTIONS)) as service:
        yield service
