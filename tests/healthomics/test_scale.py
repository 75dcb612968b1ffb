"""What must not slow down with a thousand workflows and ten thousand runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_healthomics.arn import ACCOUNT
from local_healthomics.store.documents import Store
from local_healthomics.store.paging import page

RUNS = 2_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(tmp_path_factory.mktemp("store") / "omics.sqlite")
    with made.transaction():
        for number in range(RUNS):
            made.add(
                "run",
                {
                    "name": f"run-{number % 10}",
                    "status": "COMPLETED" if number % 2 else "FAILED",
                    "runGroupId": str(number % 5),
                    "batchId": str(number % 4),
                },
                parent=str(number % 3),
            )
    yield made
    made.close()


FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "by parent": {"parent": "1"},
    "by name": {"name": "run-3"},
    "by status": {"statuses": ["FAILED"]},
    "by run group": {"where": {"runGroupId": "3"}},
    "by batch": {"where": {"batchId": "3"}},
    "by run group and status": {"where": {"runGroupId": "3"}, "statuses": ["FAILED"]},
}


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("filters", FILTERS.values(), ids=list(FILTERS))
def test_a_page_is_found_by_an_index_and_never_sorted(
    store: Store, filters: dict[str, Any], newest_first: bool
) -> None:
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    store.rows(
        "run", account=ACCOUNT, after=RUNS // 2, limit=100, newest_first=newest_first, **filters
    )
    store._db.set_trace_callback(None)
    [plan] = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]
    assert plan.startswith("SEARCH item USING INDEX")
    assert "seq<?" in plan or "seq>?" in plan  # begins where the page before has ended


@pytest.mark.parametrize("filters", FILTERS.values(), ids=list(FILTERS))
def test_pages_together_hold_every_document_once(store: Store, filters: dict[str, Any]) -> None:
    found: list[int] = []
    token: dict[str, Any] = {}
    while True:
        answer = page(store, "run", {"maxResults": 37, **token}, account=ACCOUNT, **filters)
        found += [int(item["id"]) for item in answer["items"]]
        if "nextToken" not in answer:
            break
        token = {"startingToken": answer["nextToken"]}
    expected = [int(row.body["id"]) for row in store.rows("run", account=ACCOUNT, **filters)]
    assert found == expected[::-1]


def test_the_indexes_of_a_folder_of_before_become_those_of_now(tmp_path: Path) -> None:
    def indexes(store: Store) -> dict[str, str]:
        found = store._db.execute("SELECT name, sql FROM sqlite_master WHERE type='index'")
        return {name: sql for name, sql in found if sql}

    store = Store(tmp_path / "omics.sqlite")
    of_now = indexes(store)
    for name, sql in of_now.items():
        store._db.execute(f"DROP INDEX {name}")
        store._db.execute(sql.partition("WHERE")[0])
    store._db.execute("PRAGMA user_version=2")
    store.close()
    store = Store(tmp_path / "omics.sqlite")
    of_now.pop("item_idle")  # which was as it is
    assert indexes(store).items() >= of_now.items()
    store.close()


def test_documents_made_by_many_threads_have_ids_of_their_own(tmp_path: Path) -> None:
    store, ids = Store(tmp_path / "omics.sqlite"), list[str]()

    def make() -> None:
        ids.extend(store.add("run", {})["id"] for _ in range(50))

    threads = [threading.Thread(target=make) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1000
    store.close()
