"""Print WDL and its README through the jinja2 templates; what to print is decided elsewhere.

The text of a task depends on that task alone: the run cache keys on it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import jinja2

from ..model import PROJECT, FileRef, JobKey, OutputFile, OutputKind, Step, Task, Wave
from .literal import python_literal
from .names import parameter_name, task_name
from .quoting import heredoc_delimiter, wdl_command, wdl_string
from .sandbox import archive, left_by_task, project_folder, seen_by_job

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
# Where a may_fail task leaves its exit code.
_CODE_FILE = ".omics_code"
# What `snakemake.deployment.conda.Conda.shellcmd` does, for whatever the interpreter is.
_ACTIVATE = 'source activate "$1" && shift && exec "$@"'


def render_task(task: Task) -> str:
    """The WDL task of one job, or of the jobs of a group."""
    title = " ".join(str(task.key).split())
    folder = project_folder(_paths(task))
    files_in = {
        "inputs": [_line(ref) for ref in task.inputs],
        "sources": [seen_by_job(path) for path in task.sources],
    }
    numbers = {step.key: number for number, step in enumerate(task.steps, 1)}
    layers = [
        {
            "services": [_step(step, numbers) for step in layer if step.is_service],
            "steps": [_step(step, numbers) for step in layer if not step.is_service],
        }
        for layer in task.layers
    ]
    pipes = [
        seen_by_job(output.path)
        for step in task.steps
        for output in step.outputs
        if output.kind is OutputKind.PIPE
    ]
    directories = [output for output in task.files if output.kind is OutputKind.DIRECTORY]
    script = _env.get_template("task.sh.j2").render(
        title=f"rule {title}" if len(task.steps) == 1 else title,
        cache_buster=task.cache_buster,
        code_file=_CODE_FILE if task.may_fail else None,
        folder=folder,
        files_in=files_in,
        directories_in={
            kind: any(path.endswith("/") for path in paths) for kind, paths in files_in.items()
        },
        copies=task.copies,
        delimiter=heredoc_delimiter("\n".join(files_in["inputs"]), "OMICS_JOB"),
        single=_step(task.steps[0], numbers) if len(task.steps) == 1 else None,
        layers=layers,
        together=any(len(layer) > 1 for layer in task.layers),
        pipes=pipes,
        pipe_folders=_folders(pipes) or ["."],
        project=PROJECT,
        thread_variables=THREAD_VARIABLES,
        archives=[
            (
                seen_by_job(output.path),
                archive(output),
                str(PurePosixPath(archive(output)).parent),
                "/" if output.path in task.s3_targets else "",
            )
            for output in directories
        ],
    )
    return _env.get_template("task.wdl.j2").render(
        name=task_name(task.key),
        **files_in,
        script=script.rstrip("\n"),
        files=[left_by_task(output, folder) for output in task.files],
        logs=[left_by_task(OutputFile(log), folder) for log in task.logs],
        may_fail=task.may_fail,
        volatile=task.volatile,
        code_file=_CODE_FILE,
        container=task.container,
        resources=task.resources,
    )


def _paths(task: Task) -> list[str]:
    """Every path that the task names."""
    return [
        *(ref.path for ref in task.inputs),
        *task.sources,
        *(output.path for step in task.steps for output in step.outputs),
        *(output.path for output in task.files),
        *task.logs,
    ]


def _line(ref: FileRef) -> str:
    """An input in the list of paths; a closing slash marks an archive to unpack."""
    return seen_by_job(ref.path) + ("/" if ref.directory else "")


def _folders(paths: Iterable[str]) -> list[str]:
    return sorted({str(PurePosixPath(path).parent) for path in paths} - {"."})


def _step(step: Step, numbers: Mapping[JobKey, int]) -> dict[str, object]:
    """What the template prints of one job."""
    number = numbers[step.key]
    file = ".omics/job" if len(numbers) == 1 else f".omics/job_{number}"
    outputs = {kind: [o for o in step.outputs if o.kind is kind] for kind in OutputKind}
    plain = outputs[OutputKind.FILE]
    wanted = [*plain, *([OutputFile(step.benchmark.path)] if step.benchmark else [])]
    seen = [seen_by_job(output.path) for output in (*step.outputs, *wanted)]
    activate = f"bash -c {shlex.quote(_ACTIVATE)} conda {shlex.quote(step.conda or '')} "
    checks = [
        ("-e", wanted, "The job ended without its output file"),
        ("-d", outputs[OutputKind.DIRECTORY], "The job ended without its output directory"),
        ("-s", [o for o in plain if o.non_empty], "The job left the output empty:"),
    ]
    return {
        "title": f"rule {' '.join(str(step.key).split())}",
        "name": f"step_{number}",
        "file": file,
        "folders": _folders([*seen, *map(seen_by_job, step.logs)]),
        "threads": step.threads,
        "tmpdir": step.tmpdir,
        "command": step.command,
        "delimiter": heredoc_delimiter(step.command, "OMICS_JOB"),
        "names_project": PROJECT in step.command,
        "interpreter": (activate if step.conda else "") + step.interpreter,
        "benchmark": step.benchmark
        and {
            "seen": seen_by_job(step.benchmark.path),
            "is_json": step.benchmark.is_json,
            "repeats": step.benchmark.repeats,
        },
        "logs": [{"path": log, "seen": seen_by_job(log)} for log in step.logs],
        # Snakemake makes the log files that a job did not write.
        "touch": [
            seen_by_job(path)
            for path in (*(output.path for output in plain if output.touch), *step.logs)
        ],
        "checks": [
            (test, [seen_by_job(output.path) for output in chosen], complaint)
            for test, chosen, complaint in checks
            if chosen
        ],
        "sums": [(seen_by_job(o.path), o.checksum) for o in plain if o.checksum],
        "services": [seen_by_job(o.path) for o in outputs[OutputKind.SERVICE]],
    }


def render_workflow(wave: Wave, workflow: str, literals: Mapping[str, str]) -> str:
    """`main.wdl`: one call per task, raw inputs as workflow inputs, every result an output.

    The inputs named in `literals` have their URI as default.
    """
    positions = {
        task.key: {output.path: index for index, output in enumerate(task.files)}
        for task in wave.tasks
    }
    uncertain = wave.uncertain
    return _env.get_template("main.wdl.j2").render(
        workflow=workflow,
        parameters=[
            {"name": parameter_name(path), "default": literals.get(path)}
            for path in wave.raw_inputs
        ],
        tasks=[
            {
                "name": task_name(task.key),
                "arguments": _arguments(task, positions, uncertain),
                "needs": [
                    f"{task_name(parent)}.files" for parent in task.parents if parent in uncertain
                ],
                "uncertain": task.key in uncertain,
                "may_fail": task.may_fail,
                "logs": task.logs,
                "text": render_task(task),
            }
            for task in wave.tasks
        ],
    )


def _arguments(
    task: Task,
    positions: Mapping[JobKey, Mapping[str, int]],
    uncertain: Collection[JobKey],
) -> list[str]:
    inputs = [_expression(ref, positions, uncertain) for ref in task.inputs]
    sources = [parameter_name(path) for path in task.sources]
    return [
        f"{name} = [{', '.join(values)}]"
        for name, values in (("inputs", inputs), ("sources", sources))
        if values
    ]


def _expression(
    ref: FileRef,
    positions: Mapping[JobKey, Mapping[str, int]],
    uncertain: Collection[JobKey],
) -> str:
    if ref.producer is None:
        return parameter_name(ref.path)
    files = f"{task_name(ref.producer)}.files"
    if ref.producer in uncertain:
        files = f"select_first([{files}])"
    return f"{files}[{positions[ref.producer][ref.path]}]"


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


def script_source(job: Mapping[str, object], script: str) -> str:
    """The text that runs the Python file `script` with the job's values.

    Raises:
        TypeError: a value has no form outside this process.
    """
    runner = (Path(__file__).parent / "script_runner.py").read_text(encoding="utf-8")
    return f"{runner}\n\nrun({python_literal(dict(job))}, {script!r})"
