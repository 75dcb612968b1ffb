"""Child processes of the server that begin with their modules loaded.

The modules of a workflow engine take longer to load than a definition takes to check, or a small
run to work. So one process, the loader, loads them and forks itself for each check and each run; it
has one thread, and ends with the server. What begins is like `python -m MODULE …`: it has the
environment, folder and descriptors that it is given, and of the loader only what is loaded.

A child has a keeper, which is forked as well: it tells the server how the child ended, and collects
it when the server has heard that. Until then nobody else can get its number.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol

ENGINE = "local_healthomics.engine"
_MOST = 128 * 1024  # bytes of what the loader is asked; a longer environment begins anew
_WORD = 64  # bytes that it answers


class Process(Protocol):
    """What is known of a child, whoever started it."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; raises subprocess.TimeoutExpired."""

    def kill(self) -> None: ...


class _Kept:
    """A child of the loader."""

    def __init__(self, pid: int, keeper: socket.socket) -> None:
        self.pid, self._keeper = pid, keeper
        self._status: int | None = None
        self._waits, self._ends = threading.Lock(), threading.Lock()

    def wait(self, timeout: float | None = None) -> int:
        with self._waits:
            if self._status is None:
                self._keeper.settimeout(timeout)
                try:
                    said = self._keeper.recv(_WORD)
                except (TimeoutError, BlockingIOError):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
                except OSError:
                    said = b""
                with self._ends:
                    # Without a word its keeper was killed, as everything is that we start.
                    self._status = json.loads(said)["status"] if said else -signal.SIGKILL
                self._keeper.close()
            return self._status

    def kill(self) -> None:
        with self._ends, suppress(ProcessLookupError):
            if self._status is None:
                os.kill(self.pid, signal.SIGKILL)


def start(
    module: str,
    arguments: Sequence[str],
    cwd: Path,
    stdin: int,
    stdout: int,
    stderr: int,
    *,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
    patience: float = 0.0,
) -> Process:
    """`python -m MODULE ARGUMENTS`, in a session of its own; it imports nothing from its folder."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=cwd,
        env=_environment(env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        umask=umask,
        start_new_session=True,
    )


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """These variables, or our own; PYTHONPATH without words that mean the child's folder."""
    environment = dict(os.environ if env is None else env)
    if paths := environment.get("PYTHONPATH"):
        ours = [os.path.abspath(path) for path in paths.split(os.pathsep) if path]
        environment["PYTHONPATH"] = os.pathsep.join(ours)
    return environment


class Preloaded:
    """Starts Python modules as processes, from a loader that has `modules` loaded."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = list(modules)
        self._lock = threading.Lock()  # of the channel: one child is asked for at a time
        self._loader: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._settled = threading.Event()  # it has loaded them, or never will
        self._is_ready = False

    def begin(self) -> None:
        """Have the modules loaded, beside whatever goes on."""
        with self._lock:
            if self._loader is not None or self._settled.is_set():
                return
            try:
                self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            except (AttributeError, OSError):  # a system that has no such sockets
                self._settled.set()
                return
            with theirs:
                self._loader = subprocess.Popen(
                    [sys.executable, "-P", "-m", __name__, *self._modules],
                    stdin=theirs.fileno(),
                    stdout=2,
                    start_new_session=True,
                )
        threading.Thread(target=self._hear, args=[self._channel], daemon=True).start()

    def _hear(self, channel: socket.socket) -> None:
        with suppress(OSError):
            self._is_ready = bool(channel.recv(1))
        self._settled.set()

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        cwd: Path,
        stdin: int,
        stdout: int,
        stderr: int,
        *,
        env: Mapping[str, str] | None = None,
        umask: int = -1,
        patience: float = 0.0,
    ) -> Process:
        """As the function; if the loader is not ready within `patience` seconds, without it."""
        environment = _environment(env)
        how = {"cwd": str(cwd), "environment": environment, "umask": umask}
        asked = json.dumps({"module": module, "arguments": list(arguments), **how}).encode()
        descriptors = (stdin, stdout, stderr)
        kept = None
        self.begin()
        if len(asked) <= _MOST and self._settled.wait(patience) and self._is_ready:
            kept = self._fork(asked, descriptors)
        return kept or start(module, arguments, cwd, *descriptors, env=environment, umask=umask)

    def _fork(self, asked: bytes, descriptors: Sequence[int]) -> _Kept | None:
        """A child of the loader; None if it does not live any more."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._lock:
            try:
                if self._channel is None:
                    raise BrokenPipeError
                socket.send_fds(self._channel, [asked], [*descriptors, theirs.fileno()])
            except OSError:
                ours.close()
                return None
        said = json.loads(ours.recv(_WORD) or "{}")
        if "pid" in said:
            return _Kept(said["pid"], ours)
        ours.close()
        return None

    def close(self) -> None:
        """End the loader; its children are their starters' to end."""
        with self._lock:
            self._settled.set()
            self._is_ready = False
            if self._loader is None or self._channel is None:
                return
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)
            self._channel.close()
            self._channel = None
        self._loader.wait()


def of_engine() -> Preloaded:
    """What checks and runs are started with."""
    return Preloaded([f"{ENGINE}.loaded"])


def _serve(modules: Sequence[str]) -> NoReturn:
    """The loader: fork whatever is asked for, until the server is gone."""
    channel = socket.socket(fileno=os.dup(0))
    for module in modules:
        import_module(module)
    gc.collect()
    gc.freeze()  # else the collectors of children would copy all of it
    signal.signal(signal.SIGCHLD, _collect)
    with suppress(OSError):
        channel.send(b"!")
        while True:
            asked, descriptors, _, _ = socket.recv_fds(channel, _MOST, 4)
            if not asked:
                break
            if os.fork() == 0:
                _end_with(_keep, channel, json.loads(asked), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
    os._exit(0)


def _collect(*_: object) -> None:
    """Keepers that have ended: what their children used counts as ours then."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(channel: socket.socket, asked: dict[str, Any], descriptors: Sequence[int]) -> int:
    """The keeper: have the child begin, tell how it ended, collect it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel.close()
    *standard, told = descriptors
    server = socket.socket(fileno=told)
    child = os.fork()
    if child == 0:
        _end_with(_become, server, asked, standard)
    for descriptor in (0, *standard):
        os.close(descriptor)
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    exited = ended.si_code == os.CLD_EXITED
    with suppress(OSError):
        status = ended.si_status if exited else -ended.si_status
        server.send(json.dumps({"status": status}).encode())
        server.recv(1)  # nothing comes: it lets go
    os.waitpid(child, 0)
    return 0


def _become(server: socket.socket, asked: dict[str, Any], standard: Sequence[int]) -> int:
    """The child."""
    os.setsid()
    os.chdir(asked["cwd"])
    if asked["umask"] >= 0:
        os.umask(asked["umask"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    for target, descriptor in enumerate(standard):
        os.dup2(descriptor, target)
        os.close(descriptor)
    server.send(json.dumps({"pid": os.getpid()}).encode())
    server.close()
    sys.argv = [asked["module"], *asked["arguments"]]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    return 0


def _end_with(work: Callable[..., int], *arguments: object) -> NoReturn:
    """Work, and end as a process does; nothing of the loader goes on in this one."""
    code: object = 1
    try:
        code = work(*arguments)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    _serve(sys.argv[1:])
