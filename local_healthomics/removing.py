"""The one place where files of a state folder are removed, each from the folder it belongs to."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path


def remove(path: Path, within: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; what is not there is no error.

    Raises:
        ValueError: it is not below `within`, or is neither of these (a device, say): a fault of
            ours that must not cost what is not ours.
    """
    try:
        kind = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    # Of a link it is the link that goes: where it is counts, not where it leads.
    place = path.parent.resolve() / path.name
    if path.name in ("", "..") or within.resolve() not in place.parents:
        raise ValueError(f"{path} is not in {within}")
    if stat.S_ISDIR(kind):
        shutil.rmtree(path, ignore_errors=True)
    elif stat.S_ISREG(kind) or stat.S_ISLNK(kind):
        path.unlink(missing_ok=True)
    else:
        raise ValueError(f"{path} is no file")
