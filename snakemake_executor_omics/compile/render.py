"""Print WDL and its README through the jinja2 templates; what to print is decided elsewhere.

The text of a task depends on that task alone: the run cache keys on it.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..model import FileRef, JobKey, OutputFile, Resources, Task, Wave
from .names import names_of, pack_name, parameter_name, task_name
from .quoting import wdl_string
from .sandbox import FILES, left_by_task
from .script import CODE_FILE, Place, folder_of, script_of
from .templates import rendered

_IN_TASK = Path(__file__).with_name("in_task")
# The files of `in_task` that not every Python job needs, and by which words it does.
_USED = {
    "builders": "namespace|load|member|evaluated|scalar|numbers|index|multi_index",
    "functions": "shell|set_shell|format|expand|collect|multiext|glob_wildcards|logger|stand_in",
}
_SECONDS_FILE = ".omics_seconds"  # how long a job of a pack has worked


def render_task(task: Task) -> str:
    """The WDL task of one job, or of the jobs of a group."""
    place = Place()
    return rendered(
        "task.wdl.j2",
        name=task_name(task.key),
        inputs=_lists(task, place),
        script=script_of(task, place, may_fail=task.may_fail),
        files=_left(task),
        logs=[left_by_task(OutputFile(log), folder_of(task)) for log in task.logs],
        may_fail=task.may_fail,
        volatile=task.volatile,
        code_file=CODE_FILE,
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
        place = Place(number, any(key in uncertain for key in outside), beside)
        lists = _lists(task, place)
        inputs += [
            f"Array[File]{'?' if place.optional and name != place.wdl('sources') else ''} {name}"
            for name in lists
        ]
        runs = f'~{{if defined({place.wdl("inputs")}) then "true" else "false"}}'
        folder = posixpath.join(str(number), folder_of(task))
        members.append(
            {
                "script": script_of(task, place, may_fail=True),
                "runs": runs if place.optional else "true",
                "earlier": [beside[key][0] for key in task.parents if key in beside],
                "code_file": f"{number}/{CODE_FILE}",
                "seconds_file": f"{number}/{_SECONDS_FILE}",
                "files": _left(task, str(number)),
                "logs": [left_by_task(OutputFile(log), folder) for log in task.logs],
            }
        )
    rules = ", ".join(dict.fromkeys(task.key.rule for task in tasks))
    script = rendered(
        "pack.sh.j2",
        title=f"{len(tasks)} jobs: {rules}",
        members=members,
        code_file=CODE_FILE,
        seconds_file=_SECONDS_FILE,
        longest=longest,
    )
    resources = Resources.of_pack([task.resources for task in tasks])
    return rendered(
        "pack.wdl.j2",
        name=pack_name([task.key for task in tasks]),
        inputs=inputs,
        script=script.rstrip("\n"),
        members=members,
        container=tasks[0].container,
        resources=resources,
        memory=_memory(resources),
    )


def _lists(task: Task, place: Place) -> list[str]:
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
    """The WDL list of what a job leaves in the folder `below`, which is its own.

    Its script has listed it: with one more where there are executable ones, since storage in S3 and
    the run cache keep no modes.
    """
    listed = left_by_task(OutputFile(FILES), posixpath.join(below, folder_of(task)))
    return f"read_lines({wdl_string(listed)})" if task.files else "[]"


def _memory(resources: Resources) -> str | None:
    """The WDL of the runtime attribute, None for the service's default."""
    match resources.memory_mb:
        case None:
            return None
        case str() as expression:
            return f'"~{{{expression}}} MB"'
        case number:
            return f'"{number} MB"'


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
    return rendered(
        "main.wdl.j2",
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
            # The jobs of a rule lie side by side, where zip finds what they have in common.
            for jobs in sorted(together, key=lambda jobs: jobs[0].key.rule)
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
    return rendered(
        "README.md.j2",
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
    return "\n\n\n".join([*map(_in_task, parts), statements])


@cache
def _in_task(name: str) -> str:
    text = (_IN_TASK / f"{name}.py").read_text(encoding="utf-8")
    return re.sub(r"^from \.\w+ import .*\n", "", text, flags=re.MULTILINE).strip("\n")
