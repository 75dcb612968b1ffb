"""Logs as they happen: miniwdl's to the engine stream and engine.log, tasks' output live."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .events import EventStream, LogLine, epoch_ms

_CHUNK = 256 * 1024
_LINE = 200_000  # CloudWatch takes 256 KiB an event; a longer line is cut into pieces


def _level(number: int) -> str:
    if number >= logging.CRITICAL:
        return "FATAL"
    return "ERROR" if number >= logging.ERROR else ""


class EngineLogHandler(logging.Handler):
    """miniwdl's records, as `log` events of the engine stream and in a file."""

    def __init__(self, events: EventStream, log_file: Path) -> None:
        super().__init__(logging.INFO)
        self._events = events
        self._file = log_file.open("w", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        stamp = int(record.created * 1000)
        lines = [(stamp, line) for line in text.splitlines() or [""]]
        self._events.log("engine", lines, level=_level(record.levelno))
        with suppress(OSError):  # a full disk: the run ends by it, not its log
            self._file.write(f"{text}\n")

    def flush(self) -> None:
        with self.lock or nullcontext(), suppress(OSError):
            self._file.flush()


def attach(events: EventStream, log_file: Path) -> logging.Logger:
    """Send everything below the `wdl` logger to the engine stream and to `log_file`."""
    logger = logging.getLogger("wdl")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = EngineLogHandler(events, log_file)
    handler.setFormatter(
        logging.Formatter(
            "%(asctime)s.%(msecs)03d %(name)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"
        )
    )
    logger.addHandler(handler)
    return logger


class TaskLog:
    """Follows a task's stdout and stderr files and reports whole lines."""

    def __init__(
        self, events: EventStream, key: int, paths: Sequence[str], *, cut: bool = False
    ) -> None:
        self._events = events
        self._key = key
        self._cut = cut  # of a long line the first piece is reported, and nothing else
        self._inside: set[str] = set()  # files whose last line was reported before its end
        self._paths = list(paths)
        self._files: dict[str, io.BufferedReader] = {}
        self._rest: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.poll(final=True)
        for file in self._files.values():
            file.close()

    def poll(self, *, final: bool = False) -> None:
        """Report what was printed since the last call."""
        for path in self._paths:
            file = self._open(path)
            if file is None:
                continue
            while data := file.read(_CHUNK):
                self._report(path, data, final=False)
            if final:
                self._report(path, b"", final=True)

    def _open(self, path: str) -> io.BufferedReader | None:
        if path not in self._files:
            try:
                self._files[path] = open(path, "rb")  # noqa: SIM115 - closed with the log
            except FileNotFoundError:  # the container has not made it yet
                return None
        return self._files[path]

    def _report(self, path: str, data: bytes, *, final: bool) -> None:
        pieces = (self._rest.get(path, b"") + data).split(b"\n")
        self._rest[path] = b""
        if pieces[-1] and not final and len(pieces[-1]) < _LINE:
            self._rest[path] = pieces[-1]
            pieces[-1] = b""
        unfinished = bool(pieces[-1])
        if not unfinished:
            pieces.pop()
        now = epoch_ms()
        lines: list[LogLine] = []
        for number, piece in enumerate(pieces):
            text = piece.decode("utf-8", "replace").rstrip("\r")
            parts = [(now, text[i : i + _LINE]) for i in range(0, max(len(text), 1), _LINE)]
            if self._cut:
                parts = [] if number == 0 and path in self._inside else parts[:1]
            lines += parts
        if pieces:
            (self._inside.add if unfinished else self._inside.discard)(path)
        if lines:
            self._events.log("task", lines, self._key)
