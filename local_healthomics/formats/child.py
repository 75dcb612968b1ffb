"""Have files read by processes of their own, which have an end and a size whatever is in the files.

To start Python and load what reads files takes longer than most files: one process does it once
(reader.py), and forks for each request.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ValidationFault

_SECONDS = 60  # of processor time that any file may take …
_PACE = 1024**2  # … and a second more for each so many bytes of it
_PATIENCE = 10  # times as long by the clock, on a machine that has other work
_GRACE = 10  # seconds more for a process that ends itself then
_MEMORY = 4 * 1024**3
_WRITTEN = 20 * 10**9  # bytes: of a reference, unpacked, or an index
_BLOCK = 64 * 1024


class Child:
    """The process that forks; started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def ask(self, sources: Sequence[Path], folder: Path, **request: Any) -> dict[str, Any]:
        """What `reader` answers to a request; it works in the folder.

        Raises:
            ValidationFault: the files are not what they are said to be, or cannot be read in the
                time and memory that there is for them.
        """
        seconds = _SECONDS + sum(source.stat().st_size for source in sources) // _PACE
        limits = {
            "seconds": seconds,
            "deadline": seconds * _PATIENCE,
            "memory": _MEMORY,
            "written": _WRITTEN,
        }
        request |= {
            "sources": [str(source.resolve()) for source in sources],
            "folder": str(folder.resolve()),
            "limits": limits,
        }
        said = self._exchange(json.dumps(request).encode(), seconds * _PATIENCE + _GRACE)
        try:
            answer: dict[str, Any] = json.loads(said)
        except ValueError as error:  # it was killed
            raise ValidationFault(
                f"the file cannot be read in {seconds} s and {_MEMORY >> 20} MiB"
            ) from error
        if "refused" in answer:
            raise ValidationFault(answer["refused"])
        return answer

    def _exchange(self, request: bytes, patience: float) -> bytes:
        answers, target = os.pipe()
        with open(answers, "rb", buffering=0):
            try:
                with self._lock:
                    socket.send_fds(self._begun(), [request], [target])
            finally:
                os.close(target)
            said, end = b"", time.monotonic() + patience
            while (left := end - time.monotonic()) > 0:
                if select.select([answers], [], [], left)[0]:
                    block = os.read(answers, _BLOCK)
                    if not block:
                        break
                    said += block
        return said

    def _begun(self) -> socket.socket:
        """Where requests go, to a process that lives."""
        if self._requests is None or self._process is None or self._process.poll() is not None:
            self._end()
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.reader"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # it ends all of its session when it ends
                )
        return self._requests

    def close(self) -> None:
        """End it, and whatever is being read."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        self._process = self._requests = None
