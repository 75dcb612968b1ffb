"""JSON lines to and from the server: what happens goes out, grants and cancel come in.

Lines are written whole under one lock, as every task of the run reports from its own thread.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

LogLine = tuple[int, str]
_BATCH = 1000  # log lines per event: keeps one chatty task from building one huge line
_GATHER = 0.25  # seconds that what nobody waits for may wait for more
_encode = json.JSONEncoder(separators=(",", ":")).encode


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


class EventStream:
    """The engine's only way to speak; `on_lost` is called once when nobody listens any more.

    Lines about the run, errors apart, are gathered for a moment: an event of each would be half of
    all that is said. What `waits` goes with what is said next, as the server writes to its disk
    whenever it hears anything. The last of both is said by `flush`.
    """

    def __init__(self, out: TextIO, on_lost: Callable[[], None] | None = None) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._lost = False
        self.on_lost = on_lost
        self._gathering = threading.RLock()  # a signal may log where one is logged
        self._gathered: dict[str, list[LogLine]] = {}
        self._later: threading.Timer | None = None  # that flushes

    def emit(self, event: str, *, waits: bool = False, **fields: Any) -> None:
        line = _encode({"event": event, **fields})
        self._write(line + "\n", waits=waits)
        if waits:
            self._flush_later()

    def _write(self, text: str, *, waits: bool = False) -> None:
        with self._lock:
            if self._lost:
                return
            try:
                if text:
                    self._out.write(text)
                if not waits:
                    self._out.flush()
                return
            except (BrokenPipeError, ValueError):
                self._lost = True
        if self.on_lost is not None:
            self.on_lost()

    def _flush_later(self) -> None:
        with self._gathering:
            if self._later is None:
                self._later = threading.Timer(_GATHER, self.flush)
                self._later.daemon = True
                self._later.start()

    def log(
        self, stream: str, lines: Sequence[LogLine], key: int | None = None, level: str = ""
    ) -> None:
        """Lines of a stream; `level` is ERROR or FATAL for those that a logLevel asks for."""
        if key is not None:
            self._log(lines, stream=stream, key=key)
            return
        with self._gathering:
            if level:
                self.flush()
                self._log(lines, stream=stream, level=level)
                return
            self._gathered.setdefault(stream, []).extend(lines)
            self._flush_later()

    def say(self, stream: str, text: str, level: str = "") -> None:
        self.log(stream, [(epoch_ms(), text)], level=level)

    def flush(self) -> None:
        """Say what was gathered or waits."""
        with self._gathering:
            self._later = None
            gathered, self._gathered = self._gathered, {}
            for stream, lines in gathered.items():
                self._log(lines, stream=stream)
        self._write("")

    def _log(self, lines: Sequence[LogLine], **of_it: Any) -> None:
        for start in range(0, len(lines), _BATCH):
            self.emit("log", **of_it, lines=lines[start : start + _BATCH])


class Inbox(threading.Thread):
    """Reads the server's lines; end of input means that the server is gone."""

    def __init__(
        self,
        source: TextIO,
        *,
        on_grant: Callable[[int, dict[str, Any]], None],
        on_answer: Callable[[int, Any], None],
        on_cancel: Callable[[bool], None],
        on_eof: Callable[[], None],
    ) -> None:
        super().__init__(name="inbox", daemon=True)
        self._source = source
        self._on_grant, self._on_answer = on_grant, on_answer
        self._on_cancel, self._on_eof = on_cancel, on_eof

    def run(self) -> None:
        for line in self._source:
            if not line.strip():
                continue
            message: dict[str, Any] = json.loads(line)
            if "grant" in message:
                self._on_grant(int(message["grant"]), message)
            elif "answer" in message:
                self._on_answer(int(message["answer"]), message["found"])
            elif message.get("cancel"):
                self._on_cancel(bool(message.get("timed_out")))
        self._on_eof()
