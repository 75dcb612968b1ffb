"""What is no reason to refuse a workflow, and may yet surprise: told with a wave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from snakemake.io import is_flagged

from ..model import Wave
from ..settings.started import AT_START
from .containers import container_of, ignores_environment
from .snakefiles import snakefiles_of
from .task_settings import TaskSettings
from .unit_graph import UnitGraph
from .units import Unit, members
from .variables import set_in


def workflow_notes(
    units: Sequence[Unit], graph: UnitGraph, wave: Wave, settings: TaskSettings
) -> Iterator[str]:
    """What is to be known before the first run."""
    files = [
        Path(settings.workdir, file)
        for unit in islice(units, 1)  # all are of one workflow
        for file in snakefiles_of(members(unit)[0].rule.workflow)
    ]
    if variables := set_in(map(_text, files), AT_START, os.environ):
        yield (
            "the Snakefile sets environment variables, which tasks do not have: "
            f'{", ".join(variables)}. `shell.prefix("export NAME=…; ")` gives them to all '
            "`shell:`"
        )
    unused: dict[str, str] = {}
    between: dict[str, None] = {}
    leaving_nothing: dict[str, None] = {}
    for unit in units:
        if unit.is_local:
            continue
        for job in members(unit):
            if not (job.output or job.log or job.benchmark or job.rule.norun):
                leaving_nothing[job.rule.name] = None
            if ignores_environment(job, settings):
                unused.setdefault(job.rule.name, container_of(job, settings))
        for parent in graph.parents(unit):
            if parent.is_local:
                between.update(dict.fromkeys(job.rule.name for job in members(parent)))
    widest = max(map(len, wave.levels), default=0)
    if settings.max_jobs is not None and settings.max_jobs < widest:
        yield (
            f"--jobs {settings.max_jobs} bounds nothing within a run: up to {widest} of its tasks "
            "may be at work at once. --omics-run-group-max-cpus bounds them"
        )
    if unused:
        listed = ", ".join(f"{rule} (in {image})" for rule, image in unused.items())
        yield (
            f"the conda environments of these rules are not used, their tasks have only what their "
            f"image has: {listed}. --omics-environments on uses them"
        )
    if settings.environments is not None and (left_out := settings.environments.left_out):
        for image in sorted(set(left_out.values())):
            rules = ", ".join(sorted(rule for rule in left_out if left_out[rule] == image))
            yield (
                f"HealthOmics pulls images from registries only, so that these rules have their "
                f"conda environment without {image}: {rules}"
            )
    if leaving_nothing:
        yield (
            "these rules declare no file that their tasks leave, so that what they write or remove "
            f"in the project does not come here: {', '.join(leaving_nothing)}. `localrules:` has "
            "them run here"
        )
    if between:
        yield (
            f"jobs wait for local rules, which run here between two runs: {', '.join(between)}. "
            "--omics-local-rules run makes them tasks"
        )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:  # it is gone
        return ""


def pipe_notes(dag: Any, going: Iterable[Unit], placed: Iterable[Unit]) -> Iterator[str]:
    """Which rules write a file into their `pipe()`, when the first jobs of them go."""
    before = {job.rule.name for job in dag.jobs if dag.finished(job)}
    before |= {job.rule.name for unit in placed for job in members(unit)}
    rules = {
        unit.rule.name: None
        for unit in going
        if not unit.is_group() and any(is_flagged(path, "pipe") for path in unit.output)
    }
    if told := [rule for rule in rules if rule not in before]:
        yield (
            "pipe() between different containers is not streamed, it is a temporary file that one "
            f"task leaves to the next: {', '.join(told)}"
        )
