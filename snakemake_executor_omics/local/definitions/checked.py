"""What a check of a definition says, and how a check is run: in a process of its own.

The server never loads a workflow engine, and a definition that breaks one cannot break the server.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS_MESSAGE = 4096
_SECONDS = 900


class BadDefinition(Exception):
    """Why a definition cannot become ACTIVE, in words for its statusMessage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A definition that can run; `template` is None where none can be derived."""

    message: str = ""
    template: dict[str, Any] | None = None


def check_by(module: str, arguments: Sequence[str], folder: Path) -> Checked:
    """Run `python -m MODULE ARGUMENTS` in the definition's folder.

    It prints `message` and `template` as JSON, or fails with the reason on stderr.
    """
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BadDefinition(f"the check took longer than {_SECONDS} s") from error
    if done.returncode != 0:
        raise BadDefinition(done.stderr.strip() or f"the check ended with {done.returncode}")
    return Checked(**json.loads(done.stdout))


def tidy_description(text: object) -> str:
    """A text of a definition as a parameter's description: one line of at most 256 characters."""
    return " ".join(text.split())[:256] if isinstance(text, str) else ""
