"""`snakemake-omics`: package a workflow without running it, and tend the local HealthOmics.

Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 it failed, 2 it could
not be tried.
"""

from __future__ import annotations

import argparse
import subprocess
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
        arguments, others = _parser().parse_known_args(argv)
        result: int = arguments.run(arguments, others)
    except OmicsError as error:
        print(f"snakemake-omics: {error}", file=sys.stderr)
        return 2
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="snakemake-omics", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    package = commands.add_parser(
        "package",
        help="write definition.zip, template and parameters without starting anything",
        description="Write what a run of each Snakefile would be made of. All other options are "
        "Snakemake's own.",
        allow_abbrev=False,  # `--config` is Snakemake's
    )
    package.add_argument("snakefile", nargs="+", type=Path)
    package.add_argument("--output", type=Path, required=True, metavar="DIR")
    package.set_defaults(run=_package)

    commands.add_parser(
        "local", help="the local HealthOmics of this project: up, status, env, down"
    )
    return parser


def _package(arguments: argparse.Namespace, others: Sequence[str]) -> int:
    """Call Snakemake, whose executor does it; `others` are options for it."""
    several = len(arguments.snakefile) > 1
    for snakefile in arguments.snakefile:
        folder = arguments.output / snakefile.stem if several else arguments.output
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile.resolve())]
        command += ["--executor", "omics", "--omics-package", str(folder.resolve())]
        # As if nothing had been run yet; and Snakemake wants a number of jobs.
        command += ["--forceall", "--jobs", "1", *others]
        if subprocess.run(command, check=False).returncode:
            print(f"snakemake-omics: {snakefile} cannot be packaged, see above", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
