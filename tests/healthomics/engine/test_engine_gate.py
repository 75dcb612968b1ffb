"""A task starts when it is granted; events are whole lines; a server that is gone ends it all."""

from __future__ import annotations

import io
import json
import queue
import threading
from typing import Any

import pytest
from waiting import SECONDS, until

from local_healthomics.engine.direct import Direct
from local_healthomics.engine.events import EventStream, Inbox
from local_healthomics.engine.gate import Gate


def _said(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def _hold(gate: Gate, key: int, stopping: bool = False) -> Any:
    return gate.hold(key, cpus=1, memory_gib=2, gpus=0, stopping=lambda: stopping)


def test_a_grant_is_asked_for_held_and_given_back() -> None:
    out = io.StringIO()
    gate = Gate(EventStream(out))
    gate.grant(7, {"grant": 7, "task": "t"})
    with _hold(gate, 7) as message:
        assert message == {"grant": 7, "task": "t"}
        assert [event["event"] for event in _said(out)] == ["acquire"]
    assert _said(out) == [
        {"event": "acquire", "key": 7, "cpus": 1, "memory_gib": 2, "gpus": 0},
        {"event": "release", "key": 7},
    ]


def test_a_grant_is_for_its_own_task() -> None:
    gate = Gate(EventStream(io.StringIO()))
    held: list[int] = []

    def wait(key: int) -> None:
        with _hold(gate, key):
            held.append(key)

    waiting = threading.Thread(target=wait, args=(1,))
    waiting.start()
    gate.grant(2, {})
    wait(2)
    assert held == [2]
    gate.grant(1, {})
    waiting.join(SECONDS)
    assert held == [2, 1]


def test_whoever_waits_is_woken_when_the_run_stops() -> None:
    gate = Gate(EventStream(io.StringIO()))
    stopped = threading.Event()
    looked = threading.Event()
    held: list[Any] = []

    def stopping() -> bool:
        looked.set()
        return stopped.is_set()

    def wait() -> None:
        with gate.hold(1, cpus=1, memory_gib=2, gpus=0, stopping=stopping) as message:
            held.append(message)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert looked.wait(SECONDS)
    stopped.set()
    gate.wake()
    waiting.join(SECONDS)
    assert held == [None]


def test_whoever_waits_is_woken_when_a_signal_stops_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_healthomics.engine.gate._LOOK", 0.01)
    gate = Gate(EventStream(io.StringIO()))
    stopped = threading.Event()
    looked, held = threading.Semaphore(0), queue.SimpleQueue[Any]()

    def stopping() -> bool:
        looked.release()
        return stopped.is_set()

    def wait() -> None:
        with gate.hold(1, cpus=1, memory_gib=2, gpus=0, stopping=stopping) as message:
            held.put(message)

    gate.watch(stopped.is_set)
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert looked.acquire(timeout=SECONDS)
    stopped.set()
    assert held.get(timeout=SECONDS) is None
    waiting.join(SECONDS)


def test_a_run_that_stops_gives_back_without_a_grant() -> None:
    out = io.StringIO()
    with _hold(Gate(EventStream(out)), 1, stopping=True) as message:
        assert message is None
    assert [event["event"] for event in _said(out)] == ["acquire", "release"]


def test_a_grant_is_given_back_when_its_task_fails() -> None:
    out = io.StringIO()
    gate = Gate(EventStream(out))
    gate.grant(1, {})
    try:
        with _hold(gate, 1):
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert _said(out)[-1] == {"event": "release", "key": 1}


def test_lines_of_a_run_go_together_and_errors_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_healthomics.engine.events._GATHER", 3600.0)
    out = io.StringIO()
    events = EventStream(out)
    events.log("engine", [(1, "a")])
    events.log("cache", [(2, "b")])
    events.log("engine", [(3, "c")])
    assert _said(out) == []
    events.log("engine", [(4, "bad")], level="ERROR")
    assert _said(out) == [
        {"event": "log", "stream": "engine", "lines": [[1, "a"], [3, "c"]]},
        {"event": "log", "stream": "cache", "lines": [[2, "b"]]},
        {"event": "log", "stream": "engine", "level": "ERROR", "lines": [[4, "bad"]]},
    ]
    events.log("engine", [(5, "d")])
    events.flush()
    events.flush()
    assert [event["lines"] for event in _said(out)[3:]] == [[[5, "d"]]]


def test_gathered_lines_are_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_healthomics.engine.events._GATHER", 0.0)
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            said.put(text)
            return len(text)

    events = EventStream(Out())
    for text in ("one", "two"):
        events.log("engine", [(1, text)])
        assert text in said.get(timeout=SECONDS)


class _Pipe(io.StringIO):
    """Knows how much of it was sent."""

    sent = 0

    def flush(self) -> None:
        self.sent = len(self.getvalue())


def test_what_waits_goes_with_what_is_said_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_healthomics.engine.events._GATHER", 3600.0)
    out = _Pipe()
    events = EventStream(out)
    events.emit("task", waits=True, status="PENDING")
    assert not out.sent
    events.emit("acquire", key=1)
    assert out.sent == len(out.getvalue())
    assert [event["event"] for event in _said(out)] == ["task", "acquire"]


def test_what_waits_is_sent_soon_if_nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_healthomics.engine.events._GATHER", 0.0)
    out = _Pipe()
    events = EventStream(out)
    for status in ("PENDING", "STARTING"):
        events.emit("task", waits=True, status=status)
        until(lambda: out.sent == len(out.getvalue()))


def test_many_lines_go_in_several_events() -> None:
    out = io.StringIO()
    events = EventStream(out)
    events.log("task", [(number, "x") for number in range(2500)], key=3)
    events.log("run", [(1, "bad")], level="ERROR")
    events.log("run", [])
    said = _said(out)
    assert [len(event["lines"]) for event in said] == [1000, 1000, 500, 1]
    assert [line[0] for event in said[:3] for line in event["lines"]] == list(range(2500))
    assert said[0]["key"] == 3
    assert said[-1] == {"event": "log", "stream": "run", "level": "ERROR", "lines": [[1, "bad"]]}


def test_lines_of_many_threads_stay_whole() -> None:
    out = io.StringIO()
    events = EventStream(out)
    threads = [
        threading.Thread(target=lambda: [events.emit("x", text="y" * 500) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(_said(out)) == 400


def test_a_reader_that_is_gone_is_told_of_once() -> None:
    lost: list[int] = []
    out = io.StringIO()
    events = EventStream(out, lambda: lost.append(1))
    out.close()
    events.emit("a")
    events.emit("b")
    assert lost == [1]


def test_the_servers_lines_become_calls() -> None:
    source = io.StringIO(
        '{"grant": 3, "task": "t"}\n\n{"answer": 5, "found": true}\n'
        '{"cancel": true, "timed_out": true}\n{"cancel": true}\n'
    )
    said: list[Any] = []
    Inbox(
        source,
        on_grant=lambda key, message: said.append((key, message["task"])),
        on_answer=lambda number, found: said.append((number, found)),
        on_cancel=lambda timed_out: said.append(timed_out),
        on_eof=lambda: said.append("gone"),
    ).run()
    assert said == [(3, "t"), (5, True), True, False, "gone"]


class _Server(EventStream):
    """Answers at once; `None` as a server that says nothing more."""

    def __init__(self, answer: Any) -> None:
        super().__init__(io.StringIO())
        self._answer = answer
        self.asked: list[dict[str, Any]] = []
        self.direct = Direct(self, lost=lambda: True)

    def emit(self, event: str, **fields: Any) -> None:
        self.asked.append({"event": event, **fields})
        if self._answer is not None:
            self.direct.answer(fields["number"], self._answer)


@pytest.mark.parametrize("found", [True, False])
def test_the_server_says_whether_only_s3_can_tell_of_an_object(found: bool) -> None:
    assert _Server(found).direct.look("s3://b/k") is found


def test_the_server_says_which_file_an_object_is() -> None:
    assert _Server(["/file", "etag"]).direct.look("s3://b/k") == ("/file", "etag")


def test_the_server_says_what_it_has_taken() -> None:
    server, files = _Server(["etag", None]), [("/a", "s3://b/a"), ("/b", "s3://b/b")]
    assert server.direct.take(files) == ["etag", None]
    assert server.asked == [{"event": "take", "number": 1, "files": files}]


def test_nobody_waits_for_the_answer_of_a_server_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_healthomics.engine.direct._RECHECK", 0.0)
    server = _Server(None)
    assert server.direct.look("s3://b/k") is False
    assert server.direct.take([("/a", "s3://b/a")]) == [None]
    server.direct.answer(1, True)  # later: nobody waits for it any more
