"""What happens around a head between two of its steps: somebody deletes, changes, restarts.

Every scenario ends as those of `test_faults`: the same command, once nothing is in its way,
succeeds with every file right.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import BUCKET, Case
from .proxy import Fault, Proxy, after, before, of
from .test_faults import check, check_end, check_files

Deed = Callable[[Case], None]


def _objects(case: Case, *, below: str) -> list[str]:
    """Keys of the case's objects that have a part `below` in them."""
    s3 = case.service.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"out/{case.name}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return [key for key in keys if below in key]


def _delete_a_result(case: Case) -> None:
    for key in _objects(case, below="/runs/"):
        if key.endswith("upper.txt"):
            case.service.client("s3").delete_object(Bucket=BUCKET, Key=key)


def _delete_all_results(case: Case) -> None:
    s3 = case.service.client("s3")
    for key in _objects(case, below="/runs/"):
        s3.delete_object(Bucket=BUCKET, Key=key)


def _write_a_result_again(case: Case) -> None:
    """The same content, as another object."""
    s3 = case.service.client("s3")
    [key, *_] = [key for key in _objects(case, below="/runs/") if key.endswith("upper.txt")]
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"ONE\nTWO\n")


def _delete_inputs(case: Case) -> None:
    s3 = case.service.client("s3")
    for key in _objects(case, below="/inputs/"):
        s3.delete_object(Bucket=BUCKET, Key=key)


def _workflow(case: Case) -> tuple[Any, str]:
    omics = case.service.client("omics")
    [workflow] = omics.list_workflows(name=case.name)["items"]
    return omics, workflow["id"]


def _delete_versions(case: Case) -> None:
    omics, workflow = _workflow(case)
    for version in omics.list_workflow_versions(workflowId=workflow)["items"]:
        omics.delete_workflow_version(workflowId=workflow, versionName=version["versionName"])


def _delete_workflow(case: Case) -> None:
    omics, workflow = _workflow(case)
    _delete_versions(case)
    omics.delete_workflow(id=workflow)


def _delete_state(case: Case) -> None:
    shutil.rmtree(case.folder / ".snakemake/omics")


def _delete_snakemake(case: Case) -> None:
    shutil.rmtree(case.folder / ".snakemake")


@dataclass(frozen=True)
class Scenario:
    """`deed` happens before the `call`-th request for `operation`; the first call ends with `code`
    and says what matches `says`. `runs` is how many runs may have been started in the end, and
    `gone` is what is no more: Snakemake does not need it again.
    """

    name: str
    operation: str
    call: int
    deed: Deed
    code: int = 0
    says: tuple[str, ...] = ()
    runs: tuple[int, ...] = (1,)
    gone: tuple[str, ...] = ()


NOWHERE = ("rule upper", "its files are not below")
SCENARIOS = [
    Scenario(
        "a result is deleted before it is listed",
        *("s3:ListObjectsV2", 1, _delete_a_result, 1, NOWHERE),
        gone=("upper.txt",),
    ),
    Scenario(
        "a result is deleted before it comes",
        *("s3:GetObject", 1, _delete_a_result, 1, NOWHERE),
        gone=("upper.txt",),
    ),
    Scenario(
        "all results are deleted",
        *("s3:ListObjectsV2", 1, _delete_all_results, 1, NOWHERE, (2,)),
    ),
    Scenario("a result is written again", "s3:GetObject", 2, _write_a_result_again),
    Scenario(
        "inputs are deleted before the run starts",
        *("omics:StartRun", 1, _delete_inputs, 1, (), (1, 2)),
    ),
    Scenario(
        "the version is deleted before the run starts",
        *("omics:StartRun", 1, _delete_versions, 1, ("version",)),
    ),
    Scenario(
        "the workflow is deleted before the run starts",
        *("omics:StartRun", 1, _delete_workflow, 1, ("orkflow",)),
    ),
    Scenario(
        "the version is deleted while the run works", "omics:ListRunTasks", 2, _delete_versions
    ),
    Scenario(
        "the workflow is deleted while the run works", "omics:ListRunTasks", 2, _delete_workflow
    ),
    Scenario(
        "the state is deleted while the run works",
        *("omics:ListRunTasks", 2, _delete_state, 1, (), (1, 2)),
    ),
    Scenario(
        "all that Snakemake remembers is deleted while the run works",
        *("omics:ListRunTasks", 2, _delete_snakemake, 1, (), (1, 2)),
    ),
    Scenario(
        "the state is deleted before the run starts",
        *("omics:StartRun", 1, _delete_state, 1, ("call Snakemake again",), (1, 2)),
    ),
    Scenario(
        "the state is deleted while results come",
        *("s3:GetObject", 3, _delete_state, 1, (), (1, 2)),
    ),
]


def params(scenarios: Sequence[Scenario]) -> list[object]:
    return [
        pytest.param(s, id=s.name.replace(" ", "-"), marks=[pytest.mark.slow]) for s in scenarios
    ]


@pytest.mark.parametrize("scenario", params(SCENARIOS))
def test_what_others_do_meanwhile(case: Case, scenario: Scenario) -> None:
    def act() -> None:
        scenario.deed(case)

    fault = Fault(scenario.operation, before(act), (scenario.call,))
    if scenario.deed is _delete_a_result and scenario.operation == "s3:GetObject":
        # Of that object: others may come before it.
        done = case.call(Fault(scenario.operation, of("upper.txt", before(act))))
    else:
        done = case.call(fault)
    check(done, scenario.code, scenario.says)
    if scenario.code:
        check(case.call(), 0)
    check_files(case, without=scenario.gone)
    assert len(case.ledger.runs) in scenario.runs


# --- the journal ------------------------------------------------------------------------------


def _journal(case: Case) -> Path:
    return case.folder / ".snakemake/omics/journal.sqlite"


def _empty(case: Case) -> None:
    _journal(case).write_bytes(b"")


def _cut(case: Case) -> None:
    path = _journal(case)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _foreign(case: Case) -> None:
    _journal(case).write_bytes(b"This is no database.\n" * 1000)


def _older(case: Case) -> None:
    """One of a version whose table had other columns."""
    _journal(case).unlink()
    with closing(sqlite3.connect(_journal(case))) as db, db:
        db.execute("CREATE TABLE run (plan TEXT, token TEXT)")


def _newer(case: Case) -> None:
    with closing(sqlite3.connect(_journal(case))) as db, db:
        db.execute("PRAGMA user_version = 1000")


def _strange_rows(case: Case) -> None:
    with closing(sqlite3.connect(_journal(case))) as db, db:
        db.execute("INSERT INTO failure VALUES ('no JSON', '1')")
        db.execute("UPDATE start SET told = '{}'")


def _folder_instead(case: Case) -> None:
    _journal(case).unlink()
    _journal(case).mkdir()


@dataclass(frozen=True)
class Damage:
    name: str
    deed: Deed
    code: int
    says: tuple[str, ...] = ()


DAMAGES = [
    Damage("gone", lambda case: _journal(case).unlink(), 0),
    Damage("empty", _empty, 0),
    Damage("cut", _cut, 1, ("cannot use the journal", "move the file away")),
    Damage("a foreign file", _foreign, 1, ("cannot use the journal", "move the file away")),
    Damage("older", _older, 1, ("cannot use the journal", "move the file away")),
    Damage("newer", _newer, 1, ("newer version",)),
    Damage("of strange rows", _strange_rows, 1, ("cannot use the journal", "move the file away")),
    Damage("a folder", _folder_instead, 1, ("cannot use the journal",)),
]


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name.replace(" ", "-"))
def test_the_journal_of_a_run_in_flight_is(case: Case, damage: Damage) -> None:
    """Told; and without it the run is found by its tag."""
    case.options = ("--config", "seconds=15")
    case.call(Fault("omics:ListRunTasks", after(case.kill), (2,)))
    damage.deed(case)
    done = case.call()
    check(done, damage.code, damage.says)
    if damage.code:
        _journal(case).rename(_journal(case).with_name("damaged"))
        check(case.call(), 0)
    check_end(case, 1)


@pytest.mark.slow
def test_the_journal_is_locked_by_another_process(case: Case) -> None:
    case.call(Fault("omics:ListRunTasks", after(case.kill), (2,)))
    with closing(sqlite3.connect(_journal(case))) as db:
        db.execute("BEGIN EXCLUSIVE")
        done = case.call()
    check(done, 1, ("another process"))
    check(case.call(), 0)
    check_end(case, 1)


# --- two heads --------------------------------------------------------------------------------


def _beside(case: Case, folder: Path) -> Case:
    """The same project in another folder."""
    other = Case(folder, case.name, Proxy(), case.variables, case.read_ledger, case.service)
    other.options = case.options
    return other


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False], ids=["in-one-folder", "in-two-checkouts"])
def test_two_heads_at_once_start_one_run(case: Case, same: bool, tmp_path: Path) -> None:
    case.options = ("--nolock",)
    if same:
        other = _beside(case, case.folder)
    else:
        shutil.copytree(case.folder, tmp_path / "elsewhere" / case.name)
        other = _beside(case, tmp_path / "elsewhere" / case.name)
    # Both have looked for a run in flight when the first one starts it.
    both = threading.Barrier(2, timeout=60)
    faults = Fault("omics:StartRun", before(both.wait), (1,))
    heads = [one.begin(faults) for one in (case, other)]
    codes = [head.wait() for head in heads]
    other.proxy.close()
    for head in heads:
        assert not head.hung, head.text
        assert "Traceback" not in head.text, head.text
    if same:
        # Without Snakemake's lock each may take a result from under the other's hands.
        assert set(codes) <= {0, 1}
        check(case.call(), 0)
    else:
        assert codes == [0, 0], "\n".join(head.text for head in heads)
    check_files(other)
    check_files(case)
    ledger = case.ledger
    assert ledger.statuses.count("CANCELLED") <= 1, "the one that gave way"
    assert len(ledger.runs) - ledger.statuses.count("CANCELLED") == 1
    assert not ledger.twice
