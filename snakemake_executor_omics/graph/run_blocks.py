"""The text of a `run:` block's job: its source, and the values that it refers to as they were when
the Snakefile was read. The Snakefile is not read again in the task, where other files lie.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..compile import python_source
from ..errors import UnsupportedRule
from .captured import CannotTravel, Capture
from .internals import positions_of_names, shell_settings
from .paths import folder_around
from .programs import files_named, used_by
from .snakefiles import Snakefiles

Job = Any

_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)", re.IGNORECASE)
_SHORTEST_SECRET = 8  # characters; shorter values stand in texts by chance
_HINT = (
    "give it to the block as a param, or let the rule run on this machine (`localrules: {rule}`)"
)


def block_source(job: Job, resources: Any, workdir: Path) -> tuple[str, tuple[str, ...]]:
    """The Python text of a job with a `run:` block, and the files of the project that it needs.

    Raises:
        UnsupportedRule: something that the block refers to cannot travel.
    """
    workflow, rule = job.rule.workflow, job.rule.name
    capture = Capture(Snakefiles(workflow), workflow, workdir)
    try:
        block = capture.value(job.rule.run_func, "the block")
        described = description(capture, job, resources)
        if capture.uses_shell:
            space = capture.space(job.rule.run_func.__globals__)
            for text in _texts(job.params):
                capture.mentions(space, text)
        capture.finish()
    except CannotTravel as reason:
        raise UnsupportedRule(
            rule,
            f"has a run: block that refers to what no task has: {reason}",
            hint=_HINT.format(rule=rule),
        ) from reason
    _refuse_listings(job, capture.listings, workdir)
    statements = list(capture.statements)
    if (settings := shell_settings()) != ("bash", None, ""):
        statements.append(f"set_shell{settings!r}")
        capture.texts.update((text, None) for text in settings if text)
    statements.append(f"run_block({block}, {described})")
    return joined(capture, "block", rule, statements, workdir)


def python_job(
    job: Job,
    resources: Any,
    config: Mapping[str, Any],
    kind: str,
    statement: str,
    workdir: Path,
    imports: Iterable[str] = (),
) -> tuple[str, tuple[str, ...]]:
    """The Python text of another job: `statement`, where JOB has its values; and its files.

    `imports` are the modules that its script imports.

    Raises:
        UnsupportedRule: a value cannot travel.
    """
    workflow = job.rule.workflow
    capture = Capture(Snakefiles(workflow), workflow, workdir)
    for module in sorted(imports):
        capture.modules.add(module)
    try:
        described = description(capture, job, resources, config)
    except CannotTravel as reason:
        raise UnsupportedRule(
            job.rule.name,
            f"gives its script what no task has: {reason}",
            hint=_HINT.format(rule=job.rule.name),
        ) from reason
    statements = [*capture.statements, f"JOB = {described}", statement]
    return joined(capture, kind, job.rule.name, statements, workdir)


def joined(
    capture: Capture, kind: str, rule: str, statements: Iterable[str], workdir: Path
) -> tuple[str, tuple[str, ...]]:
    """The whole text of a Python job, and the files that it needs.

    Raises:
        UnsupportedRule: a secret of this machine's environment would stand in it.
    """
    folders, modules = capture.modules.place()
    first = [f"RULE = {rule!r}"]
    if capture.modules.uses_snakemake:
        first.append("stand_in()")
    if folders:
        first.append(f"sys.path[:0] = map(os.path.abspath, {folders!r})")
    first += [
        f"os.path.isdir({around!r}) and os.makedirs({folder!r}, exist_ok=True)"
        for folder in capture.folders
        if (around := folder_around(folder)) != folder  # from which `..` leads to what is there
    ]
    text = python_source(kind, "\n".join([*first, *statements]))
    body = "\n".join(statements)
    for name, value in sorted(os.environ.items()):
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET and value in body:
            raise UnsupportedRule(
                rule,
                f"refers to the value of the environment variable {name}, which would stand in the "
                "workflow definition",
                hint="fetch it inside the job, for instance from AWS Secrets Manager by the run's "
                f"role, or let the rule run on this machine (`localrules: {rule}`)",
            )
    named = files_named(capture.texts, workdir)
    inside = [path for path in modules if not path.startswith(".snakemake/")]
    files = (*modules, *capture.files, *named, *used_by([*named, *inside], workdir))
    return text, tuple(dict.fromkeys(files))


def description(
    capture: Capture, job: Job, resources: Any, config: Mapping[str, Any] | None = None
) -> str:
    """The values of a job, as the Python in the task takes them."""
    parts = {
        "input": job.input,
        "output": job.output,
        "params": job.params,
        "wildcards": job.wildcards,
        "log": job.log,
        "resources": resources,
    }
    described = {}
    for name, values in parts.items():
        names = positions_of_names(values)
        known = {index: key for key, (index, end) in names.items() if end is None}
        items = (
            capture.value(item, f"{name}.{known[index]}" if index in known else f"{name}[{index}]")
            for index, item in enumerate(values)
        )
        described[name] = f"([{', '.join(items)}], {names!r})"
    described["threads"] = repr(job.threads)
    described["rule"] = repr(job.rule.name)
    if config is not None:
        described["config"] = capture.value(config, "config")
    inner = ",\n".join(f"    {name!r}: {text}" for name, text in described.items())
    return f"{{\n{inner},\n}}"


def _texts(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from _texts(value)


def _refuse_listings(job: Job, patterns: Iterable[str], workdir: Path) -> None:
    """Refuse a block that lists a folder of which the task has no file, or it would find nothing.

    Raises:
        UnsupportedRule: with the folder.
    """
    there = [os.path.normpath(str(path)) for path in (*job.input, *job.output)]
    for pattern in patterns:
        fixed = re.split(r"[*?\[{]", pattern)[0]
        folder = os.path.normpath(fixed if fixed == pattern else os.path.dirname(fixed) or ".")
        if os.path.isabs(folder) or not (workdir / folder).is_dir():
            continue
        if not any(
            folder == "."
            or path == folder
            or path.startswith(f"{folder}/")
            or folder.startswith(f"{path}/")
            for path in there
        ):
            raise UnsupportedRule(
                job.rule.name,
                f"has a run: block that lists {pattern!r}, of which its task has no file",
                hint=f"declare the files or the folder {folder} as an input, or list it outside of "
                "the block",
            )
