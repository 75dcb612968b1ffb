"""The server process: one state folder, one port on the loopback, one WSGI application."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .access import Access
from .app import App
from .background import Background
from .context import Context
from .definitions import DefinitionChecker
from .ends import tell_end
from .errors import AlreadyRunning, StateUnreadable
from .formats import Reader
from .http.proxy import Proxy
from .http.server import WebServer
from .keys import OwnerKey
from .objects import Content
from .operations.registry import JOBS
from .options import ServerOptions
from .other_services.application import OtherServices
from .preloaded import ENGINE, Preloaded, of_engine
from .removing import remove
from .rights import FILE, ROLE, Rights, of_image, of_reading, of_writing
from .runs.engine_process import by_command
from .runs.pool import Pool
from .runs.scheduler import Scheduler
from .store.documents import Store
from .stores.read_sets import sweep

HOST = "127.0.0.1"
_FORMAT = 2  # of the state folder; raised when what is there can no longer be read
_GONE_SECONDS = 2.0


class Server:
    """Everything of one state folder."""

    def __init__(
        self,
        state: Path,
        options: ServerOptions,
        *,
        port: int = 0,
        engine: Sequence[str] | None = None,
        command_line: Sequence[str] = (),
        stop: threading.Event,
        children: Preloaded | None = None,
    ) -> None:
        self.state = state.resolve()
        self._command_line = list(command_line)  # for whoever asks how we answer
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = OwnerKey.of(self.state)
        self._lock = _lock(self.state)
        _check_format(self.state)
        self._stop = stop
        self._http = WebServer((HOST, port), self._answer)
        self.url = self._http.url
        self._store = Store(self.state / "omics.sqlite")
        self._other_services = OtherServices(self.state, options.quotas.resources)
        definitions = self.state / "definitions"
        definitions.mkdir(exist_ok=True)
        uploads = self.state / "uploads"
        uploads.mkdir(exist_ok=True)
        sweep(self._store, uploads)
        self._children = children or of_engine()
        self._checker = DefinitionChecker(
            self._store, definitions, self._children.start, self._told
        )
        self._checker.sweep()
        self._used = Rights(self.state / FILE)
        self._policies = options.policies
        self._scheduler = Scheduler(
            self._store,
            self._checker,
            objects=self._other_services,
            logs=self._other_services,
            folder=self.state / "runs",
            options=options,
            endpoint_url=self.url,
            owner=owner,
            engine=by_command(engine) if engine else partial(self._children.start, ENGINE),
            pool=Pool(),
            images=lambda account: {  # members of `RunRequest`
                "repositories": self._other_services.repositories(account),
                "pull_through": self._other_services.pull_through(account),
            },
            trusts=self._other_services.trusts,
            on_image=lambda account, image: self._used.note(of_image(account, image)),
            look=self._look,
            take=self._take,
        )
        self._reader = Reader()
        self._background: Background[Context] = Background(self._store)
        self._scheduler.on_end = self._run_ended
        self._context = Context(
            store=self._store,
            objects=self._other_services,
            logs=self._other_services,
            checker=self._checker,
            scheduler=self._scheduler,
            background=self._background,
            quotas=options.quotas,
            readings=options.readings,
            endpoint_url=lambda: self.url,
            owner=owner,
            uploads=uploads,
            reader=self._reader,
            archive_after=options.archive_after,
            analytics_open=options.analytics_open,
        )
        access = Access(owner, self._other_services.access_key, insecure=options.insecure)
        app = App(
            self._context,
            self._other_services,
            access,
            owner,
            self.state / "incoming",
            self._used,
            self._policies,
        )
        self._app = Proxy(app, self._http.bind_addr[1])

    def _look(self, uri: str) -> tuple[str, str] | bool:
        """What a run's role finds at a URI; what policies deny is for S3 to refuse."""
        self._used.note(of_reading(uri))
        return True if ROLE in self._policies else self._other_services.look(uri)

    def _take(self, files: Sequence[tuple[Content, str]], within: Path) -> list[str | None]:
        """Make what a run has objects, as its role would; likewise."""
        self._used.note(right for _, uri in files for right in of_writing(uri))
        if ROLE in self._policies:
            return [None] * len(files)
        return self._other_services.take(files, within)

    def _run_ended(self, run: dict[str, Any]) -> None:
        """Tell who waits; the batch of a run looks whether it was the last one."""
        self._told()
        if run.get("batchId"):
            self._background.submit("batch", run["batchId"])

    def _told(self) -> None:
        """A run, or the check of a definition, has ended."""
        tell_end(self.state)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._app(environ, start_response)

    def identity(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "url": self.url,
            "state": str(self.state),
            "options": self._command_line,
        }

    def start(self) -> None:
        """Begin to work; the port answers from here on."""
        threading.Thread(target=self._http.serve, name="http", daemon=True).start()
        self._checker.resume()
        self._scheduler.start()
        self._background.begin(self._context.for_account, JOBS)
        target = self.state / "server.json"
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps(self.identity()))
        draft.replace(target)

    def wait(self) -> None:
        """Until someone asks, or the state folder is gone: another server may have it then."""
        while not self._stop.wait(_GONE_SECONDS) and self._holds_folder():
            pass

    def _holds_folder(self) -> bool:
        try:
            there = (self.state / "server.lock").stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._lock))

    def close(self) -> None:
        remove(self.state / "server.json", within=self.state)
        self._scheduler.close()
        self._checker.close()
        self._background.close()
        self._reader.close()
        self._children.close()
        self._http.stop()
        self._other_services.close()
        self._store.close()
        os.close(self._lock)


def _check_format(state: Path) -> None:
    """Refuse a folder that a version with another format has written."""
    path = state / "format"
    if not path.exists():
        if (state / "omics.sqlite").exists():
            raise StateUnreadable(state, "it is of a version from before its format was written")
        path.write_text(f"{_FORMAT}\n")
    found = path.read_text().strip()
    if found != str(_FORMAT):
        raise StateUnreadable(state, f"it has format {found[:20]}, and this version {_FORMAT}")


def _lock(state: Path) -> int:
    """Held as long as the process lives, however it ends."""
    descriptor = os.open(state / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(state) from error
    return descriptor


def serve(
    state: Path,
    options: ServerOptions,
    *,
    port: int,
    engine: Sequence[str] | None,
    command_line: Sequence[str],
    children: Preloaded,
    ready: Callable[[dict[str, Any]], None],
    stop: threading.Event,
) -> None:
    """Run until `stop` is set; `ready` is told what and where the server is."""
    server = Server(
        state,
        options,
        port=port,
        engine=engine,
        command_line=command_line,
        stop=stop,
        children=children,
    )
    server.start()
    ready(server.identity())
    server.wait()
    server.close()
