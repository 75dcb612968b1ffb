"""Options of the whole suite, and its markers: what a test starts decides which it has."""

from __future__ import annotations

import os
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

_TESTS = Path(__file__).parent
_FOLDERS = {
    "account": "workflow",
    "clients": "service",
    "faults": "workflow",
    "workflows": "workflow",
}
# Tests of a file in these share what takes long to make: one worker does them all.
_TOGETHER = (
    "account/",
    "clients/",
    "healthomics/",
    "workflows/test_examples",
    "workflows/test_storage",
)

# Whoever asks for one of these has a local HealthOmics, or its engine, in a process of its own.
_SERVICES = {
    *("real", "fake", "starter", "fake_engine", "bench", "endpoint", "service", "shell"),
    *("standing", "embedded", "own"),
}

# Programs and modules that only a test with the marker may start.
_PROGRAMS = {
    "local-healthomics": "service",
    "local_healthomics": "service",
    "local_healthomics.cli": "service",
    "local_healthomics.definitions.cwl_check": "service",
    "local_healthomics.definitions.wdl_check": "service",
    "local_healthomics.engine": "service",
    "snakemake-omics": "service",
    "snakemake_executor_omics.cli": "service",
    "snakemake": "workflow",
}

# Examples take what the machine lets them take: no deadline.
hypothesis.settings.register_profile("suite", deadline=None, max_examples=60)
hypothesis.settings.load_profile("suite")

_running: pytest.Item | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files anew, then review them"
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and so would be whatever
    # the tests start: they would wait for ever for the end of a Snakemake that they interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.addaudithook(_guard)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in _markers(item):
            item.add_marker(marker)
        if not any(map(item.get_closest_marker, ("service", "workflow", "slow"))):
            item.add_marker("pure")


def _markers(item: pytest.Item) -> set[str]:
    found = {_FOLDERS.get(item.path.relative_to(_TESTS).parts[0], "")} - {""}
    return found | {"service"} if _SERVICES & set(getattr(item, "fixturenames", ())) else found


class _Scheduling(LoadScopeScheduling):
    """Tests go to the workers one by one, those of a file that shares something all to one.

    pytest-xdist's own marks of groups are silently without effect under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return file if file.removeprefix("tests/").startswith(_TOGETHER) else nodeid


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Most tests wait for processes half of their time; pure ones compute, and importing all that
    they need once more for a second worker costs what it saves.
    """
    return 0 if _is_pure(config) else max(4, os.cpu_count() or 1)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Nothing is imported of folders that have no pure test."""
    return True if _is_pure(config) and collection_path.name in _FOLDERS else None


def _is_pure(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "pure")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    return _Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    global _running
    _running = item
    try:
        return (yield)
    finally:
        _running = None


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail a test that starts what its markers do not say: else nobody would mark it."""
    if event != "subprocess.Popen" or _running is None:
        return
    words = [str(word) for word in arguments[1]] if isinstance(arguments[1], list | tuple) else []
    modules = [word for option, word in pairwise(words) if option == "-m"]
    for program in [Path(words[0]).name, *modules] if words else []:
        marker = _PROGRAMS.get(program)
        # A whole Snakemake may well start a service.
        if marker and not any(map(_running.get_closest_marker, (marker, "workflow"))):
            pytest.fail(f"this test starts {program}: mark it pytest.mark.{marker}")
