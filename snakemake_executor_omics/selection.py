"""Choose the wave: which jobs of Snakemake's graph go into a run now, and why each other one waits.

The door where Snakemake's jobs become our own tasks. A job is deferred when it (or something that
it depends on) is behind a checkpoint or a local rule with work to do, or when its command holds
a value that Snakemake cannot know before files exist.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.common.tbdstring import TBDString
from snakemake.io import get_flag_value, is_flagged
from snakemake.shell import shell

from .compile import script_source
from .errors import SelectionError, UnsupportedRule
from .model import FileRef, JobKey, Language, OutputFile, Task, Wave
from .resources import job_resources

Job = Any  # Snakemake's jobs carry no types

_TBD = str(TBDString())


@dataclass(frozen=True, slots=True)
class Selection:
    """A wave, and why the other jobs wait."""

    wave: Wave
    deferred: Mapping[JobKey, str]


def job_key(job: Job) -> JobKey:
    """The identity of a Snakemake job."""
    return JobKey(
        rule=job.rule.name,
        wildcards=tuple(sorted((str(k), str(v)) for k, v in job.wildcards_dict.items())),
        outputs=tuple(str(path) for path in job.output),
    )


def select(
    dag: Any,
    ready: Iterable[Job],
    *,
    in_flight: Callable[[JobKey], bool] = lambda _: False,
    landed: Callable[[JobKey], bool] = lambda _: False,
    workdir: Path,
    include: Sequence[str] = (),
) -> Selection:
    """The largest wave that can be decided now.

    `ready` are the jobs that Snakemake hands in, `in_flight` tells jobs that a run carries
    already, `landed` jobs whose results are here though Snakemake has not asked for them yet;
    `include` lists project files that every task gets.

    Raises:
        UnsupportedRule: a job cannot be a task, with the reason.
    """
    handed_in = {id(job) for job in ready}
    tasks: dict[JobKey, Task] = {}
    deferred: dict[JobKey, str] = {}
    producers: dict[int, JobKey] = {}
    produced = _produced(dag)
    for job in _topological(dag):
        key = job_key(job)
        waits_for = _waits_for(dag, job, producers, deferred)
        if job.is_local:
            # Also a done local job is no reason to wait: `_topological` lists only needed ones.
            deferred[key] = f"local rule {job.rule.name} runs here"
        elif landed(key):
            continue
        elif in_flight(key):
            deferred[key] = f"{key} is in flight in another run"
        elif waits_for is not None and id(job) not in handed_in:
            deferred[key] = waits_for
        else:
            made = _made_by(dag, job, producers)
            if not made:
                # Its inputs are here, so what Snakemake could not evaluate before it now can.
                job.reset_params_and_resources()
            task = _task(job, key, made, produced, workdir, include)
            if task is None and id(job) in handed_in:
                raise UnsupportedRule(
                    job.rule.name,
                    "has a param or resource that Snakemake cannot tell although its inputs exist",
                    hint="give the rule's params and resources values that do not need its outputs",
                )
            if task is None:
                deferred[key] = f"rule {job.rule.name} has a value that only files will tell"
            else:
                tasks[key] = task
                producers[id(job)] = key
    return Selection(wave=Wave(tuple(tasks.values())), deferred=deferred)


def _topological(dag: Any) -> list[Job]:
    """Needed, unfinished jobs, producers first; siblings in a stable order."""
    needed = {job for job in dag.needrun_jobs() if not dag.finished(job)}
    missing = {job: sum(parent in needed for parent in dag.dependencies[job]) for job in needed}
    level = sorted((job for job in needed if not missing[job]), key=job_key)
    order: list[Job] = []
    while level:
        order.extend(level)
        freed = []
        for job in level:
            for child in dag.depending[job]:
                if child in missing:
                    missing[child] -= 1
                    if not missing[child]:
                        freed.append(child)
        level = sorted(freed, key=job_key)
    return order


def _waits_for(
    dag: Any, job: Job, producers: Mapping[int, JobKey], deferred: Mapping[JobKey, str]
) -> str | None:
    """Why `job` cannot be in the wave because of what it depends on, or None."""
    for parent in dag.dependencies[job]:
        if id(parent) in producers:
            if parent.is_checkpoint:
                return f"checkpoint {parent.rule.name} decides what follows"
        elif (reason := deferred.get(job_key(parent))) is not None:
            return reason
    return None


def _produced(dag: Any) -> frozenset[str]:
    """What the workflow's jobs write: never a source, also when an earlier run left it here."""
    return frozenset(
        os.path.normpath(path)
        for job in dag.jobs
        for path in (*job.output, *job.log, *((job.benchmark,) if job.benchmark else ()))
    )


def _made_by(dag: Any, job: Job, producers: Mapping[int, JobKey]) -> dict[str, JobKey]:
    """Which task of the wave makes each input of `job`."""
    return {
        str(path): producers[id(parent)]
        for parent, paths in dag.dependencies[job].items()
        if id(parent) in producers
        for path in paths
    }


def _task(
    job: Job,
    key: JobKey,
    made: Mapping[str, JobKey],
    produced: Collection[str],
    workdir: Path,
    include: Sequence[str],
) -> Task | None:
    """The task of `job`, or None where its text cannot be known yet."""
    _refuse_unsupported(job)
    image = job.container_img_url
    if not image:
        raise UnsupportedRule(
            job.rule.name,
            "has no container, and HealthOmics runs every task in one",
            hint='add `container: "…"` to the rule, or a global `container:` to the Snakefile',
        )
    resources = job_resources(job)
    if resources is None:
        return None
    text = _script(job, workdir) if job.is_script else _shell(job)
    if text is None:
        return None
    command, language, scripts = text
    inputs = [project_path(path, workdir, job.rule.name) for path in job.input]
    undeclared = {*scripts, *include}
    if not scripts:
        undeclared.update(path for path in named_files(command, workdir) if path not in produced)
    made_by = {project_path(path, workdir, job.rule.name): key for path, key in made.items()}
    return Task(
        key=key,
        command=command,
        language=language,
        inputs=tuple(FileRef(path, made_by.get(path)) for path in dict.fromkeys(inputs)),
        sources=tuple(sorted(undeclared - set(inputs))),
        outputs=tuple(
            OutputFile(project_path(path, workdir, job.rule.name), is_flagged(path, "touch"))
            for path in job.output
        ),
        logs=tuple(project_path(path, workdir, job.rule.name) for path in job.log),
        benchmark=None
        if job.benchmark is None
        else project_path(job.benchmark, workdir, job.rule.name),
        container=image.removeprefix("docker://"),
        resources=resources,
    )


_UNSUPPORTED: Mapping[str, str] = {
    "directory": "a directory() output",
    "pipe": "a pipe() output",
    "service": "a service() output",
}


def _refuse_unsupported(job: Job) -> None:
    def refuse(what: str) -> None:
        raise UnsupportedRule(
            job.rule.name,
            f"uses {what}, which this version cannot run on HealthOmics yet",
            hint=f"make it a local rule (`localrules: {job.rule.name}`), or use `shell:`",
        )

    for directive, used in {
        "run:": job.is_run and not job.is_script and not job.is_shell,
        "notebook:": job.is_notebook,
        "wrapper:": job.is_wrapper,
        "cwl:": job.is_cwl,
        "template_engine:": job.is_template_engine,
        "shadow:": job.is_shadow,
        "env_modules:": bool(job.env_modules),
        "a repeated benchmark": (job.benchmark_repeats or 1) > 1,
        "storage objects": any(
            getattr(path, "is_storage", False) for path in (*job.input, *job.output)
        ),
    }.items():
        if used:
            refuse(directive)
    for path in (*job.input, *job.output):
        for flag, what in _UNSUPPORTED.items():
            if is_flagged(path, flag) and get_flag_value(path, flag) is not False:
                refuse(what)
    if any(Path(path).is_dir() for path in job.input):
        refuse("a directory as input")
    if job.group is not None:
        refuse("a job group")


Text = tuple[str, Language, tuple[str, ...]]


def _shell(job: Job) -> Text | None:
    if isinstance(job.resources.get("tmpdir"), TBDString):
        # Snakemake leaves it to the place where the job runs, and so does the command.
        job.resources.tmpdir = "${TMPDIR:-/tmp}"
    command = job.shellcmd
    if _TBD in command:
        return None
    prefix = shell._get_process_prefix()
    return f"{prefix}{command}", Language.BASH, ()


def _script(job: Job, workdir: Path) -> Text | None:
    path = Path(job._path_to_source_file(job.rule.script).get_path_or_uri(secret_free=True))
    if path.suffix != ".py":
        raise UnsupportedRule(
            job.rule.name,
            f"has the script {path.name}; only Python scripts can run on HealthOmics yet",
            hint="call the script from `shell:`",
        )
    script = project_path(path, workdir, job.rule.name)
    description = {
        "input": _named(job.input),
        "output": _named(job.output),
        "params": _named(job.params),
        "wildcards": _named(job.wildcards),
        "log": _named(job.log),
        "resources": _named(
            {k: v for k, v in job.resources.items() if not isinstance(v, TBDString)}
        ),
        "threads": job.threads,
        "config": job.rule.workflow.globals["config"],
        "rule": job.rule.name,
    }
    if _has_tbd(description["params"]) or _reads_unknown_resource(job, path):
        return None
    try:
        text = json.dumps(description, sort_keys=True)
    except TypeError as error:
        raise UnsupportedRule(
            job.rule.name,
            f"has a param or config value that its script cannot be given ({error})",
            hint="use strings, numbers, booleans, lists and mappings",
        ) from error
    return script_source(text, script), Language.PYTHON, (script,)


def _reads_unknown_resource(job: Job, script: Path) -> bool:
    """Whether the script may read a resource that only the sizes of its inputs will tell."""
    unknown = [
        name
        for name, value in job.resources.items()
        if isinstance(value, TBDString) and name != "tmpdir"
    ]
    if not unknown:
        return False
    text = script.read_text(encoding="utf-8", errors="replace")
    return any(f"resources.{name}" in text or "resources[" in text for name in unknown)


def _named(values: Any) -> tuple[list[Any], dict[str, tuple[int, int | None]]]:
    """A Namedlist as its items and the positions of its names."""
    if isinstance(values, dict):
        return list(values.values()), {name: (i, None) for i, name in enumerate(values)}
    plain = [str(item) if isinstance(item, str | Path) else item for item in values]
    names = {name: (start, end) for name, (start, end) in values._get_names()}
    return plain, names


def _has_tbd(named: Any) -> bool:
    return any(isinstance(value, str) and _TBD in value for value in named[0])


def project_path(path: object, workdir: Path, rule: str) -> str:
    """`path` relative to the project's folder.

    Raises:
        SelectionError: the path lies outside that folder, or holds a line break.
    """
    text = str(path)
    relative = os.path.relpath(os.path.join(workdir, text), workdir)
    if relative == ".." or relative.startswith("../"):
        raise SelectionError(
            f"rule {rule}: {text} lies outside the project folder {workdir}",
            hint="move or link the file into the project; a task sees the project's files only",
        )
    if "\n" in relative:
        raise SelectionError(f"rule {rule}: the path {text!r} holds a line break")
    return relative


_WORD = re.compile(r"[^\s'\"`;|&<>()=,$]+")


def named_files(command: str, workdir: Path) -> list[str]:
    """Project files that a command names without declaring them, such as its scripts."""
    found = []
    for word in dict.fromkeys(_WORD.findall(command)):
        if word.startswith(("/", "~", "-", "..")) or "*" in word or len(word) > 1024:
            continue
        if (workdir / word).is_file():
            found.append(os.path.normpath(word))
    return found
