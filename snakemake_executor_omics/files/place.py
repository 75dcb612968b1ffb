"""Put a run's results where Snakemake looks for them, in the order of the graph.

Snakemake reruns what is older than its input, so nothing may be older than what it was made from.
Results that belong in S3 are copied there by S3 itself, which dates them by whole seconds of its
own clock.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from ..aws.objects import clock, copy_objects, look_at
from ..aws.session import Services
from ..aws.transfer import Download, delete
from ..aws.unpacking import unpack_inside
from ..compile.sandbox import seen_by_job
from ..errors import AccessDenied, StagingError
from ..model import JobKey, OutputKind, Task, Wave
from .archive import TIMESTAMP, unpack_directory
from .download import fetch, keep_newer
from .incoming import INCOMING, archive_beside, executables_list

Say = Callable[[str], None]


def deliver(
    services: Services,
    wave: Wave,
    done: Collection[JobKey],
    results: Sequence[Download],
    workdir: Path,
    since: datetime | None,
    say: Say,
    warn: Say,
) -> None:
    """Bring `results` to their places; of jobs that are not `done` they are logs at most.

    What a user changed there after the run was made, `since`, is kept beside. Where a result of a
    job that is done stayed in the run, nothing may be left of an earlier one.
    """
    stored = wave.s3_targets
    sources = {str(item.path): item.uri for item in results}
    inside = {*stored, *map(archive_beside, stored)}
    here = [item for item in results if str(item.path) not in inside]
    wanted = [replace(item, path=workdir / item.path) for item in here]
    stayed = {path for paths in absent(wave, done, results).values() for path in paths}
    _clear(services, stayed, stored, workdir, partial(keep_newer, since=since, warn=warn))
    fetch(services, wanted, workdir / INCOMING, since, say, warn)
    inside_of = _by_directory(wave, [item.path for item in wanted], workdir)
    copied = 0
    for level in wave.levels:
        copies = {
            uri: sources[path]
            for task in level
            for path, uri in task.s3_targets.items()
            if path in sources
        }
        if copies:
            copy_objects(services, copies)
            copied += len(copies)
        tasks = [task for task in level if task.key in done]
        for task in tasks:
            if (listed := executables_list(task.key)) in sources:
                _make_executable(task, workdir / listed, workdir)
        outputs = [output for task in tasks for output in task.files if output.path not in stayed]
        for output in sorted(outputs, key=lambda output: output.path.count("/")):
            if output.kind is OutputKind.DIRECTORY:
                archive = archive_beside(output.path)
                if output.path in stored:
                    unpack_inside(services, sources[archive], stored[output.path], TIMESTAMP)
                    copied += 1
                else:
                    place = workdir / output.path
                    brought = inside_of.get(place, ())
                    before = partial(_before, place, brought, since=since, warn=warn)
                    unpack_directory(workdir / archive, place, before)
                    (workdir / archive).unlink()
        local = [workdir / output.path for output in outputs if output.path not in stored]
        if local:
            anywhere = next(iter(stored.values()), None)
            # Where some results are in S3, its clock dates them all.
            now = time.time_ns() if anywhere is None else clock(services, anywhere) * 10**9
            for path in local:
                _date(path, now)
    if copied:
        say(f"omics: {copied} results copied inside S3")


def _by_directory(wave: Wave, paths: Sequence[Path], workdir: Path) -> dict[Path, list[Path]]:
    """Those of `paths` that lie in directories that are outputs, for each of these."""
    directories = {
        workdir / output.path
        for task in wave.tasks
        for output in task.files
        if output.kind is OutputKind.DIRECTORY
    }
    found: dict[Path, list[Path]] = {}
    for path in paths if directories else ():
        for parent in directories.intersection(path.parents):
            found.setdefault(parent, []).append(path)
    return found


def _before(
    place: Path, brought: Collection[Path], fresh: Path, since: datetime | None, warn: Say
) -> None:
    """Before `fresh` takes the place of a directory: what this call has brought there goes along.

    An output or a log may lie in a directory that is an output, and is nothing of the user's.
    """
    for path in brought:
        if path.is_file():
            beside = fresh / path.relative_to(place)
            beside.parent.mkdir(parents=True, exist_ok=True)
            path.replace(beside)
    keep_newer(place, fresh, since, warn)


def absent(
    wave: Wave, done: Collection[JobKey], results: Sequence[Download]
) -> dict[JobKey, tuple[str, ...]]:
    """The results of jobs that are `done` which stayed in the run."""
    brought, internal = {str(item.path) for item in results}, wave.internal
    return {
        task.key: tuple(
            output.path
            for output in task.files
            if output.path in internal and _comes_as(output.path, output.kind) not in brought
        )
        for task in wave.tasks
        if task.key in done
    }


def _comes_as(path: str, kind: OutputKind) -> str:
    return archive_beside(path) if kind is OutputKind.DIRECTORY else path


def _clear(
    services: Services,
    paths: Collection[str],
    stored: Mapping[str, str],
    workdir: Path,
    keep: Callable[[Path, None], None],
) -> None:
    """Remove what earlier runs left of results, as Snakemake does where a job runs.

    It would be taken for what the job has made now.
    """
    for path in paths:
        place = workdir / path
        if path not in stored and os.path.lexists(place):
            keep(place, None)
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
    for uri, found in look_at(services, [stored[path] for path in paths if path in stored]).items():
        if isinstance(found, AccessDenied):
            raise StagingError(f"no right to see whether {uri} is there: {found.message}")
        for item in found:
            delete(services, item.uri)


def _make_executable(task: Task, listed: Path, workdir: Path) -> None:
    """Set the execute bits of those results whose places in the task `listed` names."""
    names = set(listed.read_text(errors="surrogateescape").split("\n"))
    for output in task.files:
        path = workdir / output.path
        if seen_by_job(output.path) in names and path.is_file():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o444) >> 2)  # for whom may read it
    listed.unlink()


def _date(path: Path, now: int) -> None:
    if path.is_dir():
        path /= TIMESTAMP  # what Snakemake goes by for a directory
        path.touch()
    if path.exists():
        os.utime(path, ns=(now, now))
