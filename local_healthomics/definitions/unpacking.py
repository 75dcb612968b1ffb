"""Unpack a definition's zip file without trusting it.

Nothing leaves the folder, nothing but files and folders is made, and what counts against the
limits is what is really unpacked, not what the file says of itself.
"""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from .checked import BadDefinition

MAX_UNPACKED = 1024**3  # "Repository source: 1 GiB total" (user guide, quotas)
MAX_FILES = 20_000
_BLOCK = 1024 * 1024
_ENCRYPTED = 0x1
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


def unpack(archive: Path, target: Path) -> None:
    """Unpack into `target`, an empty folder."""
    left = MAX_UNPACKED
    taken: set[PurePosixPath] = set()
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = opened.infolist()
            if len(infos) > MAX_FILES:
                raise BadDefinition(f"The zip file has more than {MAX_FILES} files")
            for info in infos:
                name = _safe_name(info)
                if info.is_dir():
                    (target / name).mkdir(parents=True, exist_ok=True)
                    continue
                if name in taken:
                    raise BadDefinition(f"Two files of the zip file are named {name}")
                taken.add(name)
                left = _extract(opened, info, target / name, left)
    except _BROKEN as error:
        raise BadDefinition("Invalid zip file") from error
    except OSError as error:
        raise BadDefinition(f"The zip file cannot be unpacked: {error.strerror}") from error


def _safe_name(info: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)  # none in a zip that no Unix has made
    if (
        name.is_absolute()
        or ".." in name.parts
        or not name.parts
        or "\\" in info.filename
        or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
    ):
        raise BadDefinition(f"Unsafe path in the zip file: {info.filename}")
    if info.flag_bits & _ENCRYPTED:
        raise BadDefinition(f"The zip file is encrypted: {info.filename}")
    return name


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Write one file; returns how many bytes the rest may have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, path.open("xb") as out:
        while block := source.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise BadDefinition("The workflow definition is too large when unpacked")
            out.write(block)
    if (info.external_attr >> 16) & stat.S_IXUSR:  # scripts of Nextflow's bin folder
        path.chmod(0o755)
    return left
