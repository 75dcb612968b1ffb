"""Compile a wave into a definition: WDL, README, parameter template and a reproducible zip.

Pure: the same wave gives the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping

from ..errors import CompileError
from ..model import Definition, Wave
from .names import parameter_name, task_name
from .render import render_readme, render_workflow

WORKFLOW = "snakemake"
MAX_TEMPLATE_ENTRIES = 1_000  # quotas page; the API's map allows 1,000 to 2,000
_DESCRIPTION = 256  # characters, WorkflowParameter.description
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


def compile_wave(wave: Wave) -> Definition:
    """Compile `wave`.

    Raises:
        CompileError: two jobs share a name, or the raw inputs exceed the template's limit.
    """
    names = {task_name(task.key): task.key for task in wave.tasks}
    if len(names) != len(wave.tasks):
        raise CompileError("two jobs of the workflow have the same rule, wildcards and outputs")
    parameters = {parameter_name(path): path for path in wave.raw_inputs}
    if len(parameters) > MAX_TEMPLATE_ENTRIES:
        raise CompileError(
            f"the workflow reads {len(parameters):,} input files, and HealthOmics takes "
            f"{MAX_TEMPLATE_ENTRIES:,} parameters per workflow",
            hint="lower --omics-max-tasks-per-run, so that a run has fewer input files",
        )
    template: dict[str, Mapping[str, object]] = {
        name: {"description": describe(path), "optional": False}
        for name, path in sorted(parameters.items())
    }
    files = {
        "README.md": render_readme(wave, WORKFLOW),
        "main.wdl": render_workflow(wave, WORKFLOW),
        "parameter-template.json": json.dumps(template, indent=2, ensure_ascii=False) + "\n",
    }
    packed = pack(files)
    return Definition(
        zip=packed,
        files=files,
        template=template,
        parameters=parameters,
        names=names,
        digest=hashlib.sha256(packed).hexdigest(),
    )


def describe(path: str) -> str:
    """The template's description of a raw input: printable, within the API's 256 characters."""
    printable = "".join(character if character.isprintable() else " " for character in path)
    return printable if len(printable) <= _DESCRIPTION else "…" + printable[1 - _DESCRIPTION :]


def pack(files: Mapping[str, str]) -> bytes:
    """Zip `files` in name order, without times, owners or the packing machine's system."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode("utf-8", "surrogateescape"))
    return buffer.getvalue()
