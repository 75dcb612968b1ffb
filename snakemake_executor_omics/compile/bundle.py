"""Compile a wave into a definition: WDL, README, parameter template and a reproducible zip.

Pure: the same wave gives the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from types import MappingProxyType

from ..errors import CompileError, LimitExceeded
from ..limits import MAX_PARAMETER_BYTES, MAX_PARAMETER_DESCRIPTION, MAX_TEMPLATE_ENTRIES
from ..model import Definition, Wave
from .jobs import JOBS_FILE, jobs_text
from .names import names_of, parameter_name, task_name
from .render import render_readme, render_task, render_workflow

WORKFLOW = "snakemake"
WORKFLOW_FILE = "main.wdl"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def compile_wave(wave: Wave, literals: Mapping[str, str] = MappingProxyType({})) -> Definition:
    """Compile `wave`; `literals` are raw inputs whose S3 URI stands in the definition itself.

    Raises:
        CompileError: two jobs share a name, or the raw inputs exceed the template's limit.
    """
    names = names_of(wave)
    if len({task_name(key) for key in names}) != len(wave.tasks):
        raise CompileError("two jobs of the workflow have the same rule, wildcards and outputs")
    parameters = {parameter_name(path): path for path in wave.raw_inputs if path not in literals}
    if len(parameters) > MAX_TEMPLATE_ENTRIES:
        raise LimitExceeded(
            "input files that are workflow parameters",
            len(parameters),
            MAX_TEMPLATE_ENTRIES,
            hint="run the workflow instead: inputs beyond the limit then stand in the definition",
        )
    template: dict[str, Mapping[str, object]] = {
        name: {"description": describe(path), "optional": False}
        for name, path in sorted(parameters.items())
    }
    texts = {task.key: render_task(task) for task in wave.tasks}
    files = {
        "README.md": render_readme(wave, WORKFLOW),
        JOBS_FILE: jobs_text(wave),
        WORKFLOW_FILE: render_workflow(wave, WORKFLOW, literals, texts),
        "parameter-template.json": json.dumps(template, indent=2, ensure_ascii=False) + "\n",
    }
    packed = pack(files)
    return Definition(
        zip=packed,
        files=files,
        template=template,
        parameters=parameters,
        names=names,
        texts=texts,
        digest=hashlib.sha256(packed).hexdigest(),
    )


def describe(path: str) -> str:
    """The template's description of a raw input: printable, within the API's 256 characters."""
    printable = "".join(character if character.isprintable() else " " for character in path)
    longest = MAX_PARAMETER_DESCRIPTION
    return printable if len(printable) <= longest else "…" + printable[1 - longest :]


def pack(files: Mapping[str, str]) -> bytes:
    """Zip `files` in name order, without times, owners or the packing machine's system."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(
                entry, text.encode("utf-8", "surrogateescape"), zipfile.ZIP_DEFLATED, 9
            )
    return buffer.getvalue()


def spill(uris: Mapping[str, str]) -> dict[str, str]:
    """Which raw inputs (path: URI) do not fit into the run's parameters, in the order of names.

    Parameters first: a definition without data is reused when the data changes.
    """
    literals: dict[str, str] = {}
    entries, size = 0, len("{}")
    for path in sorted(uris, key=parameter_name):
        size += len(json.dumps({parameter_name(path): uris[path]}))
        if entries < MAX_TEMPLATE_ENTRIES and size <= MAX_PARAMETER_BYTES:
            entries += 1
        else:
            literals[path] = uris[path]
    return literals
