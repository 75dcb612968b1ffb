"""The commands of `snakemake-omics` that look after a project's runs: status, logs, cancel, report.

Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from .report.command import add_arguments as add_report_arguments
from .report.command import report
from .runs.console import Console, KnownRun, done
from .settings.options import Place
from .table import table

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_run_commands(commands: Commands) -> None:
    """Each with `run` as a default, which takes the arguments and those that are unknown."""
    for name, call, help in (
        ("runs", _runs, "list this project's runs, also those that others started"),
        ("status", _status, "show how far a run is, job by job; without RUN the newest"),
        ("attach", _attach, "print the commands that attach to the runs in flight"),
        ("cancel", _cancel, "cancel a run; without RUN the only active one"),
        ("logs", _logs, "print the log of a run, or of a job"),
        ("report", report, "tell what runs did, used and cost; without RUN those of the last call"),
    ):
        _add_command(commands, name, call, help)


def _add_command(
    commands: Commands,
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
    _add_own_arguments(command, name)
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


def _add_own_arguments(command: argparse.ArgumentParser, name: str) -> None:
    """Those that not all of the commands have."""
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
