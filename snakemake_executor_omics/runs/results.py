"""Where a run that has ended left each job's files.

A completed run exports workflow outputs and says where in `logs/outputs.json`; where that is
missing or reads differently, the documented layout `out/<output>/<index>/<file>` is read. A run
that ended otherwise exports nothing, but its completed tasks may be in the run cache: their files
are taken from there, so that a failure loses no finished work.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..aws.caches import cache_location
from ..aws.records import Run, RunTask
from ..aws.session import Services
from ..aws.transfer import Download, Listed, list_folders, list_prefix, read_json
from ..compile import WORKFLOW, task_name
from ..errors import NotFound, StagingError
from ..files.incoming import archive_beside, executables_list
from ..model import JobKey, OutputFile, OutputKind, Task, Wave
from .courtesy import Courtesy

_POSTPONED = -2  # of a job of a pack in place of an exit code, as its template writes it
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Export:
    """What a run left: the downloads of each job whose files are all there.

    `codes` are the exit codes of jobs that left nothing, where a completed run told them; that of
    a job that was left out, because one that it needs failed, is None. So is that of a job whose
    task ended well without its files, in a run that did not complete.
    """

    downloads: Mapping[JobKey, list[Download]]
    codes: Mapping[JobKey, int | None]
    postponed: Collection[JobKey] = ()
    seconds: Mapping[JobKey, int] = field(default_factory=dict)

    @property
    def all(self) -> list[Download]:
        return [item for items in self.downloads.values() for item in items]


def exported(services: Services, run: Run, wave: Wave) -> Export:
    """The files of a completed run: of every job that left all of its own, and all logs.

    Temporary files that only its jobs read are not among them, unless one of those failed.

    Raises:
        StagingError: the run does not say where it wrote.
    """
    if run.output_uri is None:
        raise StagingError(f"run {run.id} reports no output URI")
    folder = run.output_uri.rstrip("/")
    summary = _summary(services, f"{folder}/logs/outputs.json")
    # A listing costs a request per 1,000 files, asking for each file's size one per file.
    listed = {item.uri: item for item in list_prefix(services, f"{folder}/")}
    layout = _layouts(listed.values(), f"{folder}/out/")
    downloads: dict[JobKey, list[Download]] = {}
    codes: dict[JobKey, int | None] = {}
    done: set[JobKey] = set()
    postponed: set[JobKey] = set()
    seconds: dict[JobKey, int] = {}
    uncertain, internal, readers = wave.uncertain, wave.internal, wave.readers
    for task in reversed(wave.tasks):  # what a job's files are read by comes before it
        name = task_name(task.key)
        told = summary.get(f"{name}_files")
        left = [output for output in task.files if output.path not in internal]
        stayed = [output for output in task.files if output.path in internal]
        read_by = {key for output in stayed for key in readers.get(output.path, ())}
        known = told is not None or f"{name}_files" in layout or f"{name}_temporary" in layout
        if task.key in uncertain and not known and done.isdisjoint(read_by):
            code = summary.get(f"{name}_code")
            codes[task.key] = code if isinstance(code, int) and code >= 0 else None
            if code == _POSTPONED:
                postponed.add(task.key)
        files = _found(task.key, left, _items(told, listed), layout.get(f"{name}_files", {}))
        if files is not None and not done.issuperset(read_by):
            told = _items(summary.get(f"{name}_temporary"), listed)
            more = _found(task.key, stayed, told, layout.get(f"{name}_temporary", {}))
            files = None if more is None else files + more
        logs = _items(summary.get(f"{name}_logs"), listed) or layout.get(f"{name}_logs", {})
        if files is not None or task.key in codes:
            # A job that failed has left its logs all the same.
            downloads[task.key] = (files or []) + _logs(task, logs)
            done.update({task.key} - codes.keys())
        if isinstance(took := summary.get(f"{name}_seconds"), int):
            seconds[task.key] = took
    return Export(dict(reversed(downloads.items())), codes, postponed, seconds)


def _summary(services: Services, uri: str) -> Mapping[str, Any]:
    """`outputs.json` without the workflow's name before each output's; empty if it says nothing."""
    try:
        found = read_json(services, uri)
    except (NotFound, StagingError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name).removeprefix(f"{WORKFLOW}."): value for name, value in found.items()}


def _items(uris: object, listed: Mapping[str, Listed]) -> dict[int, Listed]:
    """The objects of an output that the summary tells, by index."""
    if not isinstance(uris, list):
        return {}
    return {index: listed[uri] for index, uri in enumerate(uris) if uri in listed}


def _found(
    key: JobKey,
    files: Sequence[OutputFile],
    told: Mapping[int, Listed],
    layout: Mapping[int, Listed],
    wanted: Collection[int] | None = None,
) -> list[Download] | None:
    """The downloads of a task's files, or of those at the `wanted` places; None if one is nowhere.

    After them comes the list of the executable ones, if there are any.
    """
    downloads = []
    for index, path in enumerate(_places(files)):
        if wanted is not None and index not in wanted:
            continue
        item = told.get(index) or layout.get(index)
        if item is None:
            return None
        downloads.append(Download(item.uri, Path(path), item))
    last = len(files)
    if downloads and (item := told.get(last) or layout.get(last)) is not None:
        downloads.append(Download(item.uri, Path(executables_list(key)), item))
    return downloads


def _logs(task: Task, found: Mapping[int, Listed]) -> list[Download]:
    files = set(_places(task.files))
    return [
        Download(found[index].uri, Path(path), found[index])
        for index, path in enumerate(task.logs)
        if index in found and path not in files
    ]


def kept(
    services: Services,
    run: Run,
    wave: Wave,
    done: Mapping[JobKey, RunTask],
    courtesy: Courtesy,
    *,
    goes_on: bool = True,
) -> Export:
    """The files of completed tasks of a run that exported nothing, from their cache entries.

    The entry is where the task says, which it may do of a cache hit only, or below the run cache's
    location, where the run and the task name its folder. Of the temporary files that only jobs of
    the run read, those are wanted that a job still needs: one whose results are lost, and, if
    Snakemake `goes_on`, one that is not done.
    """
    entries = _Entries(services, run, courtesy)
    downloads: dict[JobKey, list[Download]] = {}
    codes: dict[JobKey, int | None] = {}
    internal, readers, packed, may_fail = wave.internal, wave.readers, wave.packed, wave.may_fail
    for task in reversed(wave.tasks):  # what a job's files are read by comes before it
        number = f"_{packed[task.key].index(task.key) + 1}" if task.key in packed else ""
        run_task = done.get(task.key)
        if run_task is None:
            continue
        wanted = [
            index
            for index, output in enumerate(task.files)
            if output.path not in internal
            or any(
                key not in downloads and (goes_on or key in done)
                for key in readers.get(output.path, ())
            )
        ]
        if not wanted and task.key not in may_fail:
            downloads[task.key] = []
        for layouts in entries.of(run_task):
            left, logs = layouts.get(f"files{number}", {}), layouts.get(f"logs{number}", {})
            files = _found(task.key, task.files, {}, left, wanted)
            if files is not None and (left or task.key not in may_fail):
                downloads[task.key] = files + _logs(task, logs)
                break
            if not left and task.key in may_fail:
                codes[task.key] = None
    return Export(
        dict(reversed(downloads.items())),
        {key: code for key, code in codes.items() if key not in downloads},
    )


class _Entries:
    """The entries that a run cache has of one run."""

    def __init__(self, services: Services, run: Run, courtesy: Courtesy) -> None:
        self._services = services
        self._courtesy = courtesy
        self._run = run
        self._listed: dict[str, list[Listed]] | None = None  # by the id of the task

    def of(self, task: RunTask) -> list[dict[str, dict[int, Listed]]]:
        """What the entries of a task hold, the newest first."""
        items: list[Listed] = []
        if task.cache_s3_uri is not None:
            items = self._list(f"{task.cache_s3_uri.rstrip('/')}/")
        if not items:
            if self._listed is None:
                self._listed = self._find()
            items = self._listed.get(task.id, [])
        by_entry: dict[str, list[Listed]] = {}
        for item in items:
            above = posixpath.dirname(item.uri).split("/")
            if len(above) > 3 and above[-3] == "out":
                by_entry.setdefault("/".join(above[:-3]), []).append(item)
        newest = sorted(by_entry.items(), key=lambda entry: max(item.modified for item in entry[1]))
        return [_layouts(found, f"{entry}/out/") for entry, found in reversed(newest)]

    def _find(self) -> dict[str, list[Listed]]:
        """All that the cache has of the run: its location may be that of several caches."""
        cache_id = self._run.cache_id
        if cache_id is None:
            return {}
        location = self._courtesy.ask(
            "where finished jobs of failed runs are kept is",
            "omics:GetRunCache",
            lambda: cache_location(self._services, cache_id),
            None,
            again=True,
        )
        if location is None:
            return {}
        location = location.rstrip("/")
        places = [location]
        found: dict[str, list[Listed]] = {}
        while places and not found:
            for place in places:
                prefix = f"{place.rstrip('/')}/{self._run.id}/"
                for item in self._list(prefix):
                    task, _, _ = item.uri.removeprefix(prefix).partition("/")
                    found.setdefault(task, []).append(item)
            places = self._folders(location) if places == [location] else []
        return found

    def _folders(self, location: str) -> list[str]:
        """The folders of single caches below a location."""
        folders = self._courtesy.ask(
            f"the run cache at {location} is",
            "s3:ListBucket",
            lambda: list_folders(self._services, location),
            list[str](),
            again=True,
        )
        return [uri for uri in folders if _UUID.fullmatch(posixpath.basename(uri.rstrip("/")))]

    def _list(self, prefix: str) -> list[Listed]:
        return self._courtesy.ask(
            f"what the run cache has of run {self._run.id} is",
            "s3:ListBucket",
            lambda: list_prefix(self._services, prefix),
            [],
            again=True,
        )


def _layouts(items: Iterable[Listed], prefix: str) -> dict[str, dict[int, Listed]]:
    """Objects as `<output>/<index>/<file>` below `prefix`: output -> index -> object."""
    found: dict[str, dict[int, Listed]] = {}
    for item in items:
        parts = item.uri.removeprefix(prefix).split("/")
        if item.uri.startswith(prefix) and len(parts) == 3 and parts[1].isdigit():
            found.setdefault(parts[0], {})[int(parts[1])] = item
    return found


def _places(files: Sequence[OutputFile]) -> list[str]:
    """Where the downloads of a task go; the archive of a directory beside where it is unpacked."""
    return [
        archive_beside(output.path) if output.kind is OutputKind.DIRECTORY else output.path
        for output in files
    ]
