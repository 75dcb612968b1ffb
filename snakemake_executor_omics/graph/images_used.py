"""Which images the jobs of Snakemake's graph run in, whatever has to be done of them now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snakemake.exceptions import WorkflowError

from ..errors import UnsupportedRule, UnsupportedRules
from ..images.uses import ImageUse
from ..model import Environment
from .containers import container_of, environment_of
from .task_settings import TaskSettings
from .units import members, place_of


def images_used(dag: Any, settings: TaskSettings) -> tuple[tuple[ImageUse, ...], tuple[str, ...]]:
    """All images, by name, and the rules of which they depend on files that are not there yet.

    Raises:
        UnsupportedRules: rules have none, or one that no task can have.
    """
    rules: dict[tuple[str, str], dict[str, None]] = {}
    known: dict[tuple[str, str], tuple[Environment | None, bool]] = {}
    refused: dict[tuple[str, str], UnsupportedRule] = {}
    unknown: set[str] = set()
    for job in _jobs(dag):
        try:
            image, environment = container_of(job, settings), environment_of(job, settings)
        except UnsupportedRule as error:
            place = (error.rule, error.reason)
            refused.setdefault(place, error.at(place_of(job.rule)))
            continue
        except WorkflowError:
            unknown.add(job.rule.name)
            continue
        key = (image, "" if environment is None else environment.key)
        rules.setdefault(key, {})[job.rule.name] = None
        known[key] = (environment, environment is None and not job.container_img_url)
    if refused:
        raise UnsupportedRules(list(refused.values()))
    uses = (
        ImageUse(
            image=key[0],
            rules=tuple(sorted(rules[key])),
            environment=known[key][0],
            is_default=known[key][1],
        )
        for key in sorted(rules)
    )
    return tuple(uses), tuple(sorted(unknown))


def _jobs(dag: Any) -> Iterator[Any]:
    for job in dag.jobs:
        if not job.is_local:
            yield from members(job)
