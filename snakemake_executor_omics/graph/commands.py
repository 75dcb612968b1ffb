"""The text of a job: what Snakemake would run for it, as one file for one interpreter.

Shell commands, `run:` blocks, scripts in Python, R, Bash, Julia and Rust (wrappers too), notebooks
and templates need nothing of Snakemake in their container. What is left (scripts in Xonsh and Hy,
or with values that only this process can hold) is refused: Snakemake in the container would read
the Snakefile again, where other files lie than here.
"""

from __future__ import annotations

import inspect
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import Any

from snakemake.common.tbdstring import TBDString
from snakemake.exceptions import RuleException
from snakemake.shell import shell
from snakemake.utils import format as snakemake_format

from ..errors import UnsupportedRule
from ..model import TEXT_OPTION
from .folders import Folder, named_folders
from .internals import plain, strict_mode, with_own_sources
from .paths import named_files, named_paths, named_patterns
from .programs import used_by, used_by_command
from .run_blocks import block_source, python_job
from .scripts import script_of
from .units import Job
from .values import TBD, Unknown, config_of, known_resources, refuse_unknown

# Many images call it by one of the names only.
PYTHON = '"$(type -P python3 || type -P python || echo python3)"'


@dataclass(frozen=True, slots=True)
class Command:
    """A text, the shell words of its interpreter, and the undeclared files that it needs.

    `folders` are those that it names and that may belong to other jobs, `names` what may be paths,
    `patterns` what may be of several.
    """

    text: str
    interpreter: str = "bash"
    sources: tuple[str, ...] = ()
    folders: tuple[Folder, ...] = ()
    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """The text without our own code around Python, which is the same for all jobs."""
        ours, _, own = self.text.partition("\nRULE = ")
        return own or ours


def command_of(job: Job, workdir: Path) -> Command:
    """What `job` runs.

    Raises:
        Unknown: it holds a value that only its inputs will tell.
        UnsupportedRule: no task can run it.
    """
    if job.is_shell:
        command = _shell(job, workdir)
    elif job.is_run:
        command = _block(job, workdir)
    elif job.rule.norun:
        command = Command(":", f"bash{TEXT_OPTION}")
    elif job.is_template_engine:
        command = _template(job, workdir)
    else:
        command = Command(*script_of(job, workdir))
    if not job.is_shell:
        command = replace(command, names=named_paths(command.own, workdir))
    command = replace(command, patterns=named_patterns(command.own, workdir))
    return _with_own_sources(command, workdir)


def _with_own_sources(command: Command, workdir: Path) -> Command:
    """The command with files of the workflow themselves for Snakemake's copies of them."""
    text, own = with_own_sources(command.text)
    named = named_files(" ".join(own), workdir)
    sources = dict.fromkeys((*command.sources, *named, *used_by(named, workdir)))
    return replace(command, text=text, sources=tuple(sources)) if own else command


def _shell(job: Job, workdir: Path) -> Command:
    if isinstance(job.resources.get("tmpdir"), TBDString):
        # Snakemake leaves it to the place where the job runs, and so does the command.
        job.resources.tmpdir = "${TMPDIR:-/tmp}"
    command = _formatted(job)
    if TBD in command:
        raise Unknown
    executable = job.resources.get("shell_exec") or shell.get_executable() or "bash"
    # As `snakemake.shell.shell.__new__` puts it together.
    before, after = strict_mode(executable)
    text = " ".join((before, command, after)).strip()
    # By name: the container has its shells at places of its own.
    interpreter = shlex.quote(os.path.basename(executable)) + TEXT_OPTION
    # Also what `shell.prefix()` names: `source scripts/env.sh; `.
    named = named_files(text, workdir)
    sources = (*named, *used_by_command(text, named, workdir))
    return Command(
        text, interpreter, sources, named_folders(text, workdir), named_paths(text, workdir)
    )


def _formatted(job: Job) -> str:
    """The command as the rule's own function makes it.

    `job.shellcmd` looks names up in the main Snakefile, also for a rule of a module, whose `config`
    is another one, and has the text of an f-string as it was when the Snakefile was read.

    Raises:
        UnsupportedRule: the command names what does not exist.
    """
    commands: list[str] = []

    def shell(command: str, *arguments: Any, **values: Any) -> None:
        values.pop("bench_record", None)  # as `snakemake.shell.shell`
        commands.append(snakemake_format(command, *arguments, stepout=2, **values))

    function = job.rule.run_func
    rebound = FunctionType(
        function.__code__,
        {**function.__globals__, "shell": shell},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    known = {
        "input": plain(job.input),
        "output": plain(job.output),
        "params": job.params,
        "wildcards": job.wildcards,
        "threads": job.threads,
        "resources": job.resources,
        "log": plain(job.log),
        "rule": job.rule.name,
        "benchmark": job.benchmark,
    }
    names = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
    ]
    try:
        rebound(**{name: known.get(name) for name in names})
    except (NameError, AttributeError, LookupError, ValueError, TypeError) as error:
        raise UnsupportedRule(
            job.rule.name,
            f"has a command that cannot be made: {error}",
            hint="what it names in braces has to be the job's or the Snakefile's; braces that the "
            "shell is to see are doubled: {{ }}",
        ) from error
    if function.__globals__ is not job.rule.workflow.globals:
        _refuse_unprintable(job)
    return commands[0]


def _refuse_unprintable(job: Job) -> None:
    """Snakemake prints the command of each job, and ends where it cannot: after a run was paid for.

    It looks names up in the main Snakefile, also those of a rule of a module.
    """
    try:
        job.shellcmd  # noqa: B018
    except (RuleException, NameError, LookupError) as error:
        raise UnsupportedRule(
            job.rule.name,
            "has a command that Snakemake cannot print, for which it looks names up in the main "
            f"Snakefile and not in the rule's module: {' '.join(str(error).split())}",
            hint="give the value to the command as one of `params:`",
        ) from error


def _block(job: Job, workdir: Path) -> Command:
    resources = known_resources(job)
    text, files = block_source(job, resources, workdir)
    refuse_unknown(job, text.partition("\nRULE = ")[2])
    return Command(text, PYTHON, files)


def _template(job: Job, workdir: Path) -> Command:
    engine = job.rule.template_engine
    if engine not in ("jinja2", "yte"):
        raise UnsupportedRule(
            job.rule.name,
            f"has the template engine {engine}, which is unknown",
            hint="use jinja2 or yte",
        )
    text, files = python_job(
        job,
        known_resources(job),
        config_of(job),
        "template",
        f"render_template({engine!r}, JOB)",
        workdir,
    )
    return Command(text, PYTHON, files)
