"""The engine process of one run: start it, hear its lines, speak to it, end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..preloaded import Process

_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "JAVA_HOME",
    "NXF_HOME",
)
_STDERR_TAIL = 4000
_BLOCK = 64 * 1024  # what a pipe holds


Start = Callable[..., Process]  # as `preloaded.start`, but that it knows what to start


def by_command(command: Sequence[str]) -> Start:
    """Starts an engine that is no module of ours."""

    def start(
        arguments: Sequence[str], cwd: Path, stdin: int, stdout: int, stderr: int, **how: Any
    ) -> Process:
        return subprocess.Popen(
            [*command, *arguments],
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            **how,
        )

    return start


class EngineProcess:
    """A session leader of its own, so that its whole group can be ended."""

    def __init__(
        self, start: Start, run_dir: Path, environment: dict[str, str], options: Sequence[str] = ()
    ) -> None:
        self._stderr = run_dir / "engine.stderr"
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        stdin, to_engine = os.pipe()
        from_engine, stdout = os.pipe()
        self._said, self._heard = os.fdopen(from_engine, "rb"), os.fdopen(to_engine, "wb")
        try:
            with self._stderr.open("wb") as stderr:
                self._process = start(
                    [*options, str(run_dir)],
                    run_dir,
                    stdin,
                    stdout,
                    stderr.fileno(),
                    env={**passed, **environment},
                    umask=0o022,  # not ours: what tasks write may be for a container's user
                )
        except BaseException:
            self._said.close()
            self._heard.close()
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    def events(self) -> Iterator[list[dict[str, Any]]]:
        """What the engine says, until it ends: each time all that it has said by then."""
        begun: list[bytes] = []  # of a line that is not whole yet
        with self._said:
            while block := self._said.read1(_BLOCK):
                lines, newline, rest = block.rpartition(b"\n")
                if newline:
                    yield _read(b"".join((*begun, lines)))
                    begun.clear()
                begun.append(rest)
        yield _read(b"".join(begun))

    def send(self, message: dict[str, Any]) -> None:
        """Speak to the engine; one that is gone hears nothing, and its end is seen elsewhere."""
        with self._lock:
            try:
                self._heard.write(json.dumps(message).encode() + b"\n")
                self._heard.flush()
            except (BrokenPipeError, ValueError):
                return

    def close_input(self) -> None:
        """Tell the engine that the server goes away."""
        with self._lock:
            try:
                self._heard.close()
            except BrokenPipeError:
                return

    def wait(self, seconds: float) -> int:
        """The exit status; an engine that does not end by itself is killed."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_group(self._process.pid)
            return self._process.wait()

    def stderr_tail(self) -> str:
        return self._stderr.read_text(errors="replace")[-_STDERR_TAIL:].strip()


def _read(lines: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.split(b"\n") if line.strip()]


def kill_group(pgid: int) -> None:
    try:
        os.killpg(pgid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def birth(pid: int) -> str | None:
    """What tells a process from a later one of the same id; None where nothing can tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return f"{_boot()}:{stat.rpartition(')')[2].split()[19]}"
    except OSError:
        return None


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def kill_orphan(pgid: int, born: str | None) -> bool:
    """Kill a group that an earlier server recorded, if it is still that one."""
    if born is None or birth(pgid) != born:
        return False
    kill_group(pgid)
    return True
