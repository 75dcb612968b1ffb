"""`snakemake-omics`: look after a project's runs, package a workflow, tend the local HealthOmics.

Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 it failed, 2 it could
not be tried.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from .account import add_arguments as add_setup_arguments
from .account import setup
from .check.request import REFUSED
from .check.request import add_arguments as add_check_arguments
from .check.request import words_of as words_of_check
from .doctor.command import doctor
from .errors import FileError, OmicsError
from .images.request import add_arguments, words_of
from .report.command import add_arguments as add_report_arguments
from .report.command import report
from .runs.connection import local_package
from .runs.console import Console, KnownRun, done, table
from .settings.options import Place

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

    package = commands.add_parser(
        "package",
        help="write definition.zip, template and parameters without starting anything",
        description="Write what a run of each Snakefile would be made of. All other options are "
        "Snakemake's own.",
        allow_abbrev=False,  # `--config` is Snakemake's
    )
    package.add_argument("snakefile", nargs="+", type=Path, metavar="SNAKEFILE")
    package.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder to write to; of several Snakefiles a folder each in it",
    )
    package.set_defaults(run=_package)

    check = commands.add_parser(
        "check",
        help="tell what would run how, in which image, what AWS would refuse and what it would "
        "cost, without starting anything",
        description="What the same command would start, and all that would be in its way. All "
        "other options are Snakemake's own. Exit status: 0 nothing is in the way, 1 something is, "
        "2 Snakemake cannot plan the workflow.",
        allow_abbrev=False,
    )
    add_check_arguments(check)
    check.set_defaults(run=_check)

    images = commands.add_parser(
        "images",
        help="list, build, lock and map the images of a workflow",
        description="The images that a run of the same command would use. All other options are "
        "Snakemake's own.",
        allow_abbrev=False,
    )
    add_arguments(images)
    images.set_defaults(run=_images)

    account = commands.add_parser(
        "setup",
        help="make an AWS account ready: bucket, role of the runs, rights of who starts them",
        description="One CloudFormation template, of which docs/aws.md says what each right is "
        "for. Nothing is made or removed without a yes.",
    )
    add_setup_arguments(account)
    account.set_defaults(run=lambda arguments, others: _setup(account, arguments, others))

    doctor = commands.add_parser(
        "doctor",
        help="look at everything that a run needs, and say what mends what is wrong",
        description="Account, project and machine of a `snakemake` command with the same options: "
        "a line for each thing, ✓ fine, ✗ wrong, ? could not be told. Nothing is made and nothing "
        "costs money. Exit status 1 if something is wrong. All other options are Snakemake's own.",
        allow_abbrev=False,
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(run=_doctor)

    for name, call, help in (
        ("runs", _runs, "list this project's runs, also those that others started"),
        ("status", _status, "show how far a run is, job by job; without RUN the newest"),
        ("attach", _attach, "print the commands that attach to the runs in flight"),
        ("cancel", _cancel, "cancel a run; without RUN the only active one"),
        ("logs", _logs, "print the log of a run, or of a job"),
        ("report", report, "tell what runs did, used and cost; without RUN those of the last call"),
    ):
        _add_console_command(commands, name, call, help)

    commands.add_parser(
        "local", help="the local HealthOmics of this project: up, status, env, rights, down"
    )
    return parser


def _add_console_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    call: Callable[[Console, argparse.Namespace], int],
    help: str,
) -> None:
    def run(arguments: argparse.Namespace, others: Sequence[str]) -> int:
        if others:
            command.error(f"unrecognized arguments: {' '.join(others)}")
        place = Place(
            arguments.omics_endpoint,
            arguments.omics_region,
            arguments.omics_aws_profile,
            arguments.omics_workflow_name,
        )
        if not arguments.directory.is_dir():
            command.error(f"argument --directory: {arguments.directory} is no folder")
        console = Console(arguments.directory, place, start_local=name == "report")
        with closing(console):
            return call(console, arguments)

    command = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}. The service is the one that the last run from "
        "this folder went to, unless an option names another.",
    )
    if name == "runs":
        command.add_argument(
            "--last", type=_count, default=10, metavar="N", help="how many ended ones (default: 10)"
        )
    elif name == "logs":
        command.add_argument("target", metavar="JOB|FILE|RUN", help="a job is named by its rule")
        command.add_argument("--run", dest="of", metavar="RUN", help="the run that the job is in")
        command.add_argument("--follow", action="store_true", help="until the job or run ends")
    elif name == "report":
        add_report_arguments(command)
    elif name != "attach":
        command.add_argument("run_id", nargs="?", metavar="RUN", help="its id, as `runs` lists it")
    if name == "status":
        command.add_argument("--all", action="store_true", help="with the jobs that are done")
    command.add_argument(
        "--directory", type=Path, default=Path(), metavar="DIR", help="the project (default: here)"
    )
    for option, metavar in (
        ("endpoint", "local|URL"),
        ("region", "REGION"),
        ("aws-profile", "NAME"),
        ("workflow-name", "NAME"),
    ):
        variable = f"SNAKEMAKE_OMICS_{option.replace('-', '_').upper()}"
        command.add_argument(
            f"--omics-{option}",
            default=os.environ.get(variable) or None,
            metavar=metavar,
            help="as Snakemake was told",
        )
    command.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _runs(console: Console, arguments: argparse.Namespace) -> int:
    print(f"snakemake-omics: at {console.where}", file=sys.stderr)
    rows = [
        (
            known.run.id,
            known.run.status.value,
            str(known.age),
            _jobs(console, known),
            known.plan[:8],
            known.run.name or "",
            "here" if known.start else "elsewhere",
        )
        for known in console.runs(arguments.last)
    ]
    if not rows:
        print("snakemake-omics: no runs of this project", file=sys.stderr)
        return 0
    head = ("RUN", "STATUS", "AGE", "JOBS DONE", "PLAN", "NAME", "STARTED")
    print(*table([head, *rows]), sep="\n")
    return 0


def _jobs(console: Console, known: KnownRun) -> str:
    tasks = console.tasks(known)
    return f"{done(known, tasks)} of {known.jobs or '?'}"


def _status(console: Console, arguments: argparse.Namespace) -> int:
    known = console.run(arguments.run_id)
    tasks = console.tasks(known)
    run = known.run
    print(
        f"run {run.id} ({run.name}) {run.status}: {done(known, tasks)} of {known.jobs or '?'} "
        f"jobs done, {known.age} elapsed"
    )
    rows = [
        (task.status.value, known.title(name), str(known.took(task) or ""))
        for name, task in sorted(tasks.items(), key=lambda item: known.title(item[0]))
        if arguments.all or not (task.status.is_final and task.status == "COMPLETED")
    ]
    print(*table(rows), sep="\n", end="\n" if rows else "")
    why = ": ".join(part for part in (run.failure_reason, run.status_message) if part)
    if why:
        print(why)
    print(f"output: {run.output_uri}")
    return 0


def _attach(console: Console, arguments: argparse.Namespace) -> int:
    active = [known for known in console.runs(last=0) if not known.run.status.is_final]
    for known in active:
        print(f"# run {known.run.id}, {known.run.status}, {_jobs(console, known)} jobs done")
        if known.start is None:
            print("# started elsewhere: the same snakemake command here attaches to it")
        else:
            print(f"cd {shlex.quote(known.start.folder)}")
            print(shlex.join(known.start.command))
    if not active:
        print("snakemake-omics: no run is in flight", file=sys.stderr)
        return 1
    return 0


def _cancel(console: Console, arguments: argparse.Namespace) -> int:
    print(console.cancel(arguments.run_id))
    return 0


def _logs(console: Console, arguments: argparse.Namespace) -> int:
    if arguments.target.isdigit():
        lines = console.log_of_run(console.run(arguments.target), arguments.follow)
    else:
        known, task = console.find_task(arguments.target, arguments.of)
        print(
            f"snakemake-omics: {known.title(task.name)} of run {known.run.id}, {task.status}",
            file=sys.stderr,
        )
        lines = console.log_of_task(known, task, arguments.follow, arguments.target)
    for line in lines:
        print(line, flush=arguments.follow)
    return 0


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


def _setup(
    command: argparse.ArgumentParser, arguments: argparse.Namespace, others: Sequence[str]
) -> int:
    if others:
        command.error(f"unrecognized arguments: {' '.join(others)}")
    return setup(arguments)


def _doctor(arguments: argparse.Namespace, others: Sequence[str]) -> int:
    return doctor(others, as_text=not arguments.json)


def _images(arguments: argparse.Namespace, others: Sequence[str]) -> int:
    """Call Snakemake, whose executor does it; `others` are options for it."""
    command = [sys.executable, "-m", "snakemake", "--executor", "omics"]
    command += ["--omics-images", words_of(arguments), "--forceall", "--jobs", "1", *others]
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
