"""From a wave to all that a run of it takes: inputs read and addressed, compiled, on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..aws.registry_map import read_registry_map
from ..aws.workflows import VersionSpec
from ..compile import compile_wave, spill
from ..files.exported import still_there
from ..files.upload import Staged, stage
from ..log import Log
from ..model import Definition, JobKey, Wave
from ..settings.options import Options
from .connection import Connection
from .identity import identities
from .request import first_jobs, plan_hash, version_spec, work_hash

_FOLDER_DIGITS = 16  # of the definition's SHA-256


@dataclass(frozen=True, slots=True)
class Prepared:
    """A compiled wave, with everything that a run of it takes.

    Its WDL is on disk and zipped in `version`: the texts of all waves at once are no small thing.
    """

    wave: Wave
    names: Mapping[JobKey, str]
    version: VersionSpec
    parameters: Mapping[str, str]
    uploads: Mapping[str, Staged]
    plan: str
    work: str
    first: tuple[str, ...]
    identities: Mapping[JobKey, str]
    folder: Path


def prepare(
    connection: Connection, options: Options, wave: Wave, workdir: Path, state: Path, log: Log
) -> Prepared:
    """Read a wave's inputs and compile it; nothing is sent.

    Raises:
        OmicsError: an input or a limit that the user is asked to mend.
    """
    registry_map = (
        None
        if options.container_registry_map is None
        else read_registry_map(options.container_registry_map)
    )
    objects = wave.objects
    local = {path for path in wave.raw_inputs if path not in objects}
    exports = still_there(
        connection.services, connection.journal.exports(local), workdir, options.output_uri
    )
    if exports:
        log.info(f"omics: {len(exports)} inputs are read from where earlier runs left them in S3")
    uploads = stage(sorted(local - exports.keys()), workdir, options.output_uri, state, log.info)
    uris = {path: upload.uri for path, upload in uploads.items()}
    uris |= {path: item.uri for path, item in exports.items()}
    uris |= {path: ref.uri for path, ref in objects.items() if ref.uri is not None}
    definition = compile_wave(wave, spill(uris))
    parameters = {name: uris[path] for name, path in sorted(definition.parameters.items())}
    folder = state / "definitions" / definition.digest[:_FOLDER_DIGITS]
    write_definition(definition, folder)
    (folder / "parameters.json").write_text(json.dumps(parameters, indent=2) + "\n")
    etags = {ref.uri: ref.etag for ref in objects.values()}
    etags |= {item.uri: item.etag for item in exports.values()}
    files = [parameters, etags, wave.s3_targets]
    made = {
        path: identity
        for path, (content, identity) in connection.journal.results().items()
        if path in exports
        or (path in uploads and uploads[path].upload.digest.sha256 == content)
        or (path in objects and objects[path].etag == content)
    }
    addresses = uris | {path: f"{ref.uri} {ref.etag}" for path, ref in objects.items()}
    addresses |= {path: f"{item.uri} {item.etag}" for path, item in exports.items()}
    return Prepared(
        wave,
        definition.names,
        version_spec(options, definition, registry_map),
        parameters,
        uploads,
        plan_hash(definition, files, options),
        work_hash(definition, files, options),
        first_jobs(wave, definition.texts, addresses),
        identities(wave, definition.texts, addresses, made),
        folder,
    )


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
