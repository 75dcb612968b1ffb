"""`python -m local_healthomics`: serve until stopped.

Prints one JSON line on stdout: url, pid and state when it is ready, or the error that keeps it from
serving, which is in the log too unless the disk is full. Whatever happens, it does not stay behind
half-started.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import select
import shlex
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .engine.container_programs import check_containers
from .errors import LocalError
from .options import ServerOptions, add_server_options
from .preloaded import of_engine

_STOP_SECONDS = 60.0
_PARENT_SECONDS = 1.0
_EXTRA = "install the extra `local` of snakemake-executor-plugin-omics"


class _Log(io.TextIOBase):
    """stderr, which is a file of the state: a full disk is no reason to leave a client without an
    answer because its error cannot be written down.
    """

    def write(self, text: str) -> int:
        with suppress(OSError):
            os.write(2, text.encode(errors="backslashreplace"))
        return len(text)


def main(arguments: list[str] | None = None) -> int:
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--state", type=Path, required=True, help="folder of all that is kept")
    own.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: any)")
    own.add_argument("--engine", help="command that runs one RUN_DIR, in place of the engine")
    own.add_argument(
        "--lifeline", action="store_true", help="stop when stdin is closed at the other end"
    )
    parser = argparse.ArgumentParser(prog="python -m local_healthomics", parents=[own])
    add_server_options(parser)
    options = parser.parse_args(arguments)
    os.umask(0o077)  # what is in the state is its owner's
    if options.insecure:
        print("--insecure: whoever reaches the port runs commands as you", file=sys.stderr)
    answer = os.dup(1)
    os.dup2(2, 1)  # libraries that print go to the log
    sys.stdout = sys.stderr = _Log()
    ready, stop = threading.Event(), threading.Event()
    if options.lifeline:
        threading.Thread(target=_watch_parent, args=(ready, stop), daemon=True).start()

    def say_ready(identity: Mapping[str, Any]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        gc.freeze()  # what is there now stays
        gc.enable()
        ready.set()
        _say(answer, identity)

    children = of_engine()
    gc.disable()  # it would look through what is being loaded again and again
    try:
        if options.engine is None:
            check_containers(options.backend)
            children.begin()
        from .server import serve

        serve(
            options.state,
            ServerOptions.of(options),
            port=options.port,
            engine=shlex.split(options.engine) if options.engine else None,
            command_line=own.parse_known_args(arguments)[1],
            children=children,
            ready=say_ready,
            stop=stop,
        )
    except LocalError as error:
        wrong = str(error)
    except ModuleNotFoundError as error:
        wrong = f"{error.name} is not installed: {_EXTRA}"
    except sqlite3.Error as error:
        wrong = f"{options.state} cannot be used: {error}"
    except OSError as error:
        wrong = f"{options.state}: {error}"
    except Exception as error:
        wrong = f"internal error: {error!r}\n{traceback.format_exc()}"
    else:
        return 0
    with suppress(OSError):
        _say(answer, {"error": wrong})
    with suppress(OSError):  # the disk of the log may be full
        print(wrong, file=sys.stderr)
    return 1


def _say(descriptor: int, what: Mapping[str, Any]) -> None:
    os.write(descriptor, json.dumps(what).encode() + b"\n")
    os.close(descriptor)


def _watch_parent(ready: threading.Event, stop: threading.Event) -> None:
    """End when whoever started us is gone; in good order, once there is something to put in order.

    Its end of our stdin is closed then; as other children of it may hold that open, who our parent
    is, is looked at too.
    """
    parent = os.getppid()
    poll = select.poll()
    poll.register(0, select.POLLIN)  # not sys.stdin, whose lock would break the interpreter's end
    while os.getppid() == parent:
        if poll.poll(_PARENT_SECONDS * 1000) and not os.read(0, 1024):
            break
    stop.set()
    if ready.is_set():
        threading.Event().wait(_STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    # Threads of a server that could not start would hold the process; and what one has written is
    # written, so that nobody need wait until the interpreter has taken itself apart.
    os._exit(main())
