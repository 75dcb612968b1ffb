"""Print WDL and its README through the jinja2 templates; what to print is decided elsewhere.

The text of a task depends on that task alone: the run cache keys on it.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from ..model import PROJECT, FileRef, JobKey, OutputFile, OutputKind, Resources, Step, Task, Wave
from .names import names_of, pack_name, parameter_name, task_name
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
    "functions": "shell|set_shell|format|expand|collect|multiext|glob_wildcards|logger|stand_in",
}
# Where a may_fail task leaves its exit code.
_CODE_FILE = ".omics_code"
_SECONDS_FILE = ".omics_seconds"  # how long a job of a pack has worked
_LARGEST_COPY = 5 * 1024**3  # bytes: a human genome is smaller, most alignments are not
# How a file comes to its place in the task's folder. Data is linked, programs are not: what they
# have beside them is looked for beside the real file. So are indexes, by tools that resolve links:
# data with one is the same file under a second name. Where inputs are on another mount it is a
# copy, unless that would cost too much time and room: then it is a link.
_WAYS = {
    "link": 'ln -sf -- "$file" "$path"',  # in a directory that is an input too it is there
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a job finds its files: the names of its lists in WDL, and of what lies beside it.

    A packed job has a `number`; of its inputs those in `beside` are left by jobs of its task.
    """

    number: int | None = None
    optional: bool = False
    beside: Mapping[JobKey, tuple[int, Task]] = field(default_factory=dict)

    def wdl(self, name: str) -> str:
        return name if self.number is None else f"{name}_{self.number}"

    def given(self, name: str) -> str:
        """The list, also where the job is left out."""
        return f"select_first([{self.wdl(name)}, []])" if self.optional else self.wdl(name)

    def left(self, key: JobKey, path: str) -> str:
        """Where a job of this task has left a file, seen from the task's folder."""
        number, task = self.beside[key]
        output = next((o for o in task.files if o.path == path), OutputFile(path))
        return posixpath.join(str(number), left_by_task(output, _folder(task)))


def _folder(task: Task) -> str:
    return project_folder(_paths(task))


def render_task(task: Task) -> str:
    """The WDL task of one job, or of the jobs of a group."""
    place = _Place()
    return _env.get_template("task.wdl.j2").render(
        name=task_name(task.key),
        inputs=_lists(task, place),
        script=_script(task, place, may_fail=task.may_fail),
        files=_left(task) or "[]",
        logs=[left_by_task(OutputFile(log), _folder(task)) for log in task.logs],
        may_fail=task.may_fail,
        volatile=task.volatile,
        code_file=_CODE_FILE,
        container=task.container,
        resources=task.resources,
        memory=_memory(task.resources),
    )


def render_pack(
    tasks: Sequence[Task], uncertain: Collection[JobKey] = (), longest: int | None = None
) -> str:
    """The WDL task of jobs that share one, in an order in which they can run.

    Each job has a folder of its own there, with its script as in a task of its own, and outputs
    that bear its number. The task ends well whatever becomes of them. What a job reads from one
    beside it does not leave the task; where a job of another task may have failed, the one that
    reads from it is left out alone. Once it has worked for `longest` seconds it begins no more.
    """
    beside = {task.key: (number, task) for number, task in enumerate(tasks, 1)}
    members: list[dict[str, object]] = []
    inputs: list[str] = []
    for number, task in beside.values():
        outside = [key for key in task.parents if key not in beside]
        place = _Place(number, any(key in uncertain for key in outside), beside)
        lists = _lists(task, place)
        inputs += [
            f"Array[File]{'?' if place.optional and name != place.wdl('sources') else ''} {name}"
            for name in lists
        ]
        runs = f'~{{if defined({place.wdl("inputs")}) then "true" else "false"}}'
        folder = posixpath.join(str(number), _folder(task))
        members.append(
            {
                "script": _script(task, place, may_fail=True),
                "runs": runs if place.optional else "true",
                "earlier": [beside[key][0] for key in task.parents if key in beside],
                "code_file": f"{number}/{_CODE_FILE}",
                "seconds_file": f"{number}/{_SECONDS_FILE}",
                "files": _left(task, str(number)),
                "logs": [left_by_task(OutputFile(log), folder) for log in task.logs],
            }
        )
    rules = ", ".join(dict.fromkeys(task.key.rule for task in tasks))
    script = _env.get_template("pack.sh.j2").render(
        title=f"{len(tasks)} jobs: {rules}",
        members=members,
        code_file=_CODE_FILE,
        seconds_file=_SECONDS_FILE,
        longest=longest,
    )
    resources = Resources.of_pack([task.resources for task in tasks])
    return _env.get_template("pack.wdl.j2").render(
        name=pack_name([task.key for task in tasks]),
        inputs=inputs,
        script=script.rstrip("\n"),
        members=members,
        container=tasks[0].container,
        resources=resources,
        memory=_memory(resources),
    )


def _lists(task: Task, place: _Place) -> list[str]:
    """The names of the lists of files that the WDL task of a job is given."""
    return [
        *(
            [place.wdl("inputs")]
            if any(r.producer not in place.beside for r in task.inputs)
            else []
        ),
        *([place.wdl("sources")] if task.sources else []),
        *([place.wdl("modes")] if any(key not in place.beside for key in task.may_run) else []),
    ]


def _left(task: Task, below: str = "") -> str:
    """The WDL list of what a job leaves in the folder `below`, which is its own."""
    folder = posixpath.join(below, _folder(task))
    left = ", ".join(wdl_string(left_by_task(output, folder)) for output in task.files)
    executables = wdl_string(left_by_task(OutputFile(EXECUTABLES), folder))
    # One more where there are executable ones: storage in S3 and the run cache keep no modes.
    return f"flatten([[{left}], glob({executables})])" if left else ""


def _script(task: Task, place: _Place, *, may_fail: bool) -> str:
    """What the task of a job runs."""
    title = " ".join(str(task.key).split())
    indexed = _indexed(ref.path for ref in task.inputs if not ref.directory)
    outside = [ref for ref in task.inputs if ref.producer not in place.beside]
    inside = [ref for ref in task.inputs if ref.producer in place.beside]
    files_in: list[dict[str, Any]] = [
        {
            **_placed((_way(task, ref, indexed), ref.path) for ref in outside),
            "wdl": place.given("inputs"),
        },
        {
            **_placed((_way(task, ref, indexed), ref.path) for ref in inside),
            "beside": [place.left(ref.producer, ref.path) for ref in inside if ref.producer],
        },
        {
            **_placed(
                ("program" if path in task.executables else "copy", path) for path in task.sources
            ),
            "wdl": place.wdl("sources"),
        },
    ]
    lists = [key for key in task.may_run if key in place.beside]
    modes: list[dict[str, object]] = []
    if len(lists) < len(task.may_run):
        modes.append({"wdl": place.given("modes")})
    if lists:
        modes.append({"beside": [place.left(key, EXECUTABLES) for key in lists]})
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
        code_file=_CODE_FILE if may_fail else None,
        activates=task.environment is not None,
        memory_mb=_told_memory(task),
        folder=_folder(task),
        files_in=files_in,
        logs=task.logs,
        ways=_WAYS,
        modes=modes,
        delimiter=heredoc_delimiter(
            "\n".join(chain(*(it["lines"] for it in files_in))), "OMICS_JOB"
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
    return script.rstrip("\n")


def _told_memory(task: Task) -> str | None:
    """The WDL of a job's `mem_mb` that its Python may ask for, and that only its inputs tell."""
    asked = task.resources.memory_mb
    if len(task.steps) > 1 or "python" not in task.steps[0].interpreter:
        return None
    return asked if isinstance(asked, str) else None


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


@dataclass(frozen=True, slots=True)
class _Calls:
    """What the workflow's text says of jobs: where their results are, and which may be missing."""

    wave: Wave
    names: Mapping[JobKey, str]
    numbers: Mapping[JobKey, int]
    positions: Mapping[JobKey, Mapping[str, int]]
    uncertain: Collection[JobKey]
    internal: Collection[str]
    readers: Mapping[str, Collection[JobKey]]

    @classmethod
    def of(cls, wave: Wave) -> _Calls:
        return cls(
            wave,
            names_of(wave),
            {key: number for pack in wave.packs for number, key in enumerate(pack, 1)},
            {
                task.key: {output.path: index for index, output in enumerate(task.files)}
                for task in wave.tasks
            },
            wave.uncertain,
            wave.internal,
            wave.readers,
        )

    def output(self, key: JobKey, name: str) -> str:
        """An output of a job's task; packed ones bear the job's number."""
        number = f"_{self.numbers[key]}" if key in self.numbers else ""
        return f"{self.names[key]}.{name}{number}"

    def files(self, key: JobKey) -> str:
        files = self.output(key, "files")
        return f"select_first([{files}])" if key in self.uncertain else files

    def modes(self, key: JobKey) -> str:
        return _executables(self.files(key), len(self.positions[key]))

    def file(self, ref: FileRef) -> str:
        if ref.producer is None:
            return parameter_name(ref.path)
        return f"{self.files(ref.producer)}[{self.positions[ref.producer][ref.path]}]"

    def needs(self, task: Task, beside: Collection[JobKey] = ()) -> list[str]:
        """The files of other tasks without which the job is left out."""
        return [
            self.output(parent, "files")
            for parent in task.parents
            if parent in self.uncertain and parent not in beside
        ]


def render_workflow(
    wave: Wave, workflow: str, literals: Mapping[str, str], texts: Mapping[JobKey, str]
) -> str:
    """`main.wdl`: one call per task, raw inputs as workflow inputs, every result an output.

    The inputs named in `literals` have their URI as default; `texts` are those of the tasks.
    """
    calls = _Calls.of(wave)
    tasks = {task.key: task for task in wave.tasks}
    together = [[tasks[key] for key in keys] for keys in wave.calls]
    return _env.get_template("main.wdl.j2").render(
        workflow=workflow,
        parameters=[
            {"name": parameter_name(path), "default": literals.get(path)}
            for path in wave.raw_inputs
        ],
        calls=[
            {
                "name": calls.names[jobs[0].key],
                "arguments": _arguments(jobs[0], calls)
                if len(jobs) == 1
                else _pack_arguments(jobs, calls),
                "needs": calls.needs(jobs[0]) if len(jobs) == 1 else [],
            }
            for jobs in together
        ],
        tasks=[
            {
                "name": task_name(task.key),
                "needs": task.key not in calls.numbers and calls.needs(task),
                "uncertain": task.key in calls.uncertain,
                "files": _exported(task, calls),
                "temporary": _temporary(task, calls),
                "logs": calls.output(task.key, "logs") if task.logs else None,
                "code": calls.output(task.key, "code")
                if task.may_fail or task.key in calls.numbers
                else None,
                "seconds": calls.output(task.key, "seconds") if task.key in calls.numbers else None,
            }
            for task in wave.tasks
        ],
        texts=[
            texts[jobs[0].key]
            if len(jobs) == 1
            else render_pack(jobs, calls.uncertain, wave.longest)
            for jobs in together
        ],
    )


def _exported(task: Task, calls: _Calls) -> str:
    """What a task leaves outside of the run: all of its files, but for those that stay in it."""
    output, files = calls.output(task.key, "files"), calls.files(task.key)
    left = [index for index, made in enumerate(task.files) if made.path not in calls.internal]
    if len(left) == len(task.files):
        return output
    value = "[]" if not left else _chosen(files, left, len(task.files))
    return f"if (defined({output})) then {value} else None" if files != output else value


def _temporary(task: Task, calls: _Calls) -> str | None:
    """A task's files that stay in the run, if one that reads them may fail: for its next try."""
    stay = [index for index, made in enumerate(task.files) if made.path in calls.internal]
    read_by = {key for index in stay for key in calls.readers.get(task.files[index].path, ())}
    doubtful = sorted(calls.output(key, "files") for key in read_by if key in calls.uncertain)
    if not doubtful:
        return None
    output, files = calls.output(task.key, "files"), calls.files(task.key)
    lacks = f"length(select_all([{', '.join(doubtful)}])) < {len(doubtful)}"
    if files != output:
        lacks = f"defined({output}) && {lacks}"
    # Which of them are executable stands in the list that goes with the others, if there are any.
    everything = len(stay) == len(task.files)
    listed = ", ".join(f"{files}[{index}]" for index in stay)
    value = _chosen(files, stay, len(task.files)) if everything else f"[{listed}]"
    return f"if ({lacks}) then {value} else None"


def _chosen(files: str, indexes: Iterable[int], count: int) -> str:
    """Some of a task's `count` files, and the list of the executable ones."""
    listed = ", ".join(f"{files}[{index}]" for index in indexes)
    return f"flatten([[{listed}], {_executables(files, count)}])"


def _arguments(task: Task, calls: _Calls) -> list[str]:
    inputs = [calls.file(ref) for ref in task.inputs]
    sources = [parameter_name(path) for path in task.sources]
    found = [
        f"{name} = [{', '.join(values)}]"
        for name, values in (("inputs", inputs), ("sources", sources))
        if values
    ]
    if task.may_run:
        modes = ", ".join(map(calls.modes, task.may_run))
        found.append(f"modes = flatten([{modes}])")
    return found


def _pack_arguments(jobs: Sequence[Task], calls: _Calls) -> list[str]:
    """What the jobs of a pack are given from outside of it; nothing where a file is missing."""
    beside = {task.key for task in jobs}
    found = []
    for number, task in enumerate(jobs, 1):
        needs = calls.needs(task, beside)
        there = f"if (length(select_all([{', '.join(needs)}])) == {len(needs)}) then "
        before, after = (there, " else None") if needs else ("", "")
        inputs = [calls.file(ref) for ref in task.inputs if ref.producer not in beside]
        modes = [calls.modes(key) for key in task.may_run if key not in beside]
        sources = [parameter_name(path) for path in task.sources]
        if inputs:
            found.append(f"inputs_{number} = {before}[{', '.join(inputs)}]{after}")
        if sources:
            found.append(f"sources_{number} = [{', '.join(sources)}]")
        if modes:
            found.append(f"modes_{number} = {before}flatten([{', '.join(modes)}]){after}")
    return found


def _executables(files: str, count: int) -> str:
    """The list of a task's executable files, which it leaves after its `count` others, if any."""
    return f"if (length({files}) > {count}) then [{files}[{count}]] else []"


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
        workflow=workflow,
        tasks=wave.tasks,
        rules=rules,
        edges=list(edges),
        packs=len(wave.packs),
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
