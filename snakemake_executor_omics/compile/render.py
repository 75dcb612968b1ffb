"""Print WDL and its README through the jinja2 templates; what to print is decided elsewhere.

The text of a task depends on that task alone: the run cache keys on it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import jinja2

from ..model import FileRef, JobKey, Language, Task, Wave
from .names import parameter_name, task_name
from .quoting import heredoc_delimiter, wdl_command, wdl_string

# In a checkout the templates stand beside the package, in a wheel inside it.
_PACKAGE = Path(__file__).resolve().parent.parent
_env = jinja2.Environment(
    loader=jinja2.FileSystemLoader([_PACKAGE / "templates", _PACKAGE.parent / "templates"]),
    undefined=jinja2.StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_env.filters |= {
    "wdl_string": wdl_string,
    "wdl_command": wdl_command,
    "shell_word": lambda text: wdl_command(shlex.quote(text)),
}

# What Snakemake sets for every job: `snakemake.shell.shell.__new__`.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_INTERPRETER = {Language.BASH: "bash", Language.PYTHON: "python"}


def render_task(task: Task) -> str:
    """The WDL task of one job."""
    title = " ".join(str(task.key).split())
    files_in = {
        "inputs": [ref.path for ref in task.inputs],
        "sources": list(task.sources),
    }
    made = [*task.files, *task.logs]
    script = _env.get_template("task.sh.j2").render(
        title=f"rule {title}",
        files_in=files_in,
        folders=sorted({str(PurePosixPath(path).parent) for path in made} - {"."}),
        thread_variables=THREAD_VARIABLES,
        threads=task.resources.cpus,
        command=task.command,
        delimiter=heredoc_delimiter(task.command, "OMICS_JOB"),
        interpreter=_INTERPRETER[task.language],
        benchmark=task.benchmark,
        logs=task.logs,
        touch=[output.path for output in task.outputs if output.touch],
        files=task.files,
    )
    return _env.get_template("task.wdl.j2").render(
        name=task_name(task.key),
        **files_in,
        script=script.rstrip("\n"),
        files=task.files,
        logs=task.logs,
        container=task.container,
        resources=task.resources,
    )


def render_workflow(wave: Wave, workflow: str, literals: Mapping[str, str]) -> str:
    """`main.wdl`: one call per task, raw inputs as workflow inputs, every result an output.

    The inputs named in `literals` have their URI as default.
    """
    positions = {
        task.key: {path: index for index, path in enumerate(task.files)} for task in wave.tasks
    }
    return _env.get_template("main.wdl.j2").render(
        workflow=workflow,
        parameters=[
            {"name": parameter_name(path), "default": literals.get(path)}
            for path in wave.raw_inputs
        ],
        tasks=[
            {
                "name": task_name(task.key),
                "arguments": _arguments(task, positions),
                "logs": task.logs,
                "text": render_task(task),
            }
            for task in wave.tasks
        ],
    )


def _arguments(task: Task, positions: Mapping[JobKey, Mapping[str, int]]) -> list[str]:
    inputs = [_expression(ref, positions) for ref in task.inputs]
    sources = [parameter_name(path) for path in task.sources]
    return [
        f"{name} = [{', '.join(values)}]"
        for name, values in (("inputs", inputs), ("sources", sources))
        if values
    ]


def _expression(ref: FileRef, positions: Mapping[JobKey, Mapping[str, int]]) -> str:
    if ref.producer is None:
        return parameter_name(ref.path)
    return f"{task_name(ref.producer)}.files[{positions[ref.producer][ref.path]}]"


def render_readme(wave: Wave, workflow: str) -> str:
    """The bundle's README: the rule graph as mermaid."""
    jobs = Counter(task.key.rule for task in wave.tasks)
    ids = {rule: f"r{number}" for number, rule in enumerate(jobs)}
    edges = {
        (ids[ref.producer.rule], ids[task.key.rule]): None
        for task in wave.tasks
        for ref in task.inputs
        if ref.producer is not None
    }
    rules: Sequence[Mapping[str, object]] = [
        {"id": ids[rule], "name": rule, "jobs": count} for rule, count in jobs.items()
    ]
    return _env.get_template("README.md.j2").render(
        workflow=workflow, tasks=wave.tasks, rules=rules, edges=list(edges)
    )


def script_source(job: str, script: str) -> str:
    """The text that runs a Python `script:`, given the job as JSON."""
    runner = (Path(__file__).parent / "script_runner.py").read_text(encoding="utf-8")
    return f"{runner}\n\nrun({job!r}, {script!r})"
