"""`snakemake-omics`: package a workflow without running it, and tend the local HealthOmics.

Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 it failed, 2 it could
not be tried.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .backend import local_healthomics
from .errors import LocalServiceError, OmicsError


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    arguments = _parser().parse_args(argv)
    try:
        result: int = arguments.run(arguments)
    except OmicsError as error:
        print(f"snakemake-omics: {error}", file=sys.stderr)
        return 2
    return result


def _parser() -> argparse.ArgumentParser:
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
    for name, text, run in (
        ("up", "start it; it stays until `down`", _up),
        ("status", "say whether it runs, and where", _status),
        ("env", 'print what makes AWS clients of a shell use it: eval "$(… local env)"', _env),
        ("down", "stop it; its state stays", _down),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument(
            "--state",
            type=Path,
            default=Path(".snakemake/omics/local"),
            help="folder of its state (default: that of the project in this folder)",
        )
        if name == "up":
            action.add_argument("--port", type=int, default=0, help="default: a free one")
            action.add_argument(
                "--backend", choices=("process", "docker", "podman", "apptainer"), default="process"
            )
        action.set_defaults(run=run)
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
    service = local_healthomics().start(
        arguments.state, port=arguments.port, backend=arguments.backend, keep=True
    )
    print(service.endpoint_url)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    service = local_healthomics().status(arguments.state)
    print(service.endpoint_url if service is not None else "not running")
    return 0 if service is not None else 1


def _env(arguments: argparse.Namespace) -> int:
    service = local_healthomics().status(arguments.state)
    if service is None:
        raise LocalServiceError(
            f"no local HealthOmics runs on {arguments.state}",
            hint="start it with snakemake-omics local up",
        )
    for name, value in {"AWS_ENDPOINT_URL": service.endpoint_url, **service.environment}.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = local_healthomics().stop(arguments.state)
    print("stopped" if stopped else "not running")
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
