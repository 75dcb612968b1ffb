"""What tasks do not have although their texts name it, and what they are sent unasked.

Told before anything starts, by rule.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..model import Task, Wave
from .elsewhere import named_elsewhere
from .folders import LARGEST
from .paths import project_path
from .programs import is_program
from .steps import written_by
from .task_settings import TaskSettings
from .undeclared import MOST_ABOVE, Reads, logs_read, not_gathered, too_large_values
from .units import Unit, job_key, members

_LOOKED_AT = 20  # jobs of a rule, for notes about its text
_FEW = 3  # and those for which the jobs above are looked at
_SHOWN = 3  # files of a rule
_LARGEST_PROGRAM = 1024 * 1024  # bytes

Found = dict[str, dict[str, None]]  # by rule


@dataclass(frozen=True, slots=True)
class _Unsent:
    """What was found: files and folders by rule, but `written` by program; `sent` has the bytes."""

    too_large: Found = field(default_factory=dict)
    not_gathered: Found = field(default_factory=dict)
    logs: Found = field(default_factory=dict)
    written: Found = field(default_factory=dict)
    sent: dict[str, dict[str, int]] = field(default_factory=dict)


def unsent_notes(units: Iterable[Any], wave: Wave, settings: TaskSettings) -> Iterator[str]:
    """Sentences for people; `units` are all that are to run."""
    found = _find(units, wave, settings)
    if found.too_large:
        yield (
            "these rules name what their tasks do not have, since it is too large to send "
            f"unasked: {_listed(found.too_large)}. What a job needs of it is to be declared "
            "as its input"
        )
    if found.not_gathered:
        yield (
            "these rules name folders of results, of which their tasks have only what is declared, "
            f"since more than {MOST_ABOVE:,} jobs are above them: {_listed(found.not_gathered)}. "
            "Declare what they read as inputs"
        )
    if found.logs:
        yield (
            "these rules name log files of other jobs, which their tasks do not have, since they "
            f"are not declared: {_listed(found.logs)}. Declare them as inputs"
        )
    if found.written:
        yield (
            "these programs hold absolute paths of this machine, which no task has: "
            f"{_listed(found.written)}. Give them as params or arguments"
        )
    large = {rule: files for rule, files in found.sent.items() if sum(files.values()) > LARGEST}
    if large:
        listed = "; ".join(f"{rule} ({_sizes(files)})" for rule, files in large.items())
        yield f"these rules name large files without declaring them, which are sent: {listed}"


def _find(units: Iterable[Unit], wave: Wave, settings: TaskSettings) -> _Unsent:
    """Look at the first jobs of each rule that have tasks in the wave."""
    steps = {step.key: (task, step) for task in wave.tasks for step in task.steps}
    looked: Counter[str] = Counter()
    found = _Unsent()
    for unit, job in _with_jobs(units):
        rule = job.rule.name
        if looked[rule] >= _LOOKED_AT or (key := job_key(job)) not in steps:
            continue
        looked[rule] += 1
        task, step = steps[key]
        _add(found.too_large, rule, _too_large_elsewhere(step.command, settings))
        given = {ref.path for ref in task.inputs} | set(task.sources)
        if not job.is_shell:
            values = too_large_values(step.command, settings.workdir, given, settings.made_in)
            _add(found.too_large, rule, values)
        if looked[rule] <= _FEW:
            own = set(written_by(job, settings.workdir))
            reads = Reads.of_text(job, step.command, own, settings.made_in, settings.workdir)
            _add(found.not_gathered, rule, not_gathered(job, reads))
            read = logs_read(job, reads, settings.workdir)
            _add(found.logs, rule, (path for path in read if path not in given))
        found.sent.setdefault(rule, {}).update(_sent(task, unit, settings.workdir))
        for source in task.sources:
            named = _named_by_program(source, settings.workdir, settings.outside)
            _add(found.written, source, named)
    return found


def _with_jobs(units: Iterable[Unit]) -> Iterator[tuple[Unit, Any]]:
    return ((unit, job) for unit in units for job in members(unit))


def _add(found: Found, name: str, values: Iterable[str]) -> None:
    for value in values:
        found.setdefault(name, {})[value] = None


def _listed(found: Found) -> str:
    return "; ".join(f"{name} ({', '.join(_few(list(values)))})" for name, values in found.items())


def _few(values: list[str]) -> list[str]:
    rest = len(values) - _SHOWN
    return [*values[:_SHOWN], f"and {rest} more"] if rest > 0 else values


def _sizes(files: dict[str, int]) -> str:
    largest = sorted(files, key=lambda name: (-files[name], name))
    return f"{sum(files.values()) / 1024**2:,.0f} MB: {', '.join(_few(largest))}"


def _too_large_elsewhere(text: str, settings: TaskSettings) -> Iterator[str]:
    for name in named_elsewhere(text, settings.workdir, settings.outside, LARGEST):
        if name.files is None:
            yield name.written


def _sent(task: Task, unit: Unit, workdir: Path) -> Iterator[tuple[str, int]]:
    """The files of this machine that a task has although no job of it declares them."""
    declared = {project_path(i, workdir, job.rule.name) for job in members(unit) for i in job.input}
    here = (ref.path for ref in task.inputs if not (ref.producer or ref.uri or ref.directory))
    for path in (*task.sources, *(path for path in here if path not in declared)):
        with suppress(OSError):
            yield path, os.stat(workdir / path).st_size


@lru_cache(maxsize=10_000)
def _named_by_program(path: str, workdir: Path, outside: tuple[str, ...]) -> tuple[str, ...]:
    """The absolute paths of this machine that the text of a program names.

    Those in texts that Snakemake or we write (values, modules) are told elsewhere.
    """
    file = workdir / path
    try:
        if not is_program(path) or file.stat().st_size > _LARGEST_PROGRAM:
            return ()
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return ()
    found = [name.written for name in named_elsewhere(text, workdir, outside)]
    inside = re.findall(rf"(?<![\w./~-]){re.escape(str(workdir))}/[^\s'\"`;|&<>()=,$]+", text)
    return tuple(dict.fromkeys([*found, *(name for name in inside if os.path.exists(name))]))
