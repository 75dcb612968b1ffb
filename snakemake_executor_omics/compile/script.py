"""What a task runs: the shell script that has a job's files in place, runs it, and looks at what it
left.

It starts few processes, for a short job pays for each: what bash can do itself, it does.
"""

from __future__ import annotations

import posixpath
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from ..model import PROJECT, TEXT_OPTION, FileRef, JobKey, OutputFile, OutputKind, Step, Task
from .names import shows_all
from .quoting import heredoc_delimiter, wdl_command
from .sandbox import (
    EXECUTABLES,
    FILES,
    archive,
    left_by_task,
    project_folder,
    seen_by_job,
    stand_in,
)
from .templates import rendered, shell_word

CODE_FILE = ".omics_code"  # where a may_fail task leaves its exit code
# What Snakemake sets for every job, in `snakemake.shell.shell.__new__`, as bash writes it shortly.
_THREAD_VARIABLES = ("{OMP,GOTO,OPENBLAS,MKL,NUMEXPR}_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
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
_FEW_LINKS = 3  # that cost less one by one than the text that makes them together
_INDEXES = frozenset((".bai", ".crai", ".csi", ".dict", ".idx", ".tbi"))  # in place of a suffix
# What `snakemake.deployment.conda.Conda.shellcmd` does, for whatever the interpreter is.
_ACTIVATE = 'source activate "$1" && shift && exec "$@"'
# Characters of a command that bash reads by itself, one by one, in less time than `cat` starts in.
_SHORT = 4000


@dataclass(frozen=True, slots=True)
class Place:
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
        return posixpath.join(str(number), left_by_task(output, folder_of(task)))


def folder_of(task: Task) -> str:
    """The folder that the job runs in, within its task's."""
    return project_folder(
        [
            *(ref.path for ref in task.inputs),
            *task.sources,
            *(output.path for step in task.steps for output in step.outputs),
            *(output.path for output in task.files),
            *task.logs,
        ]
    )


def script_of(task: Task, place: Place, *, may_fail: bool) -> str:
    """What the task of a job runs."""
    files, logs, steps = task.files, task.logs, task.steps
    folder = folder_of(task)
    below = folder if place.number is None else posixpath.join(str(place.number), folder)
    placed = _placed(task, place)
    # What is unpacked brings folders of its own.
    unpacks = any(ref.directory for ref in task.inputs)
    single = steps[0] if len(steps) == 1 else None
    numbers = {step.key: number for number, step in enumerate(steps, 1)}
    told = {step.key: _step(step, numbers, own_folders=unpacks) for step in steps}
    plain = [seen_by_job(output.path) for output in files if output.kind is OutputKind.FILE]
    listed = single is not None and told[single.key]["paths"] == plain
    pipes = [
        seen_by_job(output.path)
        for step in steps
        for output in step.outputs
        if output.kind is OutputKind.PIPE
    ]
    folders = [".omics"]
    if not unpacks:
        folders += _folders(chain(*(one["paths"] for one in placed), pipes))
        folders += [path for step in steps for path in _folders_of(step)]
    left = [left_by_task(output, below) for output in files]
    title = " ".join(str(task.key).split())
    if single is not None:
        # The task's name tells it, but for that of several jobs.
        title = "" if place.number is None and shows_all(task.key) else f"rule {title}"
    script = rendered(
        "task.sh.j2",
        title=title,
        cache_buster=task.cache_buster,
        code_file=CODE_FILE if may_fail else None,
        activates=task.environment is not None,
        memory_mb=_told_memory(task),
        folder=folder,
        folders=_words(dict.fromkeys(folders)),
        placed=placed,
        unpacks=unpacks,
        modes=_modes(task, place),
        logs=logs,
        single=None if single is None else _rendered(told[single.key]),
        layers=[
            {
                "services": [told[step.key] for step in layer if step.is_service],
                "steps": [told[step.key] for step in layer if not step.is_service],
            }
            for layer in task.layers
        ],
        scripts={} if single else {one["name"]: _rendered(one) for one in told.values()},
        together=any(len(layer) > 1 for layer in task.layers),
        pipes=_words(pipes),
        pipe_folders=_words(_folders(pipes)) if unpacks else "",
        archives=[
            (
                seen_by_job(output.path),
                archive(output),
                str(PurePosixPath(archive(output)).parent),
                "/" if output.path in task.s3_targets else "",
            )
            for output in files
            if output.kind is OutputKind.DIRECTORY
        ],
        shortened=[
            (seen_by_job(path), stand_in(path))
            for path in (*(o.path for o in files if o.kind is OutputKind.FILE), *logs)
            if stand_in(path) != seen_by_job(path)
        ],
        plain='"${files[@]}"' if plain and listed else _words(plain),
        left='"${files[@]}"' if left and listed and left == plain else _words(left),
        executables=EXECUTABLES,
        executables_left=shell_word(left_by_task(OutputFile(EXECUTABLES), below)),
        files_list=FILES,
    )
    return script.rstrip("\n")


def _placed(task: Task, place: Place) -> list[dict[str, Any]]:
    """The task's lists of files that come to their place, each with the ways that they do."""
    indexed = _indexed(ref.path for ref in task.inputs if not ref.directory)
    inputs = [(_way(task, ref, indexed), ref) for ref in task.inputs]
    outside = [(way, ref.path) for way, ref in inputs if ref.producer not in place.beside]
    inside = [(way, ref) for way, ref in inputs if ref.producer in place.beside]
    sources = [("program" if path in task.executables else "copy", path) for path in task.sources]
    lists: list[tuple[list[tuple[str, str]], dict[str, Any]]] = [
        (outside, {"wdl": place.given("inputs")}),
        (
            [(way, ref.path) for way, ref in inside],
            {"beside": [place.left(ref.producer, ref.path) for _, ref in inside if ref.producer]},
        ),
        (sources, {"wdl": place.wdl("sources")}),
    ]
    return [{**_list(files), **where} for files, where in lists if files]


def _list(files: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Files with the ways to their place; `gathers` where so many are linked that it pays."""
    counts = Counter(way for way, _ in files)
    gathers = counts["link"] > _FEW_LINKS
    ways = _WAYS | {"link": "link"} if gathers else _WAYS
    return {
        "paths": [seen_by_job(path) for _, path in files],
        "array": _array(_lines(files)),
        "ways": {way: how for way, how in ways.items() if way in counts},
        "gathers": gathers,
    }


def _lines(files: Sequence[tuple[str, str]]) -> list[str]:
    """The paths of files; where there are several ways to their place, each behind its own."""
    several = len({way for way, _ in files}) > 1
    return [f"{way} {seen_by_job(path)}" if several else seen_by_job(path) for way, path in files]


def _modes(task: Task, place: Place) -> list[dict[str, object]]:
    """Where it is listed what earlier jobs made executable."""
    beside = [key for key in task.may_run if key in place.beside]
    found: list[dict[str, object]] = []
    if len(beside) < len(task.may_run):
        found.append({"wdl": place.given("modes")})
    if beside:
        found.append({"beside": [place.left(key, EXECUTABLES) for key in beside]})
    return found


def _told_memory(task: Task) -> str | None:
    """The WDL of a job's `mem_mb` that its Python may ask for, and that only its inputs tell."""
    asked = task.resources.memory_mb
    if len(task.steps) > 1 or "python" not in task.steps[0].interpreter:
        return None
    return asked if isinstance(asked, str) else None


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


def _folders(paths: Iterable[str]) -> list[str]:
    return sorted({posixpath.dirname(path) for path in paths} - {""})


def _folders_of(step: Step) -> list[str]:
    """The folders of what a job leaves."""
    benchmark = (step.benchmark.path,) if step.benchmark else ()
    paths = (*(output.path for output in step.outputs), *benchmark, *step.logs)
    return _folders(map(seen_by_job, paths))


def _words(texts: Iterable[str]) -> str:
    return " ".join(map(shell_word, texts))


def _array(texts: Collection[str]) -> str:
    """An array of bash, of many texts each on a line of its own."""
    words = list(map(shell_word, texts))
    return f"({' '.join(words)})" if len(words) < 4 else "\n  ".join(["(", *words]) + "\n)"


def _rendered(step: Mapping[str, Any]) -> str:
    return rendered("step.sh.j2", step=step)


def _step(step: Step, numbers: Mapping[JobKey, int], *, own_folders: bool) -> dict[str, Any]:
    """What the template prints of one job."""
    number = numbers[step.key]
    file = ".omics/job" if len(numbers) == 1 else f".omics/job_{number}"
    plain = [output for output in step.outputs if output.kind is OutputKind.FILE]
    paths = [seen_by_job(output.path) for output in plain]
    if step.benchmark:
        paths.append(seen_by_job(step.benchmark.path))
    activate = f"bash -c {shlex.quote(_ACTIVATE)} conda {shlex.quote(step.conda or '')} "
    checks = [
        # `runs/failures.py` knows it by that line, as the one of a file in the template.
        ("-d", OutputKind.DIRECTORY, "The job ended without its output directory"),
        ("-s", OutputKind.FILE, "The job left the output empty:"),
    ]
    names_project = PROJECT in step.command
    is_short = len(step.command) < _SHORT
    in_file = not is_short or not step.interpreter.endswith(TEXT_OPTION)
    interpreter = step.interpreter.removesuffix(TEXT_OPTION) if in_file else step.interpreter
    return {
        "title": f"rule {' '.join(str(step.key).split())}",
        "name": f"step_{number}",
        "file": file,
        "folders": _words(_folders_of(step)) if own_folders else "",
        "threads": " ".join(f"{variable}={step.threads}" for variable in _THREAD_VARIABLES),
        "tmpdir": step.tmpdir,
        "command": step.command,
        "delimiter": heredoc_delimiter(step.command, "OMICS_JOB"),
        "project": PROJECT if names_project else "",
        "is_short": is_short or names_project,
        "in_file": in_file,
        "run": wdl_command(f"{activate if step.conda else ''}{interpreter} ")
        + (file if in_file else '"$command"' if names_project else shell_word(step.command)),
        "benchmark": step.benchmark
        and {
            "seen": seen_by_job(step.benchmark.path),
            "is_json": step.benchmark.is_json,
            "repeats": step.benchmark.repeats,
        },
        # A log has a second name where the job sees it elsewhere.
        "logs": [
            (f"{number}.{place}", "" if seen_by_job(log) == log else f" {shell_word(log)}")
            for place, log in enumerate(step.logs, 1)
        ],
        "log_array": _array(list(map(seen_by_job, step.logs))),
        "paths": paths,
        "array": _array(paths),
        # Snakemake makes the log files that a job did not write.
        "touch": _words(seen_by_job(output.path) for output in plain if output.touch),
        "checks": [
            (test, _words(chosen), complaint)
            for test, kind, complaint in checks
            if (
                chosen := [
                    seen_by_job(output.path)
                    for output in step.outputs
                    if output.kind is kind and (test != "-s" or output.non_empty)
                ]
            )
        ],
        "sums": [(seen_by_job(o.path), o.checksum) for o in plain if o.checksum],
        "services": [
            seen_by_job(output.path) for output in step.outputs if output.kind is OutputKind.SERVICE
        ],
    }
