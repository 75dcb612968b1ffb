"""Run groups: found by id or name, made on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Conflict
from ..settings.options import GroupLimits, NamedOrId
from .records import OWNER_TAG
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
            return str(services.omics.get_run_group(id=group.id)["id"])
    wanted = _members(limits)
    existing = _named(services, str(group.name))
    if existing is None:
        with translated(f"create run group {group.name}"):
            created = services.omics.create_run_group(
                name=group.name, tags={**(tags or {}), OWNER_TAG: "run-group"}, **wanted
            )
        return str(created["id"])
    changed = {key: value for key, value in wanted.items() if existing.get(key) != value}
    if changed:
        _change(services, existing, changed)
    return str(existing["id"])


def _members(limits: GroupLimits) -> dict[str, int]:
    members = {
        "maxCpus": limits.max_cpus,
        "maxRuns": limits.max_runs,
        "maxDuration": limits.max_duration,
        "maxGpus": limits.max_gpus,
    }
    return {name: value for name, value in members.items() if value is not None}


def _named(services: Services, name: str) -> Mapping[str, Any] | None:
    with translated(f"look for run group {name}"):
        pages = services.omics.get_paginator("list_run_groups").paginate(
            name=name, PaginationConfig={"PageSize": 100}
        )
        found = [item for page in pages for item in page.get("items", ()) if item["name"] == name]
    # Names are not unique; the oldest is the same one for everybody.
    return min(found, key=lambda item: int(item["id"]), default=None)


def _change(services: Services, existing: Mapping[str, Any], changed: Mapping[str, int]) -> None:
    group_id = existing["id"]
    with translated(f"read run group {group_id}"):
        tags = services.omics.get_run_group(id=group_id).get("tags") or {}
    if OWNER_TAG not in tags:
        raise Conflict(
            f"run group {existing['name']!r} ({group_id}) has other limits and was not made here",
            hint="leave out the --omics-run-group-max-… options to use it as it is, or choose "
            "another name with --omics-run-group",
        )
    with translated(f"change the limits of run group {group_id}"):
        services.omics.update_run_group(id=group_id, **changed)
