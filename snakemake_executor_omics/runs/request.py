"""From the options and a compiled wave to what the service is asked for. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from ..aws.runs import RunRequest
from ..aws.workflows import VersionSpec
from ..limits import MAX_DESCRIPTION
from ..model import Definition, JobKey, Wave
from ..settings.options import Options


def version_spec(
    options: Options, definition: Definition, registry_map: Mapping[str, Any] | None
) -> VersionSpec:
    """The workflow version that holds a definition."""
    return VersionSpec(
        workflow_name=options.workflow_name,
        zip=definition.zip,
        template=definition.template,
        definitions_uri=f"{options.output_uri}/definitions",
        description=f"Snakemake workflow {options.workflow_name}"[:MAX_DESCRIPTION],
        readme=definition.files["README.md"],
        storage_type=options.storage_type.value,
        storage_capacity=options.storage_capacity,
        accelerators=_value(options.accelerators),
        container_registry_map=registry_map,
        tags=dict(options.tags),
    )


def run_request(
    options: Options,
    *,
    plan: str,
    work: str,
    graph: str,
    token: str,
    workflow_id: str,
    version_name: str,
    jobs: int,
    parameters: Mapping[str, str],
    run_group_id: str | None,
    cache_id: str | None,
) -> RunRequest:
    """The run of a version, marked by `plan`, `work` and `graph`.

    `token` makes its start safe to repeat.
    """
    return RunRequest(
        workflow_id=workflow_id,
        version_name=version_name,
        role_arn=options.role_arn,
        output_uri=f"{options.output_uri}/runs",
        request_id=token,
        plan=plan,
        work=work,
        graph=graph,
        jobs=jobs,
        parameters=parameters,
        name=run_name(options),
        run_group_id=run_group_id,
        cache_id=cache_id,
        cache_behavior=options.cache_behavior.value,
        priority=options.priority,
        storage_type=options.storage_type.value,
        storage_capacity=options.storage_capacity,
        scratch_storage=_value(options.scratch_storage),
        retention=_value(options.retention),
        log_level=_value(options.log_level),
        networking_mode=_value(options.networking_mode),
        configuration=options.configuration,
        tags=dict(options.tags),
    )


def run_name(options: Options) -> str:
    return options.run_name or options.workflow_name


def plan_hash(definition: Definition, files: Sequence[object], options: Options) -> str:
    """What makes two submissions the same: definition, inputs by content, and destinations."""
    return _hash(definition.digest, files, options)


def work_hash(definition: Definition, files: Sequence[object], options: Options) -> str:
    """What makes two submissions the same jobs, whichever of them share a task."""
    texts = hashlib.sha256()
    for text in sorted(definition.texts.values()):
        texts.update(hashlib.sha256(text.encode()).digest())
    return _hash(texts.hexdigest(), files, options)


def first_jobs(
    wave: Wave, texts: Mapping[JobKey, str], addresses: Mapping[str, str]
) -> tuple[str, ...]:
    """What those jobs are that read from no other, with the content of what they read.

    They are in the first runs of a graph, however it is cut.
    """
    return tuple(
        hashlib.sha256(
            "\n".join(
                [
                    texts[task.key],
                    *(addresses.get(ref.path, "") for ref in task.inputs),
                    *(addresses.get(path, "") for path in task.sources),
                ]
            ).encode(errors="surrogateescape")
        ).hexdigest()
        for task in wave.tasks
        if not task.parents
    )


def graph_hash(first: Iterable[str], options: Options) -> str:
    """What makes two starts the same graph, by the first jobs of all of their runs."""
    return _hash("", sorted(first), options)


def _hash(what: str, files: Sequence[object], options: Options) -> str:
    told = [what, *files, options.output_uri, options.region]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _value(member: StrEnum | None) -> str | None:
    return None if member is None else member.value
