"""Start, find and stop the server from another process.

The server is a process and session of its own, so that Ctrl-C in a terminal reaches it only
through its parent; without `keep` it ends when the parent's end of its stdin is closed, which the
kernel does whatever happens to the parent.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .arn import ACCOUNT, OUTPUT_URI, REGION, ROLE_ARN
from .errors import RunsOtherwise, StartFailed
from .options import mean_the_same

_HEALTH = "/_local/health"
_ANSWER_SECONDS = 5
_STOP_SECONDS = 60
_PAUSE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalService:
    """A running local HealthOmics."""

    endpoint_url: str
    state: Path
    pid: int
    options: tuple[str, ...] = ()  # of its command line, that say how it answers
    region: str = REGION
    account: str = ACCOUNT
    role_arn: str = ROLE_ARN
    default_output_uri: str = OUTPUT_URI
    _process: subprocess.Popen[str] | None = field(default=None, repr=False, compare=False)

    @property
    def environment(self) -> dict[str, str]:
        """Credentials that are none, for clients that insist on some."""
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }

    def stop(self) -> None:
        """Stop the server, if this object started it; one that others started stays."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def start(
    state: Path,
    *,
    port: int = 0,
    backend: str = "process",
    keep: bool = False,
    engine: Sequence[str] | None = None,
    options: Sequence[str] = (),
) -> LocalService:
    """The server of this state folder: the one that runs, or a new one.

    `options` are more of the server's command line (`--strict`, `--quota runs=10`).

    Raises:
        StartFailed: it ended before it was ready; the message has the last of its log.
        RunsOtherwise: one runs that does not have this port or, if any are given, these options.
    """
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with _only_one(state):
        running = _settled(state)
        if running is None:
            return _spawn(state, port, backend, keep, engine, options)
    if (options and not mean_the_same(options, running.options)) or (
        port and urlsplit(running.endpoint_url).port != port
    ):
        raise RunsOtherwise(running.endpoint_url, running.options)
    return running


def status(state: Path) -> LocalService | None:
    """The server that runs on this state folder, if one answers."""
    state = state.resolve()
    try:
        said = json.loads((state / "server.json").read_text())
        # No proxy of the environment may stand between us and the loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(said["url"] + _HEALTH, timeout=_ANSWER_SECONDS) as answer:
            found = json.load(answer)
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return None
    if found.get("state") != str(state) or found.get("pid") != said.get("pid"):
        return None
    return _of(found)


def _of(said: dict[str, Any], process: subprocess.Popen[str] | None = None) -> LocalService:
    """The service that a server says it is."""
    return LocalService(
        endpoint_url=said["url"],
        state=Path(said["state"]),
        pid=said["pid"],
        options=tuple(said.get("options", ())),
        _process=process,
    )


def stop(state: Path) -> bool:
    """Stop the server of this state folder; False if there is none."""
    found = status(state)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    with (state / "server.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # free when the server has ended
    return True


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Two starters of one state folder: the second finds the first one's server."""
    with (state / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settled(state: Path) -> LocalService | None:
    """The running server, or None once no server (one that is stopping, say) holds the folder."""
    pause = threading.Event()
    for _ in range(int(_STOP_SECONDS / _PAUSE)):
        running = status(state)
        if running is not None:
            return running
        with (state / "server.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                pause.wait(_PAUSE)
    raise StartFailed(f"a local HealthOmics holds {state} and does not answer")


def _spawn(
    state: Path,
    port: int,
    backend: str,
    keep: bool,
    engine: Sequence[str] | None,
    options: Sequence[str],
) -> LocalService:
    command = [
        sys.executable,
        "-m",
        __package__,
        "--state",
        str(state),
        "--port",
        str(port),
        "--backend",
        backend,
        *options,
    ]
    if engine:
        command += ["--engine", shlex.join(engine)]
    if not keep:
        command.append("--lifeline")
    log = state / "server.log"
    with log.open("ab") as stderr:
        began = stderr.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if keep else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(),
            start_new_session=True,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        code = process.wait()
        with log.open("rb") as opened:
            opened.seek(began)
            said = opened.read().decode(errors="replace").strip()
        raise StartFailed(f"the local HealthOmics ended with status {code}: {said[-2000:]}")
    return _of(json.loads(line), process)


def _environment() -> dict[str, str]:
    """Ours, with this package importable however we came by it, and no account of the user's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    root = str(Path(__file__).resolve().parents[1])
    others = [p for p in kept.get("PYTHONPATH", "").split(os.pathsep) if p and p != root]
    return {**kept, "PYTHONPATH": os.pathsep.join([root, *others])}
