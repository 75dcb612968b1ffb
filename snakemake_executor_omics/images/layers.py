"""A folder as a layer of an image: the same files give the same bytes, whenever and wherever.

Owners, times and the order of files are fixed, and what the installation tells of this machine is
left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .manifest import Blob

# What conda-meta says of the machine that installed.
_OF_THIS_MACHINE = ("extracted_package_dir", "package_tarball_full_path", "link", "requested_spec",
                    "requested_specs")  # fmt: skip
_PYC_HEADER = 16  # bytes: magic number, flags, then time and size of the source, or its hash
_LEVEL = 6  # of gzip: 9 takes three times as long for 1 %


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed layer; `diff_id` is the digest of what is packed in it."""

    file: Path
    blob: Blob
    diff_id: str


def settle(prefix: Path) -> None:
    """Remove from an installed environment what another installation would have otherwise."""
    (prefix / "conda-meta" / "history").unlink(missing_ok=True)
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        record = json.loads(path.read_text())
        compiled = _compiled(record)
        for name in compiled:
            (prefix / name).unlink(missing_ok=True)
        kept = {key: value for key, value in record.items() if key not in _OF_THIS_MACHINE}
        kept["files"] = [name for name in record.get("files", ()) if name not in compiled]
        if "paths_data" in kept:
            paths = kept["paths_data"]["paths"]
            kept["paths_data"]["paths"] = [p for p in paths if p["_path"] not in compiled]
        path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    for path in prefix.rglob("*.pyc"):
        if not path.is_symlink():
            _by_hash(path)


def _compiled(record: dict[str, Any]) -> set[str]:
    """Files that the installation made of Python's sources, as this machine's Python has them."""
    paths = record.get("paths_data", {}).get("paths", ())
    return {path["_path"] for path in paths if path.get("path_type") == "pyc_file"}


def _by_hash(path: Path) -> None:
    """Let Python take a compiled file as it is (PEP 552, unchecked), not by its source's time."""
    content = path.read_bytes()
    if len(content) >= _PYC_HEADER and content[4:8] == bytes(4):
        new = content[:4] + (1).to_bytes(4, "little") + bytes(8) + content[_PYC_HEADER:]
        path.unlink()  # it may be a link of the package cache
        path.write_bytes(new)


def pack(folder: Path, at: str, target: Path) -> Layer:
    """Pack `folder` as the folder `at` of an image, into the file `target`."""
    with target.open("wb") as out:
        packed = _Hashing(out)
        with gzip.GzipFile("", "wb", _LEVEL, packed, mtime=0) as compressed:
            plain = _Hashing(compressed)  # type: ignore[arg-type]
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
                above = ""
                for part in at.strip("/").split("/")[:-1]:
                    above = f"{above}{part}/"
                    archive.addfile(_member(above, 0o755, tarfile.DIRTYPE))
                for path in _walk(folder):
                    inside = path.relative_to(folder).as_posix()
                    _add(archive, path, f"{at.strip('/')}/{inside}".removesuffix("/."))
    blob = Blob(packed.digest, target.stat().st_size)
    return Layer(target, blob, plain.digest)


def _walk(folder: Path) -> list[Path]:
    found = [folder]
    for root, folders, files in os.walk(folder):
        found += [Path(root, name) for name in (*folders, *files)]
    return sorted(found, key=lambda path: path.parts)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_symlink():
        member = _member(name, 0o777, tarfile.SYMTYPE)
        member.linkname = os.readlink(path)
        archive.addfile(member)
    elif path.is_dir():
        archive.addfile(_member(name, 0o755, tarfile.DIRTYPE))
    elif path.is_file():
        status = path.stat()
        member = _member(name, 0o755 if status.st_mode & 0o100 else 0o644, tarfile.REGTYPE)
        member.size = status.st_size
        with path.open("rb") as content:
            archive.addfile(member, content)


def _member(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name.rstrip("/"))
    member.mode, member.type, member.mtime = mode, kind, 0
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


class _Hashing:
    """Writes on, and knows the digest of what went through."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._out.write(data)
        return len(data)

    def flush(self) -> None:
        self._out.flush()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"
