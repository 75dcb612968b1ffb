"""Documents are kept whole or not at all, in their order, and found by what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_healthomics.errors import ValidationFault
from local_healthomics.store.documents import Store
from local_healthomics.store.paging import page


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "omics.sqlite")
    yield made
    made.close()


def test_a_document_gets_a_number_that_no_other_had(store: Store) -> None:
    first = store.add("run", {"name": "a"})["id"]
    store.delete("run", first)
    ids = [first, store.add("run", {})["id"], store.new_id(), store.add("group", {})["id"]]
    assert len(set(ids)) == 4
    assert all(len(id) == 7 for id in ids)


def test_a_document_is_read_as_it_was_changed(store: Store) -> None:
    id = store.add("run", {"name": "a", "deep": {"b": [1, None]}}, account="1" * 12)["id"]
    store.update("run", id, {"status": "FAILED", "name": None})
    assert store.get("run", id) == {
        "id": id,
        "name": None,
        "deep": {"b": [1, None]},
        "status": "FAILED",
        "account": "1" * 12,
    }


def test_what_is_gone_cannot_be_changed(store: Store) -> None:
    assert store.get("run", "7") is None
    with pytest.raises(KeyError, match="run 7"):
        store.update("run", "7", {})


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    kept = store.add("run", {"n": 1})["id"]

    def change() -> None:
        with store.transaction():
            store.update("run", kept, {"n": 2})
            with store.transaction():
                store.add("run", {"n": 3})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert store.count("run") == 1
    document = store.get("run", kept)
    assert document is not None
    assert document["n"] == 1
    store.add("run", {})  # and the next one is as any other
    assert store.count("run") == 2


def test_documents_outlive_their_store(tmp_path: Path) -> None:
    first = Store(tmp_path / "omics.sqlite")
    id = first.add("run", {"name": "a"})["id"]
    first.remember("StartRun", "token", "digest", {"id": id})
    first.close()
    second = Store(tmp_path / "omics.sqlite")
    assert second.get("run", id) is not None
    assert second.answered("StartRun", "token") == ("digest", {"id": id})
    assert second.answered("StartRun", "other") is None
    assert second.add("run", {})["id"] != id
    second.close()


@pytest.mark.parametrize(
    ("asked", "want"),
    [
        ({}, "abcd"),
        ({"newest_first": True}, "dcba"),
        ({"limit": 2}, "ab"),
        ({"name": "a"}, "a"),
        ({"statuses": ["DONE", "NEW"]}, "abd"),
        ({"parent": "p"}, "bd"),
        ({"account": "2" * 12}, "c"),
        ({"where": {"tag": "x"}}, "ac"),
        ({"where": {"tag": ["x", "y"]}}, "abc"),
        ({"where": {"deep.n": "1"}}, "b"),
        ({"since": {"tag": "y"}}, "b"),
        ({"until": {"tag": "x"}}, "ac"),
        ({"without": [{"tag": "x"}, {"name": "d", "tag": "y"}]}, "bd"),
        ({"order_by": "rank"}, "dcba"),
    ],
)
def test_documents_are_found_by_what_they_hold(
    store: Store, asked: dict[str, Any], want: str
) -> None:
    store.add("x", {"name": "a", "status": "DONE", "tag": "x", "rank": 4})
    store.add(
        "x", {"name": "b", "status": "NEW", "tag": "y", "deep": {"n": "1"}, "rank": 3}, parent="p"
    )
    store.add("x", {"name": "c", "status": "OLD", "tag": "x", "rank": 2}, account="2" * 12)
    store.add("x", {"name": "d", "status": "NEW", "rank": 1}, parent="p")
    store.add("other", {"name": "e"})
    assert "".join(row.body["name"] for row in store.rows("x", **asked)) == want


def test_a_member_of_another_form_is_no_query(store: Store) -> None:
    for member in ("a'b", "a b", "", "a-b"):
        with pytest.raises(ValueError, match="no member"):
            store.rows("x", where={member: "1"})


def test_states_are_counted(store: Store) -> None:
    for status in ("DONE", "DONE", "NEW"):
        store.add("run", {"status": status, "batchId": "1"}, parent="p")
    store.add("run", {"status": "NEW", "batchId": "2"})
    assert store.tally("run", "batchId", "1") == {"DONE": 2, "NEW": 1}
    assert store.exists("run", "batchId", "2", ["NEW"])
    assert not store.exists("run", "batchId", "2", ["DONE"])
    assert store.count("run", "p") == 3
    assert len(store.keys("run", ["NEW"])) == 2
    store.delete_children("run", "p")
    assert store.count("run") == 1


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(0, 12),
    size=st.integers(1, 5),
    newest=st.booleans(),
    change=st.sampled_from(["none", "add", "delete"]),
)
def test_pages_hold_every_document_once_whatever_happens_between_them(
    store: Store, count: int, size: int, newest: bool, change: str
) -> None:
    store.delete_children("x", "p")
    ids = [store.add("x", {}, parent="p")["id"] for _ in range(count)]
    seen: list[str] = []
    asked: dict[str, Any] = {"maxResults": size}
    for _ in range(count + 3):  # a page more than there can be
        answer = page(store, "x", asked, account="123456789012", newest_first=newest)
        seen += [item["id"] for item in answer["items"]]
        assert len(answer["items"]) <= size
        if "nextToken" not in answer:
            break
        asked["nextToken"] = answer["nextToken"]
        if change == "add":
            store.add("x", {}, parent="p")
            change = "none"
        elif change == "delete":
            store.delete("x", seen[-1])
    else:
        pytest.fail("the pages have no end")
    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "y"},
        {"account": "2" * 12},
        {"key": "runs"},
        {"params": {"name": "b"}},
        {"params": {"name": "a", "status": "NEW"}},
    ],
)
def test_a_token_is_of_one_query_only(store: Store, other: dict[str, Any]) -> None:
    for _ in range(3):
        store.add("x", {})
    asked = {"kind": "x", "params": {"name": "a", "maxResults": 1}, "account": "123456789012"}

    def get(**query: Any) -> dict[str, Any]:
        return page(store, query.pop("kind"), query.pop("params"), **query)

    token = get(**asked)["nextToken"]
    asked["params"] = {**asked["params"], "startingToken": token, "maxResults": 2}
    assert len(get(**asked)["items"]) == 2
    changed = {**asked, **other}
    changed["params"] = {**changed["params"], "startingToken": token}
    with pytest.raises(ValidationFault, match="startingToken belongs to another listing"):
        get(**changed)


@pytest.mark.parametrize("token", ["", "x", "W10=", "e30=", "WyJhIiwgIjEiXQ==", "\u00e9"])
def test_a_text_that_is_no_token_is_refused(store: Store, token: str) -> None:
    with pytest.raises(ValidationFault, match="nextToken"):
        page(store, "x", {"nextToken": token}, account="123456789012")
