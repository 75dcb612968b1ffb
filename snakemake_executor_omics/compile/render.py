"""Print WDL and its README through the jinja2 templates; what to print is decided elsewhere.

The text of a task depends on that task alone: the run cache keys on it.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import jinja2

from ..model import PROJECT, FileRef, JobKey, OutputFile, OutputKind, Resources, Step, Task, Wave
from .names import parameter_name, task_name
from .quoting import heredoc_delimiter, wdl_command, wdl_string
from .sandbox import EXECUTABLES, archive, left_by_task, project_folder, seen_by_job, stand_in

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
# The files of `in_task` that not every Python job needs, and by which words it does.
_USED = {
    "builders": "namespace|load|member|evaluated|scalar|numbers|index|multi_index",
    "functions": "shell|format|expand|collect|multiext|glob_wildcards|logger|stand_in",
}
# Where a may_fail task leaves its exit code.
_CODE_FILE = ".omics_code"
_LARGEST_COPY = 5 * 1024**3  # bytes: a human genome is smaller, most alignments are not
# How a file comes to its place in the task's folder. Data is linked, programs are not: what they
# have beside them is looked for beside the real file. So are indexes, by tools that resolve links:
# data with one is the same file under a second name. Where inputs are on another mount it is a
# copy, unless that would cost too much time and room: then it is a link.
_WAYS = {
    "link": 'ln -s -- "$file" "$path"',
    "indexed": (
        'ln -L -- "$file" "$path" 2> /dev/null || '
        f'{{ [ "$(stat -Lc %s -- "$file")" -le {_LARGEST_COPY} ] && cp -- "$file" "$path"; }} || '
        'ln -sf -- "$file" "$path"'
    ),
    "copy": 'cp -- "$file" "$path"; chmod u+w -- "$path"',
    "program": 'cp -- "$file" "$path"; chmod u+wx -- "$path"',
    "unpack": 'mkdir -p -- "$path"; tar -xmf "$file" -C "./$path"',
}
_INDEXES = frozenset((".bai", ".crai", ".csi", ".dict", ".idx", ".tbi"))  # in place of a suffix
# What `snakemake.deployment.conda.Conda.shellcmd` does, for whatever the interpreter is.
_ACTIVATE = 'source activate "$1" && shift && exec "$@"'


def render_task(task: Task) -> str:
    """The WDL task of one job, or of the jobs of a group."""
    title = " ".join(str(task.key).split())
    folder = project_folder(_paths(task))
    indexed = _indexed(ref.path for ref in task.inputs if not ref.directory)
    files_in = {
        "inputs": _placed((_way(task, ref, indexed), ref.path) for ref in task.inputs),
        "sources": _placed(
            ("program" if path in task.executables else "copy", path) for path in task.sources
        ),
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
        activates=task.environment is not None,
        folder=folder,
        files_in=files_in,
        logs=task.logs,
        ways=_WAYS,
        modes=task.may_run,
        delimiter=heredoc_delimiter(
            "\n".join(line for placed in files_in.values() for line in placed["lines"]),
            "OMICS_JOB",
        ),
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
        plain=[seen_by_job(o.path) for o in task.files if o.kind is OutputKind.FILE],
        shortened=[
            (seen_by_job(path), stand_in(path))
            for path in (
                *(o.path for o in task.files if o.kind is OutputKind.FILE),
                *task.logs,
            )
            if stand_in(path) != seen_by_job(path)
        ],
        executables=PurePosixPath(EXECUTABLES).name,
    )
    left = ", ".join(wdl_string(left_by_task(output, folder)) for output in task.files)
    executables = wdl_string(left_by_task(OutputFile(EXECUTABLES), folder))
    return _env.get_template("task.wdl.j2").render(
        name=task_name(task.key),
        inputs=[
            *(name for name, placed in files_in.items() if placed["lines"]),
            *(["modes"] if task.may_run else []),
        ],
        script=script.rstrip("\n"),
        # One more where there are executable ones: storage in S3 and the run cache keep no modes.
        files=f"flatten([[{left}], glob({executables})])" if left else "[]",
        logs=[left_by_task(OutputFile(log), folder) for log in task.logs],
        may_fail=task.may_fail,
        volatile=task.volatile,
        code_file=_CODE_FILE,
        container=task.container,
        resources=task.resources,
        memory=_memory(task.resources),
    )


def _memory(resources: Resources) -> str | None:
    """The WDL of the runtime attribute, None for the service's default."""
    match resources.memory_mb:
        case None:
            return None
        case str() as expression:
            return f'"~{{{expression}}} MB"'
        case number:
            return f'"{number} MB"'


def _paths(task: Task) -> list[str]:
    """Every path that the task names."""
    return [
        *(ref.path for ref in task.inputs),
        *task.sources,
        *(output.path for step in task.steps for output in step.outputs),
        *(output.path for output in task.files),
        *task.logs,
    ]


def _indexed(paths: Iterable[str]) -> set[str]:
    """Files and their indexes: `x.bam` with `x.bam.bai` or `x.bai`, `x.fa` with `x.fa.fai`."""
    known = set(paths)
    stems: dict[str, list[str]] = {}
    for path in known:
        stems.setdefault(posixpath.splitext(path)[0], []).append(path)
    found: set[str] = set()
    for path in known:
        stem, suffix = posixpath.splitext(path)
        data = [stem] if suffix and stem in known else []
        if suffix in _INDEXES:
            data += [other for other in stems[stem] if other != path]
        if data:
            found.update((path, *data))
    return found


def _way(task: Task, ref: FileRef, indexed: Collection[str]) -> str:
    if ref.directory:
        return "unpack"
    if ref.path in task.executables:
        return "program"
    if task.copies or ref.program:
        return "copy"
    return "indexed" if ref.path in indexed else "link"


def _placed(files: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The list of a task's files, each after the way that it comes to its place."""
    lines = [(way, seen_by_job(path)) for way, path in files]
    return {
        "lines": [f"{way} {path}" for way, path in lines],
        "ways": [way for way in _WAYS if any(way == used for used, _ in lines)],
    }


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
        "logs": [
            {"number": f"{number}.{place}", "path": log, "seen": seen_by_job(log)}
            for place, log in enumerate(step.logs, 1)
        ],
        "settled": [*(seen_by_job(o.path) for o in wanted), *map(seen_by_job, step.logs)],
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


def render_workflow(
    wave: Wave, workflow: str, literals: Mapping[str, str], texts: Mapping[JobKey, str]
) -> str:
    """`main.wdl`: one call per task, raw inputs as workflow inputs, every result an output.

    The inputs named in `literals` have their URI as default; `texts` are those of the tasks.
    """
    positions = {
        task.key: {output.path: index for index, output in enumerate(task.files)}
        for task in wave.tasks
    }
    uncertain, internal, readers = wave.uncertain, wave.internal, wave.readers
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
                "files": _exported(task, internal, uncertain),
                "temporary": _temporary(task, internal, readers, uncertain),
                "logs": task.logs,
                "text": texts[task.key],
            }
            for task in wave.tasks
        ],
    )


def _exported(task: Task, internal: Collection[str], uncertain: Collection[JobKey]) -> str:
    """What a task leaves outside of the run: all of its files, but for those that stay in it."""
    name, files = task_name(task.key), _files(task.key, uncertain)
    left = [index for index, output in enumerate(task.files) if output.path not in internal]
    if len(left) == len(task.files):
        return f"{name}.files"
    value = "[]" if not left else _chosen(files, left, len(task.files))
    return f"if (defined({name}.files)) then {value} else None" if task.key in uncertain else value


def _temporary(
    task: Task,
    internal: Collection[str],
    readers: Mapping[str, Collection[JobKey]],
    uncertain: Collection[JobKey],
) -> str | None:
    """A task's files that stay in the run, if one that reads them may fail: for its next try."""
    stay = [index for index, output in enumerate(task.files) if output.path in internal]
    read_by = {key for index in stay for key in readers.get(task.files[index].path, ())}
    doubtful = sorted(f"{task_name(key)}.files" for key in read_by if key in uncertain)
    if not doubtful:
        return None
    name, files = task_name(task.key), _files(task.key, uncertain)
    lacks = f"length(select_all([{', '.join(doubtful)}])) < {len(doubtful)}"
    if task.key in uncertain:
        lacks = f"defined({name}.files) && {lacks}"
    # Which of them are executable stands in the list that goes with the others, if there are any.
    everything = len(stay) == len(task.files)
    listed = ", ".join(f"{files}[{index}]" for index in stay)
    value = _chosen(files, stay, len(task.files)) if everything else f"[{listed}]"
    return f"if ({lacks}) then {value} else None"


def _chosen(files: str, indexes: Iterable[int], count: int) -> str:
    """Some of a task's `count` files, and the list of the executable ones."""
    listed = ", ".join(f"{files}[{index}]" for index in indexes)
    return f"flatten([[{listed}], {_executables(files, count)}])"


def _arguments(
    task: Task,
    positions: Mapping[JobKey, Mapping[str, int]],
    uncertain: Collection[JobKey],
) -> list[str]:
    inputs = [_expression(ref, positions, uncertain) for ref in task.inputs]
    sources = [parameter_name(path) for path in task.sources]
    found = [
        f"{name} = [{', '.join(values)}]"
        for name, values in (("inputs", inputs), ("sources", sources))
        if values
    ]
    if task.may_run:
        modes = ", ".join(_modes(key, len(positions[key]), uncertain) for key in task.may_run)
        found.append(f"modes = flatten([{modes}])")
    return found


def _modes(key: JobKey, count: int, uncertain: Collection[JobKey]) -> str:
    return _executables(_files(key, uncertain), count)


def _executables(files: str, count: int) -> str:
    """The list of a task's executable files, which it leaves after its `count` others, if any."""
    return f"if (length({files}) > {count}) then [{files}[{count}]] else []"


def _files(key: JobKey, uncertain: Collection[JobKey]) -> str:
    files = f"{task_name(key)}.files"
    return f"select_first([{files}])" if key in uncertain else files


def _expression(
    ref: FileRef,
    positions: Mapping[JobKey, Mapping[str, int]],
    uncertain: Collection[JobKey],
) -> str:
    if ref.producer is None:
        return parameter_name(ref.path)
    return f"{_files(ref.producer, uncertain)}[{positions[ref.producer][ref.path]}]"


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


def python_source(kind: str, statements: str) -> str:
    """Python for a task: what the `statements` use of `in_task`, and they themselves."""
    parts = ["values", kind]
    parts += [name for name, used in _USED.items() if re.search(rf"\b({used})\b", statements)]
    texts = []
    for name in parts:
        text = (_PACKAGE / "compile" / "in_task" / f"{name}.py").read_text(encoding="utf-8")
        texts.append(re.sub(r"^from \.\w+ import .*\n", "", text, flags=re.MULTILINE).strip("\n"))
    return "\n\n\n".join([*texts, statements])
