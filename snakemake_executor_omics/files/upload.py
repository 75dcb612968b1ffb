"""Bring a wave's raw inputs to S3: each content once, under a name that is made of it.

`stage` reads what it does not know yet and says where everything goes; `send` brings there what S3
lacks, and refuses files that did not hold still meanwhile. Directories travel as archives, which
are written when they are needed and removed when they have arrived.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..aws.checksums import Digest, OnBytes
from ..aws.objects import copy_objects
from ..aws.session import Services
from ..aws.transfer import Upload, delete, missing, upload_many
from ..errors import AccessDenied, OmicsError, ServiceError, StagingError
from ..limits import MAX_COPY
from .archive import archive_directory, archive_name, directory_state, short_name
from .digests import Digests, FileState, digest_of, file_state
from .progress import progress

_ARCHIVES = "archives"
_TOLD = 5  # names in one message


@dataclass(frozen=True, slots=True)
class Staged:
    """A raw input, the state that it was read in, and where it goes."""

    name: str
    source: Path
    state: FileState
    upload: Upload

    @property
    def uri(self) -> str:
        return self.upload.uri

    @property
    def is_directory(self) -> bool:
        return self.upload.path != self.source

    @property
    def has_changed(self) -> bool:
        try:
            return input_state(self.source) != self.state
        except StagingError:
            return True


def stage(
    names: Iterable[str],
    workdir: Path,
    output_uri: str,
    state: Path,
    say: Callable[[str], None],
) -> dict[str, Staged]:
    """Where each raw input goes; `state` is the project's folder for what must survive.

    Raises:
        StagingError: an input cannot be read.
    """
    states = {name: input_state(workdir / name) for name in names}
    with Digests(state / "digests.sqlite", say) as cache:
        digests = {
            name: digest
            for name, found in states.items()
            if (digest := cache.known(name, found)) is not None
        }
        unknown = [(name, found) for name, found in states.items() if name not in digests]
        size = sum(found.size for _, found in unknown)
        with progress(say, "reading", None, files=len(unknown), size=size) as on_bytes:

            def read(name: str, moved: OnBytes) -> Digest:
                source, found = workdir / name, states[name]
                return _read(source, _sent(source, found, state), moved)

            digests |= cache.take(unknown, read, on_bytes)
    staged = {}
    for name, found in states.items():
        source = workdir / name
        path = _sent(source, found, state)
        # Tools go by suffixes, so the name stays; two names of one content are two objects.
        base = short_name(Path(name).name) if path == source else archive_name(Path(name).name)
        uri = f"{output_uri}/inputs/{digests[name].sha256[:32]}/{base}"
        staged[name] = Staged(name, source, found, Upload(path, uri, digests[name]))
    return staged


def send(
    services: Services,
    staged: Mapping[str, Staged],
    state: Path,
    say: Callable[[str], None],
    *,
    again: bool = True,
) -> None:
    """Bring to S3 what it lacks; what an earlier call sent, also of a large file, stays there.

    Raises:
        StagingError: an input was changed since it was read, or cannot be read any more.
        ServiceError: S3 refused.
    """
    items = list({item.uri: item for item in staged.values()}.values())
    lacking = {upload.uri for upload in missing(services, [item.upload for item in items])}
    absent = [item for item in items if item.uri in lacking]
    sources = {item.upload.digest: item.uri for item in items if item.uri not in lacking}
    fresh: list[Staged] = []
    copies: dict[str, str] = {}
    for item in absent:
        source = sources.setdefault(item.upload.digest, item.uri)
        # A copy in parts would lose the checksum of the whole, by which it is found again.
        if source == item.uri or item.upload.digest.size > MAX_COPY:
            fresh.append(item)
        else:
            copies[item.uri] = source
    for item in fresh:
        if item.is_directory and not item.upload.path.exists():
            archive_directory(item.upload.path, item.source)
    size = sum(item.upload.digest.size for item in fresh)
    try:
        with progress(say, "sending", "sent", files=len(fresh), size=size) as on_bytes:
            upload_many(services, [item.upload for item in fresh], on_bytes)
    except OmicsError as error:
        _refuse_changed(services, items, fresh)
        if isinstance(error, ServiceError) and error.code == "NoSuchUpload" and again:
            # Two heads send the same file, and the other one was done first.
            return send(services, staged, state, say, again=False)
        if isinstance(error, ServiceError) and error.code == "BadDigest":
            # Changed without its time telling so: read it again.
            with Digests(state / "digests.sqlite", say) as cache:
                cache.forget(item.name for item in fresh)
            raise StagingError(
                f"{error.message}: the file is not what it was when it was read",
                hint="call Snakemake again; no run was started",
            ) from error
        raise
    _refuse_changed(services, items, fresh)
    copy_objects(services, copies)
    shutil.rmtree(state / _ARCHIVES, ignore_errors=True)
    if len(fresh) < len(staged):
        say(f"omics: {len(staged) - len(fresh)} input files need not be sent: S3 has their content")


def _refuse_changed(services: Services, items: Sequence[Staged], sent: Sequence[Staged]) -> None:
    """A run must get what its inputs' names in S3 say, and what the user sees."""
    changed = [item for item in items if item.has_changed]
    if not changed:
        return
    for item in changed:
        if item in sent:
            # What S3 compared needs no removal: without the right to it, the error stays clear.
            with suppress(AccessDenied):
                delete(services, item.uri)
    more = f" and {len(changed) - _TOLD} more" if len(changed) > _TOLD else ""
    raise StagingError(
        f"{', '.join(item.name for item in changed[:_TOLD])}{more} changed while being sent to S3",
        hint="wait until nothing writes the inputs any more, and call Snakemake again; no run was "
        "started",
    )


def input_state(source: Path) -> FileState:
    """What tells that an input was changed.

    Raises:
        StagingError: it cannot be read.
    """
    return directory_state(source) if source.is_dir() else file_state(source)


def _sent(source: Path, found: FileState, state: Path) -> Path:
    """The file that is sent: the input itself, or the archive of a directory in this state."""
    if not source.is_dir():
        return source
    name = hashlib.sha256(f"{source}\0{found.text}".encode(errors="surrogateescape")).hexdigest()
    return state / _ARCHIVES / f"{name[:16]}.tar"


def _read(source: Path, path: Path, on_bytes: OnBytes) -> Digest:
    if path != source:
        archive_directory(path, source)
    return digest_of(path, on_bytes)
