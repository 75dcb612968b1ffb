"""The service itself goes: killed under a run, for good, or does to a run what nobody asked for."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import local_healthomics

from . import proxy
from .conftest import Case, case_embedded, case_on, stand
from .proxy import Fault, Proxy, before
from .test_faults import check, check_end

# The least patience with a service that does not answer, in minutes.
IMPATIENT = ("--omics-give-up-after", "0.1")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [proxy.broken, proxy.reset_before, proxy.expired, proxy.foreign],
    ids=["500", "reset", "expired", "portal"],
)
def test_a_service_that_is_gone_for_good_ends_the_head_and_not_the_run(
    case: Case, answer: Any
) -> None:
    """Told: which run goes on, and how to go back to it."""
    case.options = IMPATIENT
    done = case.call(
        Fault("omics:GetRun", answer, range(2, 10_000)),
        Fault("omics:ListRunTasks", answer, range(2, 10_000)),
    )
    [run] = case.ledger.runs
    check(done, 1, (run["id"],))
    assert run["status"] in ("STARTING", "RUNNING", "STOPPING", "COMPLETED")
    check(case.call(), 0)
    check_end(case, 1)


@pytest.mark.slow
def test_a_run_that_is_nowhere_ends_the_head(case: Case) -> None:
    case.options = IMPATIENT
    done = case.call(Fault("omics:GetRun", proxy.not_found))
    [run] = case.ledger.runs
    check(done, 1, (run["id"],))
    check(case.call(), 0)
    check_end(case, 1)


@pytest.mark.slow
def test_a_run_that_somebody_cancels_is_told_and_starts_anew_when_asked(case: Case) -> None:
    case.options = ("--config", "seconds=600")
    omics = case.service.client("omics")

    def cancel() -> None:
        [run] = case.ledger.runs
        omics.cancel_run(id=run["id"])

    done = case.call(Fault("omics:ListRunTasks", before(cancel), (3,)))
    check(done, 1, ("CANCELLED",))
    assert len(case.ledger.runs) == 1
    case.options = ()
    check(case.call(), 0)
    check_end(case, 2)


@pytest.mark.slow
def test_a_run_that_somebody_deletes_when_it_is_done_is_told(case: Case) -> None:
    """The results are in S3, but nobody says where."""
    omics = case.service.client("omics")
    deleted: list[str] = []

    def delete() -> None:
        for run in case.ledger.runs:
            if run["status"] == "COMPLETED" and not deleted:
                deleted.append(run["id"])
                omics.delete_run(id=run["id"])

    case.options = IMPATIENT
    done = case.call(Fault("omics:GetRun", before(delete)))
    assert not done.hung, done.text
    assert done.code == 1, done.text
    assert deleted[0] in done.text
    check(case.call(), 0)


# --- a standing service of the test's own, which is killed ------------------------------------


@dataclass(frozen=True)
class Own:
    """A service that may be killed, and started again on its port."""

    state: Path
    port: int

    def start(self) -> None:
        local_healthomics.start(self.state, port=self.port, keep=True)

    def kill(self) -> None:
        found = local_healthomics.status(self.state)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)

    def restart(self) -> None:
        self.kill()
        self.start()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    # Of its own choice it would take a port that is not free again at once.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Own(tmp_path / "own", port)
    made.start()
    yield made
    local_healthomics.stop(made.state)


@pytest.fixture
def owned(own: Own, proxy: Proxy, tmp_path: Path) -> Case:
    return case_on(stand(own.state), proxy, tmp_path)


@dataclass(frozen=True)
class Death:
    """When the service is killed and started again; the run that dies with it is done anew."""

    name: str
    operation: str
    call: int
    runs: int
    seconds: int = 0  # that its jobs take
    to_mend: str = ""


DEATHS = [
    Death("the workflow was made", "omics:GetWorkflowVersion", 1, 1),
    Death("the run works", "omics:ListRunTasks", 3, 2, seconds=5),
    Death("results are fetched", "s3:GetObject", 2, 1),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "death",
    [
        pytest.param(
            death,
            id=death.name.replace(" ", "-"),
            marks=[pytest.mark.xfail(strict=True, reason=death.to_mend)] if death.to_mend else [],
        )
        for death in DEATHS
    ],
)
def test_the_service_is_killed_and_started_again_when(owned: Case, own: Own, death: Death) -> None:
    owned.options = ("--omics-give-up-after", "1", "--config", f"seconds={death.seconds}")
    done = owned.call(Fault(death.operation, before(own.restart), (death.call,)))
    assert not done.hung, done.text
    assert "Traceback (most recent call last)" not in done.text
    check(owned.call(), 0)
    check_end(owned, death.runs)


@pytest.mark.slow
def test_the_service_is_killed_for_good_and_the_head_ends(owned: Case, own: Own) -> None:
    owned.options = (*IMPATIENT, "--config", "seconds=5")
    done = owned.call(Fault("omics:ListRunTasks", before(own.kill), (3,)))
    own.start()
    [run] = owned.ledger.runs
    check(done, 1, (run["id"],))
    check(owned.call(), 0)
    check_end(owned, 2)


@pytest.mark.slow
def test_the_service_is_stopped_for_a_while(owned: Case, own: Own) -> None:
    """It neither answers nor ends: said, and waited for."""
    found = local_healthomics.status(own.state)
    assert found is not None

    def stop() -> None:
        os.kill(found.pid, signal.SIGSTOP)
        threading.Thread(target=go_on).start()

    def go_on() -> None:
        tick = threading.Event()
        for _ in range(600):
            if "trying again" in owned.head.text or not owned.head.is_alive:
                break
            tick.wait(0.2)
        os.kill(found.pid, signal.SIGCONT)

    owned.options = ("--omics-give-up-after", "5")
    done = owned.call(Fault("omics:ListRunTasks", before(stop), (3,)), limit=240)
    check(done, 0, ("trying again",))
    check_end(owned, 1)


@pytest.mark.slow
def test_a_standing_service_comes_back_on_another_port(proxy: Proxy, tmp_path: Path) -> None:
    """The head finds it; what was in flight there is done anew."""
    case = case_embedded(proxy, tmp_path)
    state = case.folder / ".snakemake/omics/local"
    local_healthomics.start(state, keep=True)

    def move() -> None:
        found = local_healthomics.status(state)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)
        local_healthomics.start(state, keep=True)

    try:
        done = case.call(Fault("omics:ListRunTasks", before(move), (3,)), limit=240)
        check(done, 0)
        assert len(case.ledger.runs) <= 2
        check_end(case, len(case.ledger.runs))
    finally:
        local_healthomics.stop(state)
