"""The workflow's own files, for jobs that run Snakemake in their container: one archive, as small
and as stable as it can be, because the cache entries of those jobs depend on its bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakemake.sourcecache import LocalSourceFile, SourceFile

from ..errors import SelectionError
from ..files.archive import write_archive
from .paths import named_files
from .programs import imported

SOURCES = ".snakemake/omics/sources.tar"
_SMALL = 10 * 1024 * 1024  # bytes; a sample sheet is smaller, data larger


def snakefile(workflow: Any) -> str:
    """The main Snakefile, relative to the project.

    Raises:
        SelectionError: it lies elsewhere.
    """
    path: str = os.path.relpath(workflow.main_snakefile, workflow.workdir_init)
    if path.startswith(".."):
        raise SelectionError(
            f"the Snakefile {workflow.main_snakefile} lies outside the project folder "
            f"{workflow.workdir_init}, and a job that runs Snakemake in its container needs it",
            hint="start Snakemake in a folder above the Snakefile",
        )
    return path


def write_sources(workflow: Any, workdir: Path) -> Path:
    """Write the archive of everything that the workflow is made of; returns its path."""
    target = workdir / SOURCES
    target.parent.mkdir(parents=True, exist_ok=True)
    files = {os.path.relpath(path, workdir) for path in _files(workflow, workdir)}
    inside = sorted(path for path in files if not path.startswith(".."))
    write_archive(target, workdir, inside)
    return target


def _files(workflow: Any, workdir: Path) -> Iterator[Path]:
    yield from _own_texts(workflow)
    for rule in workflow.rules:
        for path in (rule.script, rule.notebook):
            if path and rule.basedir:
                located = Path(rule.basedir.join(str(path)).get_path_or_uri(secret_free=True))
                yield from _beside(located.absolute().parent, workdir)
    yield from _read_by_snakefiles(workflow, workdir)
    main = Path(workflow.main_snakefile).absolute().parent
    if main != workdir:  # the usual `workflow/` folder: Snakefile, rules, scripts, schemas
        yield from _beside(main, workdir)


def _own_texts(workflow: Any) -> Iterator[Path]:
    """The Snakefiles and configuration files, but for those of remote modules."""
    for path in (*workflow.included, *workflow.configfiles):
        if isinstance(path, LocalSourceFile):
            yield Path(path.get_path_or_uri(secret_free=True)).absolute()
        elif not isinstance(path, SourceFile):
            yield Path(path).absolute()


def _read_by_snakefiles(workflow: Any, workdir: Path) -> Iterator[Path]:
    """What the Snakefiles import, and small files that they or the configuration name."""
    produced = {str(path) for job in workflow.dag.jobs for path in job.output}
    for file in _own_texts(workflow):
        text = file.read_text(encoding="utf-8", errors="replace")
        for name in named_files(text, workdir):
            if name not in produced and (workdir / name).stat().st_size <= _SMALL:
                yield workdir / name
        for name in imported(text, file.parent, workdir):
            yield workdir / name


def _beside(folder: Path, workdir: Path) -> Iterator[Path]:
    """What a folder of sources holds, unless it is the project's own with all its data."""
    if folder != workdir and folder.is_dir():
        for path in folder.rglob("*"):
            if path.is_file() and not {".snakemake", "__pycache__"} & set(path.parts):
                yield path
