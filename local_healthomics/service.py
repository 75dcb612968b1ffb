"""Start, find and stop the server from another process.

The server is a process and session of its own, so that Ctrl-C in a terminal reaches it only
through its parent; without `keep` it ends when its parent does, whatever happens to the parent: the
other end of its stdin is closed then, and it has another parent. A start has a deadline; a server
that is not ready by then is ended, and so is one whose starter is interrupted.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from .arn import ACCOUNT, OUTPUT_URI, REGION, ROLE_ARN
from .ends import last_end
from .errors import LocalError, RunsOtherwise, StartFailed
from .keys import OwnerKey

_HEALTH, _FILES = "/_local/health/", "/_local/files/"
_ANSWER_SECONDS = 5
_START_SECONDS = 120  # with 100,000 objects in its state it takes a few
_STOP_SECONDS = 60
_OTHER_STARTER_SECONDS = _START_SECONDS + _STOP_SECONDS + 30  # that it has at most
_SAID = 2000  # characters of the server's log that an error shows
_PAUSE = 0.1
_MOST = 32 * 1024 * 1024  # bytes of an answer
_AT_ONCE = 5_000  # objects whose files are asked for in one request


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
    secret_access_key: str = field(default="", repr=False, compare=False)  # of the account
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def environment(self) -> dict[str, str]:
        """What makes an AWS client use the service, as environment variables."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            # Else botocore asks http://workflows-127.0.0.1, a name that nothing resolves.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }

    def for_account(self, account: str) -> LocalService:
        """The same service, as another account (twelve digits) uses it."""
        secret = OwnerKey.of(self.state).secret_access_key(account)
        return replace(self, account=account, secret_access_key=secret)

    def client(self, name: str, **options: Any) -> Any:
        """boto3's client of a service (`omics`, `s3`, `logs`, …); `options` as boto3 has them."""
        import boto3
        from botocore.config import Config

        variables = self.environment
        # A proxy set for the internet cannot reach this machine's loopback.
        config = Config(inject_host_prefix=False, proxies={}, s3={"addressing_style": "path"})
        session: Any = boto3.Session(
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=self.region,
        )
        return session.client(
            name,
            endpoint_url=self.endpoint_url,
            config=config.merge(options.pop("config", Config())),
            **options,
        )

    @property
    def last_end(self) -> int:
        """Another number once a run or the check of a definition has ended.

        Whoever waits for that may look here as often as they like, and asks the service then.
        """
        return last_end(self.state)

    def files(self, uris: Sequence[str]) -> list[tuple[str, str] | None]:
        """The file that holds each object and its ETag; None where S3 is to be asked.

        They are for reading, and one is gone when its object is replaced.
        """
        found: list[tuple[str, str] | None] = []
        try:
            for start in range(0, len(uris), _AT_ONCE):
                body = json.dumps(uris[start : start + _AT_ONCE]).encode()
                proof = OwnerKey.of(self.state).of_owner(body)
                answer = json.loads(_asked(self.endpoint_url + _FILES + proof, body))
                found += [None if one is None else (one[0], one[1]) for one in answer]
        except (OSError, ValueError, TypeError, IndexError):
            found = []
        # Another server may have the port by now: no files but ours are read for it.
        known = len(found) == len(uris) and all(
            one is None or Path(one[0]).is_relative_to(self.state) for one in found
        )
        return found if known else [None] * len(uris)

    @property
    def is_ours(self) -> bool:
        """Whether this object started the server, which ends with it then."""
        return self._process is not None

    def stop(self) -> None:
        """Stop the server, if this object started it; one that others started stays."""
        if self._process is None:
            return
        _end(self._process, _STOP_SECONDS)


def start(
    state: Path,
    *,
    port: int = 0,
    backend: str = "process",
    keep: bool = False,
    engine: Sequence[str] | None = None,
    options: Sequence[str] = (),
    patience: float = _START_SECONDS,
) -> LocalService:
    """The server of this state folder: the one that runs, or a new one.

    `options` are more of the server's command line (`--strict`, `--quota runs=10`).

    A new one that is not ready after `patience` seconds is ended.

    Raises:
        StartFailed: it ended before it was ready, or is not; the message says what it said.
        RunsOtherwise: one runs that does not have this port or, if any are given, these options.
    """
    state = state.resolve()
    try:
        _make_private(state)
        with _only_one(state):
            running = _settled(state)
            if running is None:
                return _spawn(state, port, backend, keep, engine, options, patience)
    except OSError as error:  # a full disk, a folder of somebody else's
        raise StartFailed(f"the local HealthOmics cannot use {state}: {error}") from error
    from .options import mean_the_same  # which knows the service's model: not for every import

    if (options and not mean_the_same(options, running.options)) or (
        port and urlsplit(running.endpoint_url).port != port
    ):
        raise RunsOtherwise(running.endpoint_url, running.options)
    return running


@contextmanager
def running(state: Path | None = None, **options: Any) -> Iterator[LocalService]:
    """A service for as long as the context lasts; without `state` it begins empty.

    `options` are those of `start`. One that runs on the state folder already is left running.
    """
    with TemporaryDirectory(prefix="local-healthomics-") as folder:
        service = start(state or Path(folder), **options)
        try:
            yield service
        finally:
            service.stop()


def status(state: Path) -> LocalService | None:
    """The server that runs on this state folder, if one answers."""
    state = state.resolve()
    challenge = secrets.token_hex(16)
    try:
        said: dict[str, Any] = json.loads((state / "server.json").read_text())
        proof = _asked(said["url"] + _HEALTH + challenge).decode()
        # Another server may have the port by now, and be somebody else's.
        if not hmac.compare_digest(proof, OwnerKey.of(state).proof(challenge)):
            return None
    except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
        return None
    return _of(said) if said.get("state") == str(state) else None


def _asked(url: str, body: bytes | None = None) -> bytes:
    """What the server answers that is no service of AWS."""
    # No proxy of the environment may stand between us and the loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, body, timeout=_ANSWER_SECONDS) as answer:
            said: bytes = answer.read(_MOST)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise
    return said


def _of(said: dict[str, Any], process: subprocess.Popen[bytes] | None = None) -> LocalService:
    """The service that a server says it is."""
    state = Path(said["state"])
    return LocalService(
        endpoint_url=said["url"],
        state=state,
        secret_access_key=OwnerKey.of(state).secret_access_key(ACCOUNT),
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
    if not _free(state, _STOP_SECONDS):
        os.kill(found.pid, signal.SIGKILL)  # it holds the folder, so it is still that process
        if not _free(state, _STOP_SECONDS):
            raise LocalError(f"the local HealthOmics (process {found.pid}) does not end")
    return True


def _free(state: Path, patience: float) -> bool:
    """Whether no server holds the folder, now or within the time."""
    pause, end = threading.Event(), time.monotonic() + patience
    while True:
        with open(state / "server.lock", "a", opener=_private) as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > end:
            return False
        pause.wait(_PAUSE)


def _make_private(state: Path) -> None:
    """A folder for its owner only; StartFailed if it is somebody else's."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if state.stat().st_uid != os.getuid():
        raise StartFailed(f"{state} belongs to another user")
    state.chmod(0o700)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Two starters of one state folder: the second finds the first one's server."""
    pause, end = threading.Event(), time.monotonic() + _OTHER_STARTER_SECONDS
    with open(state / "start.lock", "w", opener=_private) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise StartFailed(
                        f"another process is starting a local HealthOmics on {state}, and does "
                        "not come to an end"
                    ) from None
            pause.wait(_PAUSE)
        yield


def _settled(state: Path) -> LocalService | None:
    """The running server, or None once no server (one that is stopping, say) holds the folder."""
    end = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < end:
        running = status(state)
        if running is not None:
            return running
        if _free(state, _PAUSE):
            return None
    raise StartFailed(f"a local HealthOmics holds {state} and does not answer")


def _spawn(
    state: Path,
    port: int,
    backend: str,
    keep: bool,
    engine: Sequence[str] | None,
    options: Sequence[str],
    patience: float,
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
    with open(log, "ab", opener=_private) as stderr:
        began = stderr.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if keep else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(),
            start_new_session=True,
        )
    ready = False
    try:
        said = _first_words(process, patience)
        ready = "url" in said
        if ready:
            assert process.stdout is not None
            process.stdout.close()  # the server says no more there
            return _of(said, process)
        wrong = said.get("error") or _last_words(log, began)
        how = said.get("how", "cannot start")
        raise StartFailed(f"the local HealthOmics {how}: {wrong}")
    finally:
        if not ready:  # also where the user presses Ctrl-C
            _end(process, 0)


def _first_words(process: subprocess.Popen[bytes], patience: float) -> dict[str, Any]:
    """What the server says when it is ready, or cannot be; without a word from it, `how`."""
    assert process.stdout is not None
    said, end = b"", time.monotonic() + patience
    descriptor = process.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not said.endswith(b"\n"):
        if not poll.poll(max(end - time.monotonic(), 0) * 1000):
            return {"how": f"was not ready after {patience:.0f} seconds"}
        block = os.read(descriptor, 65536)
        if not block:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ANSWER_SECONDS)
            return {"how": f"ended with status {process.returncode}"}
        said += block
    found: dict[str, Any] = json.loads(said)
    return found


def _last_words(log: Path, began: int) -> str:
    with log.open("rb") as opened:
        opened.seek(began)
        said = opened.read().decode(errors="replace").strip()
    return said[-_SAID:] or "it said nothing"


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """End a server that we started; one that does not end in time is killed."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _environment() -> dict[str, str]:
    """Ours, with this package importable however we came by it, and no account of the user's.

    Its folder comes last: where it is one of installed packages, none may hide the user's own.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    root = str(Path(__file__).resolve().parents[1])
    others = [p for p in kept.get("PYTHONPATH", "").split(os.pathsep) if p and p != root]
    return {**kept, "PYTHONPATH": os.pathsep.join([*others, root])}
