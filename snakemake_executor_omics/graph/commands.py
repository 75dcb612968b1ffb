"""The text of a job: what Snakemake would run for it, as one file for one interpreter.

Shell commands, `run:` blocks, scripts in Python, R, Bash, Julia and Rust (wrappers too), notebooks
and templates need nothing of Snakemake in their container. What is left (scripts in Xonsh and Hy,
or with values that only this process can hold) is refused: Snakemake in the container would read
the Snakefile again, where other files lie than here.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import Any

from snakemake import script as snakemake_script
from snakemake import wrapper as snakemake_wrapper
from snakemake.common.tbdstring import TBDString
from snakemake.exceptions import RuleException, WorkflowError
from snakemake.iocontainers import Namedlist
from snakemake.shell import shell
from snakemake.sourcecache import infer_source_file
from snakemake.utils import format as snakemake_format

from ..compile import python_source
from ..compile.sandbox import seen_by_job
from ..errors import UnsupportedRule
from .folders import Folder, named_folders
from .internals import (
    plain,
    preamble_of,
    rust_dependencies,
    rust_parts,
    script_file,
    strict_mode,
    with_own_sources,
)
from .modules import imported_by
from .paths import named_files, named_paths, named_patterns, project_path
from .programs import imported, used_by, used_by_command
from .run_blocks import block_source, python_job

Job = Any

# Many images call it by one of the names only.
PYTHON = '"$(type -P python3 || type -P python || echo python3)"'
_INTERPRETERS = {"r": "Rscript --vanilla", "bash": "bash", "julia": "julia"}
_TBD = str(TBDString())
SCRIPTS = ".snakemake/omics/scripts"


class Unknown(Exception):
    """A value in the job's text cannot be told before its inputs exist."""


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
        command = Command(":")
    elif job.is_template_engine:
        command = _template(job, workdir)
    else:
        command = _script(job, workdir)
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
    if _TBD in command:
        raise Unknown
    executable = job.resources.get("shell_exec") or shell.get_executable() or "bash"
    # As `snakemake.shell.shell.__new__` puts it together.
    before, after = strict_mode(executable)
    text = " ".join((before, command, after)).strip()
    # By name: the container has its shells at places of its own.
    interpreter = shlex.quote(os.path.basename(executable))
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
    resources = _known_resources(job)
    text, files = block_source(job, resources, workdir)
    _refuse_unknown(job, text.partition("\nRULE = ")[2])
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
        _known_resources(job),
        _config(job),
        "template",
        f"render_template({engine!r}, JOB)",
        workdir,
    )
    return Command(text, PYTHON, files)


# --- scripts ---------------------------------------------------------------------------------


def _script(job: Job, workdir: Path) -> Command:
    """The script, or the notebook, with the job's values before it.

    Raises:
        UnsupportedRule: only Snakemake itself can do that.
    """
    workflow = job.rule.workflow
    if job.is_wrapper:
        path: Any = snakemake_wrapper.get_script(
            job.rule.wrapper, workflow.sourcecache, workflow.workflow_settings.wrapper_prefix
        )
        if isinstance(path, dict):
            raise _unreadable(job, next(iter(path.values()), "it holds no script"))
    else:
        path = script_file(job, job.rule.notebook or job.rule.script)
    try:
        origin, source, language, is_local, cached = snakemake_script.get_source(
            path, workflow.sourcecache, job.rule.basedir, job.wildcards, job.params
        )
    except (WorkflowError, OSError) as error:
        raise _unreadable(job, error) from error
    if is_local:
        # Not made simpler: one that is reached from the project is named from there.
        file = os.path.join(os.getcwd(), origin.get_path_or_uri(secret_free=True))
        location = project_path(file, workdir, job.rule.name)
    else:
        location = _kept(Path(cached), workdir)
    _refuse_unknown(job, source)
    match language:
        case "python":
            return _python(job, workdir, location, source)
        case "r" | "rmarkdown" | "bash" | "julia" | "rust":
            return _with_preamble(job, workdir, location, source, language)
        case "jupyter_python" | "jupyter_r":
            return _notebook(job, workdir, location, source, language)
    raise UnsupportedRule(
        job.rule.name,
        f"has a script in {language}, which needs Snakemake around it",
        hint="call it from `shell:` with its values as arguments, or let the rule run on this "
        f"machine (`localrules: {job.rule.name}`)",
    )


def _kept(fetched: Path, workdir: Path) -> str:
    """A script that was fetched, under a name that another call, or another machine, has too."""
    content = fetched.read_bytes()
    path = f"{SCRIPTS}/{hashlib.sha256(content).hexdigest()[:32]}/{fetched.name}"
    if not (workdir / path).is_file():
        (workdir / path).parent.mkdir(parents=True, exist_ok=True)
        (workdir / path).write_bytes(content)
    return path


def _unreadable(job: Job, why: object) -> UnsupportedRule:
    script = job.rule.notebook or job.rule.script
    what = f"wrapper {job.rule.wrapper}" if job.is_wrapper else f"script {script}"
    told = " ".join(str(why).split())  # in one line
    return UnsupportedRule(
        job.rule.name,
        f"has the {what}, which cannot be read: {told}",
        hint="wrappers are fetched by this machine, from where --wrapper-prefix says"
        if job.is_wrapper
        else None,
    )


def _refuse_unknown(job: Job, source: str) -> None:
    unknown = [
        name
        for name, value in job.resources.items()
        if isinstance(value, TBDString) and name != "tmpdir"
    ]
    if any(isinstance(value, str) and _TBD in value for value in job.params):
        raise Unknown
    # A resource that only the sizes of its inputs will tell matters to a script that reads it.
    reads = re.search(r"resources?(\[|\.items|\.values)|_resources", source)
    if any(reads or f"resources.{name}" in source or f'"{name}"' in source for name in unknown):
        raise Unknown


def _config(job: Job) -> Any:
    """The configuration that the rule sees: that of its module."""
    return job.rule.run_func.__globals__["config"]


def _known_resources(job: Job, tmpdir: str | None = None) -> Any:
    """What can be told of a job's resources; `tmpdir` is what the place where it runs would say."""
    known = {}
    for name, value in job.resources.items():
        if isinstance(value, TBDString):
            if name != "tmpdir" or tmpdir is None:
                continue
            value = tmpdir
        if name not in ("_cores", "_nodes"):
            known[name] = value
    return Namedlist(fromdict=known)


def _python(job: Job, workdir: Path, location: str, source: str) -> Command:
    siblings, texts = _beside(workdir, location, source)
    text, files = python_job(
        job,
        _known_resources(job),
        _named_config(job, texts),
        "script",
        f"run_script(JOB, {seen_by_job(location)!r})",
        workdir,
        set().union(*map(imported_by, texts)),
    )
    return Command(text, "python", (location, *siblings, *files))


def _beside(workdir: Path, location: str, source: str) -> tuple[list[str], list[str]]:
    """What a Python script uses of the project, and the texts of all that is Python."""
    siblings = imported(source, location, workdir)
    modules = [path for path in siblings if path.endswith(".py")]
    return siblings, [source, *((workdir / p).read_text(errors="replace") for p in modules)]


def _named_config(job: Job, texts: Iterable[str]) -> Any:
    """The configuration where it is named: a change of it is a change of the task."""
    return _config(job) if any("config" in text for text in texts) else {}


def _with_preamble(job: Job, workdir: Path, location: str, source: str, language: str) -> Command:
    """The script after the values that Snakemake writes for its language, itself a whole."""
    preamble = _preamble(job, workdir, location, source, language)
    files = (*named_files(source, workdir), *used_by([location], workdir))
    if language == "rust":
        manifest, rest = rust_parts(source)
        crates, features = rust_dependencies()
        call = f'exec rust-script -d {crates} "$1" -- --features {features}'
        text = manifest + preamble.lstrip("\r\n") + rest
        return Command(text, f"bash -c {shlex.quote(call)} rust", files)
    if language != "rmarkdown":
        return Command(f"{preamble}\n{source}", _INTERPRETERS[language], files)
    if len(job.output) != 1:
        raise UnsupportedRule(
            job.rule.name, "has an R Markdown script, and more than one output", hint="give it one"
        )
    header = next(itertools.islice(re.finditer(r"---\n", source), 1, 2), None)
    position = header.start() + 3 if header else 0
    chunk = f"\n```{{r, echo=FALSE, message=FALSE, warning=FALSE}}\n{preamble}\n```\n"
    text = f"{source[:position]}{chunk}{source[position:]}"
    output = seen_by_job(project_path(job.output[0], workdir, job.rule.name))
    # By a path with its suffix, and with Snakemake's own arguments.
    render = (
        'a <- commandArgs(TRUE); f <- paste0(tempfile("job", tmpdir = getwd()), ".Rmd"); '
        "file.copy(a[2], f); on.exit(unlink(f)); rmarkdown::render(f, output_file = "
        "file.path(getwd(), a[1]), quiet = TRUE, knit_root_dir = getwd(), params = list(rmd = f))"
    )
    interpreter = f"Rscript --vanilla -e {shlex.quote(render)} {shlex.quote(output)}"
    return Command(text, interpreter, files)


def _preamble(job: Job, workdir: Path, location: str, source: str, language: str) -> str:
    about = {
        "path": infer_source_file(str(workdir / location)),
        "source": source,
        "input_": job.input,
        "output": job.output,
        "params": job.params,
        "wildcards": job.wildcards,
        "threads": job.threads,
        "resources": _known_resources(job, tmpdir="/tmp"),
        "log": job.log,
        "config": _config(job),
        "rulename": job.rule.name,
    }
    try:
        return preamble_of("r" if language in ("rmarkdown", "jupyter_r") else language, about)
    except (TypeError, ValueError) as error:
        raise UnsupportedRule(
            job.rule.name,
            f"gives its script a value that {language} has no form for: {error}",
            hint="give it as a text, a number or a list of these",
        ) from error


def _notebook(job: Job, workdir: Path, location: str, source: str, language: str) -> Command:
    cells = json.loads(source).get("cells", [])
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    module, files, first = "", [], ""
    if language == "jupyter_python":
        siblings, texts = _beside(workdir, location, code)
        folder = os.path.dirname(seen_by_job(location)) or "."
        module, brought = python_job(
            job,
            _known_resources(job),
            _named_config(job, texts),
            "script",
            f"snakemake = script_object(JOB, {folder!r})",
            workdir,
            set().union(*map(imported_by, texts)),
        )
        files = [*siblings, *brought]
        first = (
            "import logging, os, pickle, sys\n"
            "os.chdir(OMICS_FOLDER)\nsys.path.insert(0, '.omics')\n"
            "from omics_job import snakemake\nsys.path.append(snakemake.scriptdir)\n"
            "Snakemake, logger = type(snakemake), logging.getLogger('snakemake.logging')"
        )
    else:
        preamble = _preamble(job, workdir, location, source, language)
        first = f"setwd(OMICS_FOLDER)\n{preamble}"
        files = [*named_files(code, workdir), *used_by([location], workdir)]
    name, log = os.path.basename(location), job.log.get("notebook")
    given = (name, source, first, module, log and str(log))
    return Command(python_source("notebook", f"run_notebook(*{given!r})"), "python", tuple(files))
