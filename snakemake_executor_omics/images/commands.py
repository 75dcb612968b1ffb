"""Run a program that makes an image or an environment; what it said is in the error if it fails."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from ..errors import ImageError

_SAID = 3000  # characters of a program's output that an error shows


def run(command: Sequence[str], told: Sequence[str] | None = None, typed: str = "") -> None:
    """Run `command`, with `typed` on its stdin; an error names it by the words `told`.

    Raises:
        ImageError: it ended with a status other than 0.
    """
    done = subprocess.run(
        command,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ImageError(
            f"`{' '.join(told or command)}` ended with status {done.returncode}: "
            f"{done.stdout[-_SAID:].strip()}"
        )
