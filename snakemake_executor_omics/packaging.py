"""Write what runs of a workflow would be made of, without starting anything and without a service.

The definition is the one that a run of the same command sends, byte for byte: the same selection,
the same cut into runs, the same compiler.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .aws.session import region_named
from .compile import compile_wave, spill
from .errors import SelectionError
from .files.upload import stage
from .graph.selection import look_over, tell_selection
from .graph.waves import durations_of, runs_of, settings_of, tell_packs
from .log import Log
from .model import Wave
from .runs.journal import durations_before
from .runs.prepare import write_definition
from .runs.quotas import quotas_before
from .settings.options import Options


def package(workflow: Any, options: Options, workdir: Path, folder: Path, log: Log) -> list[Path]:
    """Write the bundle of each run into `folder`, or into folders below it if there are several.

    `workflow` is Snakemake's, with its graph. Returns the files written.

    Raises:
        OmicsError: the workflow cannot be compiled, or no job can go into a run.
    """
    region = region_named(options.region, options.aws_profile)
    settings = settings_of(workflow, options, workdir, region)
    selection = look_over(workflow.dag, (), settings).accepted
    journal = workdir / ".snakemake" / "omics" / "journal.sqlite"
    earlier = durations_before(journal)
    durations = durations_of(workflow, selection.wave, workdir, earlier)
    parts, waves = runs_of(
        selection.wave, options, durations, quotas=lambda: quotas_before(journal, options)
    )
    if not parts.runs:
        reasons = sorted(set(selection.deferred.values()))
        raise SelectionError(
            "no job can go to HealthOmics"
            + (f": {'; '.join(reasons[:3])}" if reasons else ": everything is done already"),
            hint=_way_out(reasons),
        )
    tell_selection(selection, parts, log, set())
    tell_packs(waves, log)
    written: list[Path] = []
    for number, wave in enumerate(waves, start=1):
        below = folder if len(waves) == 1 else folder / f"run-{number}"
        written += _write(wave, options, workdir, below, log)
    return written


def _way_out(reasons: Sequence[str]) -> str | None:
    if not reasons:
        return "--forceall packages the whole workflow"
    if any(reason.startswith("local rule ") for reason in reasons):
        return "--omics-local-rules run makes tasks of local rules"
    return None


def _write(wave: Wave, options: Options, workdir: Path, folder: Path, log: Log) -> list[Path]:
    definition = compile_wave(wave, _literals(wave, options, workdir, log))
    written = write_definition(definition, folder)
    # The files are not uploaded, so their place is left to whoever starts the workflow.
    uris = {path: ref.uri for path, ref in wave.objects.items()}
    places = {name: uris.get(path, path) for name, path in sorted(definition.parameters.items())}
    parameters = folder / "parameters.json"
    parameters.write_text(json.dumps(places, indent=2) + "\n")
    return [*written, parameters]


def _literals(wave: Wave, options: Options, workdir: Path, log: Log) -> dict[str, str]:
    """The inputs beyond the limit of parameters, by the address that an upload would give them.

    That address has their content in it: files are read only where there are too many.
    """
    stored = {path: ref.uri for path, ref in wave.objects.items() if ref.uri is not None}
    local = [path for path in wave.raw_inputs if path not in stored]
    longest = {
        path: f"{options.output_uri}/inputs/{'0' * 32}/{PurePosixPath(path).name}.tar"
        for path in local
    }
    if not options.output_uri or not spill(longest | stored):
        return {}
    state = workdir / ".snakemake" / "omics"
    staged = stage(local, workdir, options.output_uri, state, log.info)
    return spill({path: found.uri for path, found in staged.items()} | stored)
