"""Bring a wave to the service: inputs to S3, workflow version, run group, cache, run.

The order keeps mistakes cheap: everything that can be refused is checked before `StartRun`, and
the journal knows the run before the service does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from ..aws.caches import ensure_run_cache
from ..aws.groups import ensure_run_group
from ..aws.images import check_images
from ..aws.records import Run, RunStatus
from ..aws.registry_map import read_registry_map
from ..aws.runs import RunRequest, find_runs, get_run, start_run
from ..aws.transfer import check_bucket
from ..aws.workflows import VersionSpec, ensure_workflow_version
from ..compile import compile_wave, spill
from ..errors import NotFound
from ..files.upload import send, stage
from ..model import Definition, Wave
from ..settings.options import Options
from .connection import Connection
from .journal import Entry

_LOST = (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.DELETED)
_FOLDER_DIGITS = 16  # of the definition's SHA-256


def submit(
    backend: Connection,
    options: Options,
    wave: Wave,
    workdir: Path,
    state: Path,
    say: Callable[[str], None],
) -> tuple[Run, Definition]:
    """Compile `wave` and start a run of it, or attach to the one in flight for the same plan.

    Raises:
        OmicsError: anything that the user or the service can be asked to mend; no run is started
            then, unless `StartRun` itself was not answered, in which case the next call finds it.
    """
    registry_map = (
        None
        if options.container_registry_map is None
        else read_registry_map(options.container_registry_map)
    )
    if options.is_aws:
        rules = {task.container: task.steps[0].key.rule for task in wave.tasks}
        check_images(rules, backend.services.region, registry_map)
    objects = wave.objects
    local = [path for path in wave.raw_inputs if path not in objects]
    uploads = stage(local, workdir, options.output_uri, state, say)
    uris = {path: upload.uri for path, upload in uploads.items()}
    uris |= {path: ref.uri for path, ref in objects.items() if ref.uri is not None}
    literals = spill(uris)
    definition = compile_wave(wave, literals)
    parameters = {name: uris[path] for name, path in sorted(definition.parameters.items())}
    folder = state / "definitions" / definition.digest[:_FOLDER_DIGITS]
    write_definition(definition, folder)
    (folder / "parameters.json").write_text(json.dumps(parameters, indent=2) + "\n")
    etags = {ref.uri: ref.etag for ref in objects.values()}
    plan = plan_hash(definition, [parameters, etags, wave.s3_targets], options)
    services, entry = backend.services, backend.journal.open(plan, options.request_id)
    run = _in_flight(backend, entry, options)
    if run is not None and run.status not in _LOST:
        backend.journal.started(entry, run.id)
        say(f"omics: attached to run {run.id}, which was started for the same plan before")
        return run, definition
    if entry.run_id is not None:
        # It failed unseen or was deleted since: the plan starts anew, and the run cache has what
        # was done.
        backend.journal.ended(entry.run_id)
        entry = backend.journal.open(plan, options.request_id)
    check_bucket(services, options.output_uri, services.region)
    send(services, uploads, state, say)
    if objects:
        say(f"omics: {len(objects)} inputs lie in S3 and are read from there")
    tags = dict(options.tags)
    version = ensure_workflow_version(
        services,
        VersionSpec(
            workflow_name=options.workflow_name,
            zip=definition.zip,
            template=definition.template,
            definitions_uri=f"{options.output_uri}/definitions",
            description=f"Snakemake workflow {options.workflow_name}"[:256],
            readme=definition.files["README.md"],
            storage_type=options.storage_type.value,
            storage_capacity=options.storage_capacity,
            accelerators=_value(options.accelerators),
            container_registry_map=registry_map,
            tags=tags,
        ),
        poll_seconds=min(options.poll_seconds, 3.0),
    )
    run = start_run(
        services,
        RunRequest(
            workflow_id=version.workflow_id,
            version_name=version.name,
            role_arn=options.role_arn,
            output_uri=f"{options.output_uri}/runs",
            request_id=entry.request_id,
            plan=plan,
            parameters=parameters,
            name=options.run_name or options.workflow_name,
            run_group_id=None
            if options.run_group is None
            else ensure_run_group(services, options.run_group, options.run_group_limits, tags),
            cache_id=None
            if options.run_cache is None
            else ensure_run_cache(
                services, options.run_cache, options.output_uri, options.cache_behavior, tags
            ),
            cache_behavior=options.cache_behavior.value,
            priority=options.priority,
            storage_type=options.storage_type.value,
            storage_capacity=options.storage_capacity,
            retention=_value(options.retention),
            log_level=_value(options.log_level),
            networking_mode=_value(options.networking_mode),
            configuration=options.configuration,
            tags=tags,
        ),
    )
    backend.journal.started(entry, run.id)
    say(
        f"omics: started run {run.id} of workflow {version.workflow_id} ({options.workflow_name}), "
        f"version {version.name}; definition in {folder}"
    )
    return run, definition


def _in_flight(backend: Connection, entry: Entry, options: Options) -> Run | None:
    """The run of the same plan that an earlier invocation left behind, by journal, then by tag."""
    if entry.run_id is not None:
        try:
            return get_run(backend.services, entry.run_id)
        except NotFound:
            return None
    found = find_runs(backend.services, entry.plan, name=options.run_name or options.workflow_name)
    return found[0] if found else None


def _value(member: StrEnum | None) -> str | None:
    return None if member is None else member.value


def write_definition(definition: Definition, folder: Path) -> list[Path]:
    """Leave the definition where a user can open it; returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "definition.zip"
    archive.write_bytes(definition.zip)
    written = [archive]
    for name, text in definition.files.items():
        path = folder / name
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        written.append(path)
    return written


def plan_hash(definition: Definition, files: Sequence[object], options: Options) -> str:
    """What makes two submissions the same: definition, inputs by content, and destinations."""
    plan = [definition.digest, *files, options.output_uri, options.region]
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
