"""Where links lead, asked of the kernel at once instead of looking at every folder on the way."""

from __future__ import annotations

import os

_OPENED = "/proc/self/fd"  # of Linux: what this process has open, by descriptor
_WHERE = getattr(os, "O_PATH", None)  # opens whatever it is, for no use


def real(path: str) -> str:
    """`os.path.realpath`, in a tenth of its time where the path exists."""
    if _WHERE is None:
        return os.path.realpath(path)
    try:
        opened = os.open(path, _WHERE)
    except OSError:
        return os.path.realpath(path)
    try:
        return os.readlink(f"{_OPENED}/{opened}")
    except OSError:  # no /proc here
        return os.path.realpath(path)
    finally:
        os.close(opened)


def really_within(inner: str, outer: str) -> bool:
    """Whether a path is another one or in it, wherever links lead."""
    inner, outer = real(inner), real(outer)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)
