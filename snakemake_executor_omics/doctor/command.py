"""`snakemake-omics doctor`: look at everything that a run needs, and say what mends what is wrong.

It takes Snakemake's own options, so that it looks at what the same `snakemake` command would use.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..aws.session import Services, connect
from ..errors import ImageError, OmicsError
from ..runs.connection import standing_service
from ..settings.options import Options
from .examine import ask, everything, on_this_machine, snakemake_version
from .findings import Finding, State, as_json, refused, status

_IMAGE_SECONDS = 600


def doctor(words: Sequence[str], *, as_text: bool) -> int:
    """Look at what `snakemake` with these options would use; the exit status."""
    found = []
    for finding in _findings(words):
        found.append(finding)
        if as_text:
            print(finding.line, flush=True)
    if not as_text:
        print(as_json(found))
    return status(found)


def _findings(words: Sequence[str]) -> Iterator[Finding]:
    version = snakemake_version()
    if version.state is State.WRONG:  # whose command line cannot be read then
        yield version
        return
    from ..graph.internals import command_line_of  # imports Snakemake, which takes a second

    asked = command_line_of(["--executor", "omics", "--jobs", "1", *words])
    machine = on_this_machine(asked.settings, asked.folder)
    yield from machine.findings
    if machine.options is None:
        return
    services = ask(_services, machine.options, asked.folder)
    if isinstance(services, OmicsError):
        if not machine.options.is_aws:  # else region and profile were told
            yield refused("connection", services)
    elif services is not None:
        has_images = machine.options.is_aws and asked.has_snakefile and not machine.wrong
        yield from everything(
            services,
            machine.options,
            machine.wrong,
            (lambda: _images(words)) if has_images else None,
        )


def _services(options: Options, folder: Path) -> Services | None:
    """Clients that wait for seconds only; None where there is no service to ask yet."""
    if not options.local:
        return connect(options.region, options.aws_profile, options.endpoint_url, in_a_hurry=True)
    local = standing_service(folder / ".snakemake" / "omics")
    if local is None:
        return None
    return connect(
        local.region, None, local.endpoint_url, environment=local.environment, in_a_hurry=True
    )


def _images(words: Sequence[str]) -> list[Mapping[str, Any]]:
    """Those of the workflow, as `snakemake-omics images list` tells of them."""
    command = [sys.executable, "-m", "snakemake", "--executor", "omics", "--jobs", "1"]
    command += ["--omics-images", "list --json", "--forceall", *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_IMAGE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"the images could not be listed: {error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ImageError(
            f"the images could not be listed: {said[-1]}", hint="snakemake-omics images list"
        )
    return [dict(image) for image in json.loads(done.stdout)]
