"""`python -m local_healthomics`: serve until stopped.

Prints one JSON line (url, pid, state) on stdout when it is ready.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from .errors import AlreadyRunning
from .options import ServerOptions, add_server_options
from .server import serve


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
    try:
        return serve(
            options.state,
            ServerOptions.of(options),
            port=options.port,
            engine=shlex.split(options.engine) if options.engine else None,
            lifeline=options.lifeline,
            command_line=own.parse_known_args(arguments)[1],
        )
    except AlreadyRunning as error:
        print(error, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
