"""Run groups: found by id or name, made on demand."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Conflict
from ..limits import MAX_PAGE
from ..settings.options import GroupLimits, NamedOrId
from .named import find_or_create
from .records import OWNER_TAG, told_id
from .session import Services
from .translate import translated


def ensure_run_group(
    services: Services,
    group: NamedOrId,
    limits: GroupLimits,
    tags: Mapping[str, str] | None = None,
) -> str:
    """The id of the group; one made by this plugin is brought to `limits` if they changed."""
    if group.id is not None:
        with translated(f"read run group {group.id}"):
            return told_id(services.omics.get_run_group(id=group.id), "run group")
    name, wanted = str(group.name), _members(limits)

    def listed() -> Iterator[Mapping[str, Any]]:
        for page in services.omics.get_paginator("list_run_groups").paginate(
            name=name, PaginationConfig={"PageSize": MAX_PAGE}
        ):
            yield from page.get("items", ())

    def create() -> Mapping[str, Any]:
        made = services.omics.create_run_group(
            name=name,
            requestId=str(uuid.uuid4()),
            tags={**(tags or {}), OWNER_TAG: "run-group"},
            **wanted,
        )
        return {**made, **wanted}

    item = find_or_create("run group", name, listed, create)
    changed = {key: value for key, value in wanted.items() if item.get(key) != value}
    if changed:
        _change(services, item, changed)
    return told_id(item, "run group")


def _members(limits: GroupLimits) -> dict[str, Any]:
    members = {
        "maxCpus": limits.max_cpus,
        "maxRuns": limits.max_runs,
        "maxDuration": limits.max_duration,
        "maxGpus": limits.max_gpus,
    }
    return {name: value for name, value in members.items() if value is not None}


def _change(services: Services, existing: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    group_id = told_id(existing, "run group")
    with translated(f"read run group {group_id}"):
        tags = services.omics.get_run_group(id=group_id).get("tags") or {}
    if OWNER_TAG not in tags:
        raise Conflict(
            f"run group {existing.get('name')!r} ({group_id}) has other limits and was not made "
            "here",
            hint="leave out the --omics-run-group-max-… options to use it as it is, or choose "
            "another name with --omics-run-group",
        )
    with translated(f"change the limits of run group {group_id}"):
        services.omics.update_run_group(id=group_id, **changed)
