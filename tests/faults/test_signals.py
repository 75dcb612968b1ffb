"""What a head that is told to end does with its run, and what the same command finds then.

SIGINT, SIGTERM and SIGHUP each ask for the end: the run is cancelled, the head ends in time with
a status that is none of success and leaves no lock. Once more means at once.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass

import pytest

from .conftest import Case
from .proxy import Answer, Fault, Forward, Request, before, over_quota, stalled, unavailable
from .test_faults import check, check_end

LONG = ("--config", "seconds=600")
ENDED = ("CANCELLED", "STOPPING")


@dataclass(frozen=True)
class Asked:
    """These signals, one with each listing of the tasks from the second on."""

    signals: tuple[signal.Signals, ...]
    dense: bool = False
    to_mend: str = ""


ASKED = [
    Asked((signal.SIGINT,), dense=True),
    Asked((signal.SIGTERM,), dense=True),
    Asked((signal.SIGHUP,)),
    Asked((signal.SIGINT, signal.SIGINT)),
    Asked((signal.SIGTERM, signal.SIGTERM)),
]


def params() -> list[object]:
    found = []
    for asked in ASKED:
        marks = [] if asked.dense else [pytest.mark.slow]
        if asked.to_mend:
            marks.append(pytest.mark.xfail(strict=True, reason=asked.to_mend))
        name = "-".join(number.name for number in asked.signals)
        found.append(pytest.param(asked, id=name, marks=marks))
    return found


def signalled(case: Case, signals: tuple[signal.Signals, ...], *faults: Fault) -> str:
    """A call that gets these signals while its run works; what it said."""
    left = list(signals)

    def send() -> None:
        if left:
            case.head.signal(left.pop(0))

    later = range(2, 100)
    # The first comes with a look at the run, the others with the request to cancel it.
    head = case.begin(
        *faults,
        Fault("omics:ListRunTasks", before(send), (2,)),
        Fault("omics:CancelRun", before(send)),
        Fault("omics:GetRun", before(lambda: None), later),
    )
    code = head.wait()
    assert not head.hung, head.text
    assert code != 0, head.text
    assert code not in (-9, -14), head.text
    assert "Traceback (most recent call last)" not in head.text
    return head.text


@pytest.mark.parametrize("asked", params())
def test_a_signal_cancels_the_run_and_the_next_call_starts_anew(case: Case, asked: Asked) -> None:
    case.options = LONG
    said = signalled(case, asked.signals)
    [run] = case.ledger.runs
    assert f"cancelling run {run['id']}" in said
    assert not list(case.folder.glob(".snakemake/locks/*")), "a stale lock"
    assert run["status"] in ENDED
    case.options = ()
    assert case.call().code == 0
    check_end(case, 2)


@pytest.mark.slow
def test_a_signal_ends_the_head_also_when_the_service_is_gone(case: Case) -> None:
    """What cannot be cancelled is named, with how to."""
    case.options = LONG
    said = signalled(case, (signal.SIGINT,), Fault("omics:CancelRun", unavailable))
    [run] = case.ledger.runs
    assert f"cannot cancel run {run['id']}" in said
    case.service.client("omics").cancel_run(id=run["id"])


@pytest.mark.slow
def test_detached_the_run_goes_on(case: Case) -> None:
    case.options = ("--omics-on-interrupt", "detach", "--config", "seconds=5")
    said = signalled(case, (signal.SIGINT,))
    [run] = case.ledger.runs
    assert run["id"] in said
    assert run["status"] not in ENDED
    assert case.call().code == 0
    check_end(case, 1)


@pytest.mark.slow
def test_a_signal_ends_the_embedded_service_with_the_head(embedded: Case) -> None:
    embedded.options = LONG
    signalled(embedded, (signal.SIGINT,))
    assert not (embedded.folder / ".snakemake/omics/local/server.json").exists()
    embedded.options = ()
    assert embedded.call().code == 0
    check_end(embedded, 2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_quota_that_never_has_room(
    case: Case, number: signal.Signals
) -> None:
    def refused(request: Request, forward: Forward) -> Answer | None:
        case.head.signal(number)
        return over_quota(request, forward)

    head = case.begin(Fault("omics:StartRun", refused, (3,)), Fault("omics:StartRun", over_quota))
    code = head.wait()
    case.unlock()
    assert not head.hung, head.text
    assert code not in (0, -9, -14), head.text
    assert "quota" in head.text
    assert "Traceback (most recent call last)" not in head.text
    assert not case.ledger.runs
    assert case.call().code == 0
    check_end(case, 1)


@pytest.mark.slow
def test_a_signal_while_results_come_leaves_them_for_the_next_call(case: Case) -> None:
    """The run is done: nothing of it is to be cancelled, and nothing runs again."""

    def send() -> None:
        case.head.signal(signal.SIGINT)

    head = case.begin(Fault("s3:GetObject", before(send), (2,)), Fault("s3:GetObject", stalled(1)))
    code = head.wait()
    assert not head.hung, head.text
    assert code not in (-9, -14), head.text
    assert "Traceback (most recent call last)" not in head.text
    assert case.call().code == 0
    check_end(case, 1)


@pytest.mark.slow
def test_a_head_that_was_stopped_goes_on_where_it_was(case: Case) -> None:
    """As when a laptop sleeps while its run works, and is done when it wakes."""
    done = threading.Event()

    def sleep() -> None:
        case.head.signal(signal.SIGSTOP)
        for _ in range(600):
            if case.ledger.statuses == ["COMPLETED"]:
                break
            done.wait(0.2)
        case.head.signal(signal.SIGCONT)

    ended = case.call(Fault("omics:ListRunTasks", before(sleep), (2,)), limit=180)
    check(ended, 0)
    check_end(case, 1)
