"""What survives a head that died."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from snakemake_executor_omics.errors import JournalError
from snakemake_executor_omics.model import JobKey
from snakemake_executor_omics.runs.journal import Journal, Start
from snakemake_executor_omics.settings.options import Place


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def test_a_plan_has_one_entry_until_its_run_has_ended(journal: Journal) -> None:
    first = journal.open("plan")
    assert first.is_new
    journal.started(first, "77")
    again = journal.open("plan")
    assert (again.request_id, again.run_id, again.is_new) == (first.request_id, "77", False)
    journal.ended("77")
    assert journal.open("plan").request_id != first.request_id


def test_a_token_that_leads_to_a_dead_run_is_dropped(journal: Journal) -> None:
    first = journal.open("plan", "mine")
    journal.drop(first)
    second = journal.open("plan", "mine")
    assert second.is_new
    assert {first.request_id, second.request_id} == {"mine-plan", "mine-plan-1"}


def test_what_is_written_is_there_for_the_next_head(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    key = JobKey("up", (("s", "b"),), ("up/b.txt",))
    before = Journal(path)
    before.open("plan")
    before.remember_failures([(key, "1"), (key, "2")])
    before.remember_durations({key: 7.0})
    before.remember_durations({key: 5.5})
    before.close()
    after = Journal(path)
    assert not after.open("plan").is_new
    assert after.failures() == {key: "2"}
    assert after.durations() == {key: 5.5}
    after.close()


@pytest.mark.parametrize("content", [b"no database at all, but text", b"SQLite format 3\0rest"])
def test_a_damaged_journal_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"cannot use the journal .*\n.*move the file away"):
        Journal(path)


def test_a_foreign_database_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE run (name TEXT, plan TEXT, ended INTEGER)")
    other.commit()
    other.close()
    with pytest.raises(JournalError, match="cannot use the journal"):
        Journal(path)


def test_runs_in_flight_are_those_that_were_started_here_and_not_recorded(
    journal: Journal,
) -> None:
    for run_id in ("77", "78"):
        journal.started(journal.open(f"plan {run_id}"), run_id)
        journal.remember_start(Start(run_id, f"plan {run_id}", Place(), run_id, ".", ()))
    journal.ended("77")
    assert [start.run_id for start in journal.in_flight()] == ["78"]


def test_a_run_is_found_by_jobs_that_it_has_until_it_has_ended(journal: Journal) -> None:
    journal.started(journal.open("plan"), "77")
    journal.carries("77", ["a", "b", "c"])
    journal.delivered("77", [("a.txt", "12ab", "a a.txt")])
    assert journal.carrying({"b", "c"}) == ["77"]
    assert journal.carrying({"b", "d"}) == []
    assert journal.results() == {"a.txt": ("12ab", "a a.txt")}
    journal.ended("77")
    assert journal.carrying({"b"}) == []
    assert journal.results() == {}


def _write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    _write(path, "PRAGMA user_version = 1000")
    with pytest.raises(JournalError, match="newer version"):
        Journal(path)


def test_rows_that_make_no_sense_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    _write(
        path,
        "INSERT INTO failure VALUES ('no JSON', '1')",
        "INSERT INTO start (run_id, plan, told) VALUES ('1', 'plan', '{}')",
    )
    for read in (journal.failures, journal.starts):
        with pytest.raises(JournalError, match="move the file away"):
            read()
    journal.close()


def test_a_journal_that_was_removed_or_is_locked_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal._db.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match=r"locked\nhint: another process uses it"):
            journal.open("plan")
    path.unlink()
    with pytest.raises(JournalError, match=r"was removed .*\nhint: call Snakemake again"):
        journal.open("plan")
    journal.close()


def test_two_heads_that_open_a_plan_at_once_have_one_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journals = [Journal(path) for _ in range(4)]
    with ThreadPoolExecutor(len(journals)) as pool:
        entries = list(pool.map(lambda journal: journal.open("plan"), journals))
    assert len({entry.request_id for entry in entries}) == 1
    assert sum(entry.is_new for entry in entries) == 1
    for journal in journals:
        journal.close()


def test_others_than_the_run_of_a_plan_in_flight(journal: Journal) -> None:
    journal.started(journal.open("plan"), "1")
    journal.ended("1")
    journal.started(journal.open("plan"), "2")
    journal.started(journal.open("other"), "3")
    journal.open("third")
    assert journal.others("plan") == {"1", "3"}
