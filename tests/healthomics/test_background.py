"""Work after an answer: done once, begun again by the next server, told if it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import SECONDS, until

from local_healthomics.background import Background
from local_healthomics.errors import ValidationFault
from local_healthomics.store.documents import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "omics.sqlite")
    yield made
    made.close()


def _ended(store: Store, id: str) -> dict[str, Any]:
    return until(
        lambda: store.get("job", id) or {},
        lambda document: document["status"] not in ("SUBMITTED", "IN_PROGRESS"),
    )


def test_what_a_server_left_is_taken_up_in_its_account(store: Store) -> None:
    left = store.add("job", {"status": "IN_PROGRESS"}, account="2" * 12)["id"]
    done = store.add("job", {"status": "COMPLETED"})["id"]
    background: Background[str] = Background(store)

    def work(account: str, document: dict[str, Any]) -> None:
        store.update("job", document["id"], {"status": "COMPLETED", "by": account})

    background.begin(str, {"job": work})
    assert _ended(store, left)["by"] == "2" * 12
    background.close()
    assert "by" not in (store.get("job", done) or {})


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValidationFault("no such file"), "no such file"),
        (ZeroDivisionError("x"), "internal error: ZeroDivisionError('x')"),
    ],
)
def test_a_failure_stands_in_the_document(store: Store, error: Exception, says: str) -> None:
    background: Background[str] = Background(store)

    def work(account: str, document: dict[str, Any]) -> None:
        raise error

    background.begin(str, {"job": work})
    id = store.add("job", {"status": "SUBMITTED"})["id"]
    background.submit("job", id)
    assert _ended(store, id)["statusMessage"] == says
    background.close()


def test_what_is_asked_for_meanwhile_is_done_afterwards_by_the_same(store: Store) -> None:
    background: Background[str] = Background(store)
    going, together = threading.Event(), threading.Event()
    at_work: list[int] = []
    done: list[int] = []

    def work(account: str, document: dict[str, Any]) -> None:
        at_work.append(1)
        going.set()
        together.wait(SECONDS)
        done.append(len(at_work))
        at_work.pop()
        if len(done) == 2:
            store.update("job", document["id"], {"status": "COMPLETED"})

    background.begin(str, {"job": work})
    id = store.add("job", {"status": "SUBMITTED"})["id"]
    background.submit("job", id)
    assert going.wait(SECONDS)
    for _ in range(3):
        background.submit("job", id)
    together.set()
    _ended(store, id)
    background.close()
    assert done == [1, 1]


def test_a_closed_server_takes_no_more_work(store: Store) -> None:
    background: Background[str] = Background(store)
    background.begin(str, {"job": lambda account, document: pytest.fail("worked")})
    background.close()
    id = store.add("job", {"status": "SUBMITTED"})["id"]
    background.submit("job", id)
    background.later("job", id, 0)
    assert background.closing
    assert (store.get("job", id) or {})["status"] == "SUBMITTED"


def test_what_is_gone_meanwhile_is_no_failure(store: Store) -> None:
    background: Background[str] = Background(store)
    background.begin(str, {"job": lambda account, document: pytest.fail("worked")})
    background.submit("job", "none")
    background.close()
    assert store.count("job") == 0
