"""What runs exported, and where: a later wave reads a result from there, and sends nothing back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..aws.objects import look_at
from ..aws.session import Services
from ..aws.transfer import Download, listed
from ..errors import StagingError
from ..model import JobKey, OutputKind, Wave
from .incoming import archive_beside
from .upload import input_state

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Exported:
    """A result: the state that it was left in here, and the object that it came from.

    Of a directory the object is its archive, which is what a task gets of a directory.
    """

    path: str
    state: str
    uri: str
    etag: str


def exports_of(
    wave: Wave, done: Collection[JobKey], results: Sequence[Download], workdir: Path
) -> list[Exported]:
    """What to remember of results that were delivered."""
    came = {str(item.path): item.listed for item in results if item.listed is not None}
    found = []
    for task in wave.tasks:
        if task.key not in done:
            continue
        for output in task.files:
            is_directory = output.kind is OutputKind.DIRECTORY
            item = came.get(archive_beside(output.path) if is_directory else output.path)
            if item is None or output.path in task.s3_targets:
                continue
            try:
                state = input_state(workdir / output.path)
            except StagingError:
                continue
            # A file system that counts whole seconds would not tell a change in the same one.
            if state.newest_ns % _SECOND_NS:
                found.append(Exported(output.path, state.text, item.uri, item.etag))
    return found


def still_there(
    services: Services, exports: Iterable[Exported], workdir: Path, below: str
) -> dict[str, Exported]:
    """Those, by path, whose file here and whose object below `below` are as they were.

    Objects elsewhere may not be for the runs' role to read.
    """
    same = {
        item.path: item
        for item in exports
        if item.uri.startswith(f"{below}/") and _is_unchanged(item, workdir)
    }
    uris = [item.uri for item in same.values()]
    if (there := listed(services, uris)) is not None:
        etags = {uri: one.etag for uri, one in there.items()}
        return {path: item for path, item in same.items() if etags.get(item.uri) == item.etag}
    found = look_at(services, uris)
    return {path: item for path, item in same.items() if _is_there(item, found)}


def _is_unchanged(item: Exported, workdir: Path) -> bool:
    try:
        return input_state(workdir / item.path).text == item.state
    except StagingError:
        return False


def _is_there(item: Exported, found: Mapping[str, object]) -> bool:
    objects = found[item.uri]
    return isinstance(objects, tuple) and [(one.uri, one.etag) for one in objects] == [
        (item.uri, item.etag)
    ]
