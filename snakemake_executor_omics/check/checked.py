"""What was found out about a workflow: one frozen value, and what its commands use and look for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from ..cost.quotas import Quotas
from ..errors import OmicsError
from ..graph.planned import Planned, PlannedJob
from .estimate import Estimate
from .internet import looks

Read = Callable[[str], str]  # the text of a file of the project, empty where it is none


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """What a rule's command, or a script of it, looks for in the internet, and where it says so."""

    rule: str
    where: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """`place` is where runs would go. `undeclared` has files by rule that jobs use without naming
    them as input, `variables` are those of `envvars:`, `refused` is all that is in the way.
    `quotas` decide how many runs there are, None where the options do.
    """

    place: str
    planned: Planned
    refused: tuple[OmicsError, ...]
    undeclared: Mapping[str, tuple[str, ...]]
    internet: tuple[Wanted, ...]
    reaches_internet: bool
    variables: tuple[str, ...]
    estimate: Estimate
    quotas: Quotas | None = None


def undeclared(jobs: Iterable[PlannedJob], included: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The files of each rule that its jobs use undeclared, but for those that everyone gets."""
    found: dict[str, set[str]] = {}
    for job in jobs:
        if job.task is not None and (files := set(job.task.sources).difference(included)):
            found.setdefault(_name(job), set()).update(files)
    return {rule: tuple(sorted(files)) for rule, files in found.items()}


def looked_for(jobs: Iterable[PlannedJob], places: Mapping[str, str], read: Read) -> list[Wanted]:
    """What commands and the scripts that they use look for in the internet, of each rule once."""
    found: dict[Wanted, None] = {}
    scripts: dict[str, list[tuple[str, str]]] = {}
    for job in jobs:
        if job.task is None:
            continue
        for step in job.task.steps:
            rule = step.key.rule
            for look in looks(step.command):
                found[Wanted(rule, places.get(rule, job.where), look.words)] = None
        for source in job.task.sources:
            if source not in scripts:
                scripts[source] = [
                    (f"{source}, line {look.line}", look.words) for look in looks(read(source))
                ]
            for where, words in scripts[source]:
                found[Wanted(_name(job), where, words)] = None
    return list(found)


def _name(job: PlannedJob) -> str:
    return job.key.rule if len(job.rules) == 1 else "+".join(job.rules)
