"""The text of a job: what Snakemake would run for it, as one file for one interpreter.

Shell commands, and Python, R and Bash scripts (wrappers among them), need nothing of Snakemake in
their container. What is left (`run:`, `notebook:`, `template_engine:`, scripts in other languages
or with values that only Python can hold) calls Snakemake inside it.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from snakemake import script as snakemake_script
from snakemake import wrapper as snakemake_wrapper
from snakemake.common.tbdstring import TBDString
from snakemake.exceptions import WorkflowError
from snakemake.iocontainers import Namedlist
from snakemake.shell import shell
from snakemake.sourcecache import infer_source_file
from snakemake.utils import format as snakemake_format

from ..compile import script_source
from ..compile.sandbox import seen_by_job
from ..errors import UnsupportedRule
from .internals import plain, positions_of_names, script_file, script_with_values, strict_mode
from .paths import named_files, project_path
from .programs import imported, used_by, used_by_command
from .sources import SOURCES, snakefile
from .storage import is_stored

Job = Any

_TBD = str(TBDString())


class Unknown(Exception):
    """A value in the job's text cannot be told before its inputs exist."""


@dataclass(frozen=True, slots=True)
class Command:
    """A text, the shell words of its interpreter, and the undeclared files that it needs."""

    text: str
    interpreter: str = "bash"
    sources: tuple[str, ...] = ()
    by_snakemake: bool = False


def command_of(job: Job, workdir: Path) -> Command:
    """What `job` runs.

    Raises:
        Unknown: it holds a value that only its inputs will tell.
        UnsupportedRule: no task can run it.
    """
    if job.is_shell:
        return _shell(job, workdir)
    if job.is_script or job.is_wrapper:
        return _script(job, workdir) or _by_snakemake(job)
    return _by_snakemake(job)


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
    named = named_files(command, workdir)
    return Command(text, interpreter, (*named, *used_by_command(command, named, workdir)))


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
            job.rule.name, f"has a command that cannot be made: {error}"
        ) from error
    return commands[0]


# --- scripts ---------------------------------------------------------------------------------


def _script(job: Job, workdir: Path) -> Command | None:
    """The script with the job's values before it, None where Snakemake itself must do that."""
    workflow = job.rule.workflow
    if job.is_wrapper:
        path: Any = snakemake_wrapper.get_script(
            job.rule.wrapper, workflow.sourcecache, workflow.workflow_settings.wrapper_prefix
        )
        if isinstance(path, dict):
            raise _unreadable(job, next(iter(path.values()), "it holds no script"))
    else:
        path = script_file(job, job.rule.script)
    try:
        origin, source, language, is_local, cached = snakemake_script.get_source(
            path, workflow.sourcecache, job.rule.basedir, job.wildcards, job.params
        )
    except (WorkflowError, OSError) as error:
        raise _unreadable(job, error) from error
    file = origin.get_path_or_uri(secret_free=True) if is_local else cached
    location = project_path(os.path.abspath(file), workdir, job.rule.name)
    _refuse_unknown(job, source)
    match language:
        case "python":
            return _python(job, workdir, location, source)
        case "r" | "bash":
            return _with_preamble(job, workdir, location, source, language)
    return None


def _unreadable(job: Job, why: object) -> UnsupportedRule:
    what = f"wrapper {job.rule.wrapper}" if job.is_wrapper else f"script {job.rule.script}"
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


def _known_resources(job: Job) -> Any:
    known = {
        name: value
        for name, value in job.resources.items()
        if not isinstance(value, TBDString) and name not in ("_cores", "_nodes")
    }
    return Namedlist(fromdict=known)


def _python(job: Job, workdir: Path, location: str, source: str) -> Command | None:
    described = {
        "input": _named(job.input),
        "output": _named(job.output),
        "params": _named(job.params),
        "wildcards": _named(job.wildcards),
        "log": _named(job.log),
        "resources": _named(_known_resources(job)),
        "threads": job.threads,
        "config": {},
        "rule": job.rule.name,
    }
    siblings = imported(source, (workdir / location).parent, workdir)
    texts = [source, *((workdir / path).read_text(errors="replace") for path in siblings)]
    if any("report_href" in text for text in texts):
        return None  # an object that only Snakemake can make
    if any("config" in text for text in texts):
        # Only then: a change of the configuration is a change of the task.
        described["config"] = _config(job)
    try:
        text = script_source(described, seen_by_job(location))
    except TypeError:
        return None
    return Command(text, "python", (location, *siblings))


def _with_preamble(
    job: Job, workdir: Path, location: str, source: str, language: str
) -> Command | None:
    """The script after the values that Snakemake writes for its language, itself a whole."""
    about = {
        "path": infer_source_file(str(workdir / location)),
        "source": source,
        "input_": job.input,
        "output": job.output,
        "params": job.params,
        "wildcards": job.wildcards,
        "threads": job.threads,
        "resources": _known_resources(job),
        "log": job.log,
        "config": _config(job),
        "rulename": job.rule.name,
    }
    try:
        preamble = script_with_values(language, about)
    except ValueError:  # a value that the language has no form for
        return None
    return Command(
        f"{preamble}\n{source}",
        "Rscript --vanilla" if language == "r" else "bash",
        (*named_files(source, workdir), *used_by([location], workdir)),
    )


def _named(values: Any) -> tuple[list[Any], dict[str, tuple[int, int | None]]]:
    """A Namedlist as its items and the positions of its names."""
    return list(values), positions_of_names(values)


# --- Snakemake in the container --------------------------------------------------------------


def _by_snakemake(job: Job) -> Command:
    """Snakemake itself runs the one job, with the workflow's sources at hand."""
    workflow = job.rule.workflow
    if workflow.envvars:
        raise UnsupportedRule(
            job.rule.name,
            "runs Snakemake inside its container, and the workflow's `envvars:` must be set there: "
            f"{', '.join(sorted(workflow.envvars))}",
            hint="secrets are not sent to HealthOmics; use `shell:` or a Python `script:` instead",
        )
    if any(isinstance(value, str) and _TBD in value for value in job.params):
        raise Unknown
    arguments = [
        "--snakefile",
        snakefile(workflow),
        "--target-jobs",
        *_target(job),
        "--allowed-rules",
        job.rule.name,
        "--cores",
        str(job.threads),
        "--attempt",
        str(job.attempt),
        "--mode",
        "subprocess",
        "--force",
        "--target-files-omit-workdir-adjustment",
        "--nolock",
        "--notemp",
        "--ignore-incomplete",
        "--no-hooks",
        "--nocolor",
        "--retries",
        "0",
        "--latency-wait",
        "0",
        "--set-threads",
        f"{job.rule.name}={job.threads}",
        *_settings(workflow),
    ]
    folder = _folder(job)
    text = "\n".join(
        [
            "set -euo pipefail",
            f"mkdir -p {shlex.quote(folder)} && cd {shlex.quote(folder)}",
            f'tar -xf "$OLDPWD/{SOURCES}"',
            "if ! python -c 'import snakemake'; then",
            f"  echo 'rule {job.rule.name} needs Snakemake in its container, for all that is not "
            "shell: or a Python, R or Bash script:' >&2",
            "  exit 1",
            "fi",
            f"exec python -m snakemake {shlex.join(arguments)}",
        ]
    )
    return Command(text, "bash", (SOURCES,), by_snakemake=True)


def _folder(job: Job) -> str:
    """Where the Snakemake of the task works: it knows no storage, so where the files' paths begin.

    Raises:
        UnsupportedRule: they begin at several places.
    """
    workflow = job.rule.workflow
    folder = ""
    if workflow.storage_registry.default_storage_provider is not None:
        prefix = workflow.storage_settings.default_storage_prefix.rstrip("/")
        root = workflow.storage_registry.default_storage_provider.object(f"{prefix}/file")
        folder = f"{os.path.dirname(root.local_path())}/"
    for file in (*job.input, *job.output, *job.log, *([job.benchmark] if job.benchmark else ())):
        if (is_stored(file) or folder) and not (folder and str(file).startswith(folder)):
            where = file.storage_object.print_query if is_stored(file) else file
            raise UnsupportedRule(
                job.rule.name,
                f"runs Snakemake inside its container, which cannot use {where}"
                + (" beside files below --default-storage-prefix" if folder else ""),
                hint="use `shell:` or a script in Python, R or Bash, or have all its files in one "
                "place",
            )
    return folder or "."


def _target(job: Job) -> list[str]:
    from snakemake_interface_executor_plugins.utils import encode_target_jobs_cli_args

    specification: list[str] = encode_target_jobs_cli_args(job.get_target_spec())
    return specification


def _settings(workflow: Any) -> list[str]:
    """What the user told Snakemake that changes what a job is."""
    arguments: list[str] = []
    if workflow.overwrite_configfiles:
        files = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
        arguments += ["--configfiles", *files]
    if workflow.config_settings.config_args:
        arguments += ["--config", *workflow.config_settings.config_args]
    if workflow.workflow_settings.wrapper_prefix:
        arguments += ["--wrapper-prefix", str(workflow.workflow_settings.wrapper_prefix)]
    if workflow.resource_settings.overwrite_scatter:
        scatter = sorted(workflow.resource_settings.overwrite_scatter.items())
        arguments += ["--set-scatter", *(f"{name}={count}" for name, count in scatter)]
    return arguments
