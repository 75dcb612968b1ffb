"""The head under other readings of AWS's documents, when runs fail and heads die.

`tests/workflows` has the readings of what goes well.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Case, Standing, case_on, stand
from .proxy import Fault, Proxy, after, before, edited, half_way, shuffled
from .test_faults import MADE, check, check_files

READINGS = [
    ("task-cache-uri=always",),
    ("cache-entries=task-end",),
    ("task-cache-uri=always", "cache-entries=task-end"),
    ("cache-after-cancel=nothing",),
    ("outputs-summary=absent", "task-order=newest-first"),
    ("outputs-form=list", "task-order=oldest-first"),
    ("run-lag=2",),
    ("log-delay=4",),
    ("start-seconds=3", "stop-seconds=4", "task-start-seconds=1"),
]


@pytest.fixture(scope="module", params=READINGS, ids=" ".join)
def read(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Standing, tuple[str, ...]]]:
    """A service of these readings."""
    options = [f"--reading={reading}" for reading in request.param]
    found = stand(tmp_path_factory.mktemp("read"), *options)
    yield found, request.param
    found.local.stop()


@pytest.fixture
def case(read: tuple[Standing, tuple[str, ...]], proxy: Proxy, tmp_path: Path) -> Case:
    return case_on(read[0], proxy, tmp_path)


@pytest.mark.slow
def test_a_run_that_fails_leaves_what_it_finished(case: Case) -> None:
    """In one run, with its log, and the next one has no more to do than what failed."""
    case.set("flag.txt", "bad\n")
    check(case.call(Fault("omics:ListRunTasks", edited(shuffled))), 1, ("gathering", "gather"))
    assert {name: case.files.get(name) for name in MADE} == MADE
    assert len(case.ledger.runs) == 1
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    check_files(case)
    assert not case.ledger.twice


@pytest.mark.slow
def test_a_run_that_fails_while_nobody_looks_tells_its_failure(case: Case) -> None:
    case.set("flag.txt", "bad\n")
    case.call(Fault("omics:StartRun", after(case.kill)))
    _ended(case)
    check(case.call(), 1, ("gathering", "gather", "failed while nobody followed it"))
    assert {name: case.files.get(name) for name in MADE} == MADE
    assert case.ledger.statuses == ["FAILED"]
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    check_files(case)
    assert not case.ledger.twice


@pytest.mark.slow
def test_killed_while_the_run_works_and_while_results_come(case: Case) -> None:
    case.call(Fault("omics:ListRunTasks", after(case.kill), (2,)))
    case.call(Fault("s3:GetObject", half_way(case.kill), (3,)))
    check(case.call(), 0)
    check_files(case)
    assert not case.ledger.twice
    assert len(case.ledger.runs) == 1


@pytest.mark.slow
def test_cancelled_and_called_again_at_once(
    case: Case, read: tuple[Standing, tuple[str, ...]]
) -> None:
    """The run that stops, which takes its time, is none to attach to."""
    case.options = ("--config", "seconds=600")

    def send() -> None:
        case.head.signal(signal.SIGINT)

    ended = case.call(Fault("omics:ListRunTasks", before(send), (3,)))
    assert not ended.hung, ended.text
    assert ended.code != 0
    check(case.call(Fault("omics:StartRun", after(case.kill))), -9)
    case.options = ()
    check(case.call(), 0)
    check_files(case)
    assert not case.ledger.twice
    for run in case.ledger.runs:
        if run["status"] in ("PENDING", "STARTING", "RUNNING"):
            case.service.client("omics").cancel_run(id=run["id"])


def _ended(case: Case) -> None:
    tick = threading.Event()
    for _ in range(1200):
        if case.ledger.statuses == ["FAILED"]:
            return
        tick.wait(0.1)
    raise AssertionError("the run goes on")
