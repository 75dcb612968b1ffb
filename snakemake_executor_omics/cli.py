"""`snakemake-omics`: package a workflow without running it, and tend the local HealthOmics.

Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 it failed, 2 it could
not be tried.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import OmicsError
from .runs.connection import local_package

_LOCAL_STATE = Path(".snakemake/omics/local")  # of the project in this folder


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        if argv[:1] == ["local"]:
            local: int = local_package().cli.main(
                argv[1:], prog="snakemake-omics local", state=_LOCAL_STATE
            )
            return local
        arguments = _parser().parse_args(argv)
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

    commands.add_parser(
        "local", help="the local HealthOmics of this project: up, status, env, down"
    )
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


if __name__ == "__main__":
    sys.exit(main())
