"""`snakemake-omics`: look after a project's runs, package a workflow, tend the local HealthOmics.

Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 it failed, 2 it could
not be tried.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .account import add_arguments as add_setup_arguments
from .account import setup
from .check.request import REFUSED
from .check.request import add_arguments as add_check_arguments
from .check.request import words_of as words_of_check
from .doctor.command import doctor
from .errors import FileError, OmicsError
from .images.request import add_arguments as add_images_arguments
from .images.request import words_of as words_of_images
from .run_commands import Commands, add_run_commands
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
    except BrokenPipeError:  # `| head` has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - closed with the process
        return 0
    except OSError as error:
        print(f"snakemake-omics: {FileError(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="snakemake-omics", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_package, _add_check, _add_images, _add_setup, _add_doctor, add_run_commands):
        add(commands)
    commands.add_parser(
        "local", help="the local HealthOmics of this project: up, status, env, rights, down"
    )
    return parser


def _add_package(commands: Commands) -> None:
    command = commands.add_parser(
        "package",
        help="write definition.zip, template and parameters without starting anything",
        description="Write what a run of each Snakefile would be made of. All other options are "
        "Snakemake's own.",
        allow_abbrev=False,  # `--config` is Snakemake's
    )
    command.add_argument("snakefile", nargs="+", type=Path, metavar="SNAKEFILE")
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder to write to; of several Snakefiles a folder each in it",
    )
    command.set_defaults(run=_package)


def _add_check(commands: Commands) -> None:
    command = commands.add_parser(
        "check",
        help="tell what would run how, in which image, what AWS would refuse and what it would "
        "cost, without starting anything",
        description="What the same command would start, and all that would be in its way. All "
        "other options are Snakemake's own. Exit status: 0 nothing is in the way, 1 something is, "
        "2 Snakemake cannot plan the workflow.",
        allow_abbrev=False,
    )
    add_check_arguments(command)
    command.set_defaults(run=_check)


def _add_images(commands: Commands) -> None:
    command = commands.add_parser(
        "images",
        help="list, build, lock and map the images of a workflow",
        description="The images that a run of the same command would use. All other options are "
        "Snakemake's own.",
        allow_abbrev=False,
    )
    add_images_arguments(command)
    command.set_defaults(run=_images)


def _add_setup(commands: Commands) -> None:
    command = commands.add_parser(
        "setup",
        help="make an AWS account ready: bucket, role of the runs, rights of who starts them",
        description="One CloudFormation template, of which docs/aws.md says what each right is "
        "for. Nothing is made or removed without a yes.",
    )
    add_setup_arguments(command)

    def run(arguments: argparse.Namespace, others: Sequence[str]) -> int:
        if others:
            command.error(f"unrecognized arguments: {' '.join(others)}")
        return setup(arguments)

    command.set_defaults(run=run)


def _add_doctor(commands: Commands) -> None:
    command = commands.add_parser(
        "doctor",
        help="look at everything that a run needs, and say what mends what is wrong",
        description="Account, project and machine of a `snakemake` command with the same options: "
        "a line for each thing, ✓ fine, ✗ wrong, ? could not be told. Nothing is made and nothing "
        "costs money. Exit status 1 if something is wrong. All other options are Snakemake's own.",
        allow_abbrev=False,
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_doctor)


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


def _doctor(arguments: argparse.Namespace, others: Sequence[str]) -> int:
    return doctor(others, as_text=not arguments.json)


def _images(arguments: argparse.Namespace, others: Sequence[str]) -> int:
    """Call Snakemake, whose executor does it; `others` are options for it."""
    command = [sys.executable, "-m", "snakemake", "--executor", "omics"]
    command += ["--omics-images", words_of_images(arguments), "--forceall", "--jobs", "1", *others]
    return 2 if subprocess.run(command, check=False).returncode else 0


def _check(arguments: argparse.Namespace, others: Sequence[str]) -> int:
    """Call Snakemake, whose executor does it; `others` are options for it."""
    command = [sys.executable, "-m", "snakemake", "--executor", "omics"]
    # It writes nothing, so that it may be asked while the workflow runs.
    command += ["--omics-check", words_of_check(arguments), "--quiet", "host"]
    command += ["--nolock", "--jobs", "1", *others]
    ended = subprocess.run(command, check=False).returncode
    return {0: 0, REFUSED: 1}.get(ended, 2)


if __name__ == "__main__":
    sys.exit(main())
