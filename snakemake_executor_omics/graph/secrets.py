"""Secrets of `envvars:`: a definition is stored and shown, so none may be in it, nor be missed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import UnsupportedRule
from .units import Job

_LARGEST_SCRIPT = 1024 * 1024  # bytes of a script that is looked through
_SHORTEST_SECRET = 4  # characters; shorter values stand in texts by chance


def refuse_secrets(job: Job, text: str, sources: Sequence[str], workdir: Path) -> None:
    """Refuse a job whose text, or a script of it, uses a variable of `envvars:`.

    `sources` are the scripts that the text runs, and what they import.

    Raises:
        UnsupportedRule: it does.
    """
    workflow = job.rule.workflow
    declared = {*workflow.envvars, *workflow.remote_execution_settings.envvars}
    if not declared:
        return
    texts = {"": text, **_small_texts(sources, workdir)}
    for name in sorted(declared):
        value = os.environ.get(name, "")
        shown = len(value) >= _SHORTEST_SECRET and value in text
        named = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])")
        used = next((file for file, content in texts.items() if named.search(content)), None)
        if shown or used is not None:
            raise UnsupportedRule(
                job.rule.name,
                f"uses the environment variable {name} of `envvars:`"
                + (f" in {used}" if used else "")
                + (", and its value would stand in the workflow definition" if shown else ""),
                hint="HealthOmics has no place for secrets; fetch it inside the job, for instance "
                "from AWS Secrets Manager by the run's role, or make it a local rule",
            )


def _small_texts(files: Iterable[str], workdir: Path) -> dict[str, str]:
    found = {}
    for name in files:
        path = workdir / name
        if path.is_file() and path.stat().st_size <= _LARGEST_SCRIPT:
            found[name] = path.read_text("utf-8", errors="replace")
    return found
