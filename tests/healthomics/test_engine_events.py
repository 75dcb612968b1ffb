"""What an engine says at one time is written down together, and only then answered."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_healthomics.arn import ACCOUNT
from local_healthomics.runs.engine_events import Active, EngineEvents
from local_healthomics.runs.engine_process import EngineProcess, by_command
from local_healthomics.runs.pool import Pool
from local_healthomics.store.documents import Store

AT = "2026-01-01T00:00:00.000Z"


class Engine:
    """Takes what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.told.append(message)


class Logs:
    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def log(self, lines: Mapping[str, Sequence[tuple[int, str]]], account: str) -> None:
        for stream, some in lines.items():
            self.lines.setdefault(stream, []).extend(text for _, text in some)

    def forget_log(self, stream: str, account: str) -> None:
        self.lines.pop(stream, None)


class Bench:
    """A run in a store of its own, whose engine says what a test lets it."""

    def __init__(self, path: Path, logs: Logs) -> None:
        self.store, self.logs, self.engine = Store(path), logs, Engine()
        run = self.store.add("run", {"status": "STARTING", "logLevel": "ALL"})
        engine: Any = self.engine
        self.active = Active(
            id=run["id"],
            folder=path.parent,
            account=ACCOUNT,
            storage="DYNAMIC",
            group=None,
            log_level="ALL",
            cache_stream="",
            engine=engine,
        )
        self._events = EngineEvents(self.store, logs, Pool(cpus=2, memory_gib=8), {})

    def hear(self, *events: Mapping[str, Any]) -> None:
        self._events.record(self.active, events)

    def tasks(self) -> list[dict[str, Any]]:
        return [row.body for row in self.store.rows("task", parent=self.active.id)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "omics.sqlite", Logs())
    yield made
    made.store.close()


def task(key: int, status: str, **more: Any) -> dict[str, Any]:
    return {"event": "task", "at": AT, "key": key, "name": f"t{key}", "status": status, **more}


def said(key: int, text: str) -> dict[str, Any]:
    return {"event": "log", "stream": "task", "key": key, "lines": [[1, text]]}


def acquire(key: int) -> dict[str, Any]:
    return {"event": "acquire", "key": key, "cpus": 1, "memory_gib": 1, "gpus": 0}


def life(key: int) -> list[dict[str, Any]]:
    """All that is said of a task that goes well, and what its cache entry adds after its end."""
    of_it = {"cpus": 2, "memory_gib": 4, "gpus": 0, "image": "x/y:1"}
    return [
        task(key, "PENDING", **of_it),
        acquire(key),
        task(key, "STARTING", **of_it),
        task(key, "RUNNING", **of_it),
        said(key, f"begun {key}"),
        said(key, f"done {key}"),
        task(key, "STOPPING", exit_code=0, **of_it),
        {"event": "release", "key": key},
        task(key, "COMPLETED", exit_code=0, **of_it),
        task(key, "COMPLETED", exit_code=0, cache_s3_uri=f"s3://b/{key}", **of_it),
    ]


def stopped(key: int) -> list[dict[str, Any]]:
    return [
        task(key, "PENDING"),
        acquire(key),
        task(key, "RUNNING"),
        said(key, "begun"),
        {"event": "release", "key": key},
        task(key, "CANCELLED"),
    ]


STORY = [
    {"event": "run", "status": "RUNNING", "at": AT},
    *[event for steps in zip(life(1), life(2), strict=True) for event in steps],
    *stopped(3),
]


def found(bench: Bench) -> Any:
    """What is known of the run at the end, with names in place of ids that are random."""
    names = {one["id"]: one["name"] for one in bench.tasks()}
    names |= {one["uuid"]: f"uuid of {one['name']}" for one in bench.tasks()}
    names[bench.active.id] = "R"
    seen = json.dumps([bench.tasks(), bench.logs.lines, bench.engine.told])
    for id, name in names.items():
        seen = seen.replace(id, name)
    return json.loads(seen)


@given(st.sets(st.integers(1, len(STORY) - 1)))
def test_it_is_the_same_however_much_is_heard_at_one_time(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int]
) -> None:
    ends: list[Any] = []
    for where in (range(1, len(STORY)), sorted(cuts)):
        bench = Bench(tmp_path_factory.mktemp("bench") / "omics.sqlite", Logs())
        for begin, end in zip((0, *where), (*where, len(STORY)), strict=True):
            bench.hear(*STORY[begin:end])
        assert not bench.active.open
        ends.append(found(bench))
        bench.store.close()
    assert ends[0] == ends[1]


def test_a_state_is_seen_when_the_lines_before_it_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "omics.sqlite"
    seen: list[list[str]] = []

    class Looking(Logs):
        def log(self, lines: Mapping[str, Sequence[tuple[int, str]]], account: str) -> None:
            with closing(sqlite3.connect(path)) as other:
                query = "SELECT status FROM item WHERE kind='task'"
                seen.append([status for (status,) in other.execute(query)])
            super().log(lines, account)

    bench = Bench(path, Looking())
    bench.hear(task(1, "PENDING"), task(1, "RUNNING"))
    bench.hear(said(1, "last words"), task(1, "COMPLETED"))
    assert seen == [[], ["RUNNING"]]
    assert [one["status"] for one in bench.tasks()] == ["COMPLETED"]
    bench.store.close()


def test_what_cannot_be_written_is_not_answered(bench: Bench, monkeypatch: Any) -> None:
    bench.hear(task(1, "PENDING"))

    def full(lines: Any, account: str) -> None:
        raise OSError("no room")

    monkeypatch.setattr(bench.logs, "log", full)
    with pytest.raises(OSError, match="no room"):
        bench.hear(task(1, "STARTING"), acquire(1))
    assert [one["status"] for one in bench.tasks()] == ["PENDING"]
    assert not bench.engine.told


@pytest.mark.parametrize("end", ["\n", ""])
def test_lines_of_any_length_are_heard_whole_and_in_order(tmp_path: Path, end: str) -> None:
    says = [{"event": str(number), "text": "x" * number**3} for number in (1, 70, 2, 3, 60, 4)]
    lines = tmp_path / "lines"
    lines.write_text("\n\n".join(map(json.dumps, says)) + end)
    copies = "import shutil, sys; shutil.copyfileobj(open('lines'), sys.stdout)"
    engine = EngineProcess(by_command([sys.executable, "-c", copies]), tmp_path, {})
    assert [event for events in engine.events() for event in events] == says
    engine.close_input()
    assert engine.wait(60) == 0
