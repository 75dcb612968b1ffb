"""`snakemake-omics`: package a workflow without running it, and tend the local HealthOmics.

Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 it failed, 2 it could
not be tried.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .backend import local_healthomics
from .errors import LocalServiceError, OmicsError


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = _parser(argv).parse_args(argv)
        result: int = arguments.run(arguments)
    except OmicsError as error:
        print(f"snakemake-omics: {error}", file=sys.stderr)
        return 2
    return result


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="snakemake-omics", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    package = commands.add_parser(
        "package", help="write definition.zip, template and parameters without starting anything"
    )
    package.add_argument("snakefile", nargs="+", type=Path)
    package.add_argument("--output", type=Path, required=True, metavar="DIR")
    package.add_argument("--directory", type=Path, default=Path(), help="the project's folder")
    package.add_argument("--configfile", type=Path, action="append", default=[])
    package.set_defaults(run=_package)

    local = commands.add_parser("local", help="the embedded local HealthOmics")
    actions = local.add_subparsers(required=True, metavar="up|status|env|down")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        default=Path(".snakemake/omics/local"),
        help="folder of its state (default: that of the project in this folder)",
    )
    own = argparse.ArgumentParser(add_help=False, parents=[state])
    own.add_argument("--port", type=int, default=0, help="default: a free one")
    up = actions.add_parser("up", parents=[own], help="start it; it stays until `down`")
    if list(argv[:2]) == ["local", "up"]:  # nobody else needs the extra only to be understood
        local_healthomics().add_server_options(up)
        up.set_defaults(server_options=own.parse_known_args(argv[2:])[1])
    up.set_defaults(run=_up)
    status = actions.add_parser("status", parents=[state], help="say whether it runs, and where")
    status.set_defaults(run=_status)
    env = actions.add_parser(
        "env",
        parents=[state],
        help='print what makes AWS clients of a shell use it: eval "$(… local env)"',
    )
    env.add_argument("--unset", action="store_true", help="print what undoes it")
    env.set_defaults(run=_env)
    down = actions.add_parser("down", parents=[state], help="stop it; its state stays")
    down.set_defaults(run=_down)
    return parser


def _package(arguments: argparse.Namespace) -> int:
    from .packaging import package

    for snakefile in arguments.snakefile:
        several = len(arguments.snakefile) > 1
        folder = arguments.output / snakefile.stem if several else arguments.output
        written = package(snakefile, arguments.directory, arguments.configfile, folder)
        for path in written:
            print(path)
    return 0


def _up(arguments: argparse.Namespace) -> int:
    local = local_healthomics()
    try:
        service = local.start(
            arguments.state, port=arguments.port, keep=True, options=arguments.server_options
        )
    except local.RunsOtherwise as error:
        raise LocalServiceError(str(error), hint="snakemake-omics local down") from error
    except local.LocalError as error:
        raise LocalServiceError(str(error)) from error
    print(service.endpoint_url)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    service = local_healthomics().status(arguments.state)
    print(service.endpoint_url if service is not None else "not running")
    return 0 if service is not None else 1


def _env(arguments: argparse.Namespace) -> int:
    local = local_healthomics()
    if arguments.unset:
        print(local.leave(os.environ))
        return 0
    service = local.status(arguments.state)
    if service is None:
        raise LocalServiceError(
            f"no local HealthOmics runs on {arguments.state}",
            hint="start it with snakemake-omics local up",
        )
    print(local.enter(service, os.environ))
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = local_healthomics().stop(arguments.state)
    print("stopped" if stopped else "not running")
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
