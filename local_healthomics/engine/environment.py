"""What the environment of a task holds by the readings, whatever runs its command."""

from __future__ import annotations

from ..readings import Readings

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BASH, _WITHOUT = "/bin/bash", "/usr/bin/env -u HOME -u USER"


def read_environment(readings: Readings) -> dict[str, str]:
    """The variables that are there by a reading, beside the documented ones."""
    found: dict[str, str] = {}
    if readings["task-home"] == "root":
        found |= {"HOME": "/root", "USER": "root"}
    if readings["task-path"] == "system":
        found["PATH"] = _SYSTEM_PATH
    return found


def shell(readings: Readings) -> str:
    """What runs a command in a container, where the container tool sets HOME by itself."""
    return f"{_WITHOUT} {_BASH}" if readings["task-home"] == "unset" else _BASH
