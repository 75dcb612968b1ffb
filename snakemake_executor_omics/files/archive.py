"""Directories as tar archives and back: the same content gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import StagingError
from .digests import FileState, file_state
from .incoming import HIDDEN, incoming

# Bytes: engines add to a name what they need, and a file system takes 255.
_LONGEST_NAME = 200
TIMESTAMP = ".snakemake_timestamp"  # Snakemake's, in every directory() output


def write_archive(
    target: Path, root: Path, members: Iterable[str], *, keep_links: bool = False
) -> None:
    """Archive `members` (paths under `root`) without times and owners.

    With `keep_links` a link within `root` stays one; any other becomes what it leads to.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            archive.dereference = not (keep_links and _stays_within(root / member, root))
            archive.add(root / member, member, recursive=False, filter=_plain)


def archive_name(name: str) -> str:
    """What the archive of the directory `name` is called; a task gets it as a file."""
    return short_name(f"{name}.tar")


def short_name(name: str) -> str:
    """The name, or a digest of it with its suffix where it is too long for an engine."""
    raw = name.encode(errors="surrogateescape")
    if len(raw) <= _LONGEST_NAME:
        return name
    suffix = "".join(Path(name).suffixes[-2:]) if name.isascii() else Path(name).suffix
    return f"{hashlib.sha256(raw).hexdigest()}{suffix if len(suffix.encode()) < 40 else ''}"


def archive_directory(target: Path, directory: Path) -> None:
    """Archive the content of `directory`, empty folders and links within it included.

    Raises:
        StagingError: it cannot be read, or a link leads out of it to nowhere or in a circle.
    """
    unfinished = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_archive(unfinished, directory, _content(directory), keep_links=True)
        unfinished.replace(target)
    except OSError as error:
        raise StagingError(f"cannot read the directory {directory}: {error}") from error


def directory_state(directory: Path) -> FileState:
    """What tells that something in `directory` was changed.

    Raises:
        StagingError: as `archive_directory`.
    """
    listing, size, newest = hashlib.sha256(), 0, 0
    for member in _content(directory):
        path = directory / member
        if _stays_within(path, directory):
            listing.update(f"{member}\0{path.readlink()}\0".encode(errors="surrogateescape"))
            continue
        state = None if path.is_dir() else file_state(path)
        listing.update(
            f"{member}\0{'' if state is None else state.text}\0".encode(errors="surrogateescape")
        )
        if state is not None:
            size += state.size
            newest = max(newest, state.newest_ns)
    return FileState(listing.hexdigest(), size, newest)


def _content(directory: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(directory, followlinks=True):
        found += [os.path.join(folder, name) for name in folders]
        kept = [name for name in folders if not _stays_within(Path(folder, name), directory)]
        for path in (Path(folder, name) for name in kept):
            if path.is_symlink() and Path(folder).resolve().is_relative_to(path.resolve()):
                raise StagingError(f"the directory {directory} links back into itself at {path}")
        folders[:] = sorted(kept)
        found += [os.path.join(folder, name) for name in files if name != TIMESTAMP]
    return sorted(os.path.relpath(path, directory) for path in found)


def _stays_within(path: Path, root: Path) -> bool:
    """Whether `path` is a link that leads to a place in `root` wherever that is."""
    if not path.is_symlink() or os.path.isabs(os.readlink(path)):
        return False
    return Path(os.path.realpath(path)).is_relative_to(root.resolve())


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _now(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Safe to unpack, and made now: jobs below may read single files of the directory."""
    plain = tarfile.data_filter(member, folder)
    return plain.replace(mtime=time.time(), deep=False)


def unpack_directory(
    source: Path, directory: Path, before: Callable[[Path], None] = lambda fresh: None
) -> None:
    """Make `directory` what the archive holds, in one step and never outside of it.

    `before` is called with the unpacked content, while the old one is still there.

    Raises:
        StagingError: the archive is damaged, or a member leads out of the directory.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=HIDDEN, dir=incoming(directory, source.parent)))
    old = fresh.with_name(f"{fresh.name}.old")
    try:
        with tarfile.open(source) as archive:
            archive.extractall(fresh, filter=_now)
        fresh.chmod(0o755)
        before(fresh)
        if directory.is_symlink() or not directory.is_dir():
            directory.unlink(missing_ok=True)
        else:
            directory.rename(old)  # at once: removing it takes a while
        fresh.rename(directory)
    except (tarfile.TarError, OSError) as error:
        raise StagingError(f"cannot unpack the directory {directory}: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
