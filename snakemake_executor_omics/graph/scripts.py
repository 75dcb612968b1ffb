"""The text of a job with a script, a notebook or a wrapper: that, after the values of the job."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from snakemake import script as snakemake_script
from snakemake import wrapper as snakemake_wrapper
from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import infer_source_file

from ..compile import python_source
from ..compile.sandbox import seen_by_job
from ..errors import UnsupportedRule
from .internals import preamble_of, rust_dependencies, rust_parts, script_file
from .modules import imported_by
from .paths import named_files, project_path
from .programs import imported, used_by
from .run_blocks import python_job
from .units import Job
from .values import config_of, known_resources, refuse_unknown

_INTERPRETERS = {"r": "Rscript --vanilla", "bash": "bash", "julia": "julia"}
_SCRIPTS = ".snakemake/omics/scripts"


class Script(NamedTuple):
    """A text, the shell words of its interpreter, and the undeclared files that it needs."""

    text: str
    interpreter: str
    sources: tuple[str, ...]


def script_of(job: Job, workdir: Path) -> Script:
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
    refuse_unknown(job, source)
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
    path = f"{_SCRIPTS}/{hashlib.sha256(content).hexdigest()[:32]}/{fetched.name}"
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
        else "a relative path begins in the folder of the rule's Snakefile",
    )


def _python(job: Job, workdir: Path, location: str, source: str) -> Script:
    siblings, texts = _beside(workdir, location, source)
    text, files = python_job(
        job,
        known_resources(job),
        _named_config(job, texts),
        "script",
        f"run_script(JOB, {seen_by_job(location)!r})",
        workdir,
        set().union(*map(imported_by, texts)),
    )
    return Script(text, "python", (location, *siblings, *files))


def _beside(workdir: Path, location: str, source: str) -> tuple[list[str], list[str]]:
    """What a Python script uses of the project, and the texts of all that is Python."""
    siblings = imported(source, location, workdir)
    modules = [path for path in siblings if path.endswith(".py")]
    return siblings, [source, *((workdir / p).read_text(errors="replace") for p in modules)]


def _named_config(job: Job, texts: Iterable[str]) -> Any:
    """The configuration where it is named: a change of it is a change of the task."""
    return config_of(job) if any("config" in text for text in texts) else {}


def _with_preamble(job: Job, workdir: Path, location: str, source: str, language: str) -> Script:
    """The script after the values that Snakemake writes for its language, itself a whole."""
    preamble = _preamble(job, workdir, location, source, language)
    files = (*named_files(source, workdir), *used_by([location], workdir))
    if language == "rust":
        manifest, rest = rust_parts(source)
        crates, features = rust_dependencies()
        call = f'exec rust-script -d {crates} "$1" -- --features {features}'
        text = manifest + preamble.lstrip("\r\n") + rest
        return Script(text, f"bash -c {shlex.quote(call)} rust", files)
    if language != "rmarkdown":
        return Script(f"{preamble}\n{source}", _INTERPRETERS[language], files)
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
    return Script(text, interpreter, files)


def _preamble(job: Job, workdir: Path, location: str, source: str, language: str) -> str:
    about = {
        "path": infer_source_file(str(workdir / location)),
        "source": source,
        "input_": job.input,
        "output": job.output,
        "params": job.params,
        "wildcards": job.wildcards,
        "threads": job.threads,
        "resources": known_resources(job, tmpdir="/tmp"),
        "log": job.log,
        "config": config_of(job),
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


def _notebook(job: Job, workdir: Path, location: str, source: str, language: str) -> Script:
    cells = json.loads(source).get("cells", [])
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    module, files, first = "", [], ""
    if language == "jupyter_python":
        siblings, texts = _beside(workdir, location, code)
        folder = os.path.dirname(seen_by_job(location)) or "."
        module, brought = python_job(
            job,
            known_resources(job),
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
    return Script(python_source("notebook", f"run_notebook(*{given!r})"), "python", tuple(files))
