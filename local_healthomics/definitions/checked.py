"""What a check of a definition says, and how a check is run: in a process of its own.

The server never loads a workflow engine, and a definition that breaks one cannot break the server.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ..preloaded import Process, start

STATUS_MESSAGE = 4096
_SECONDS = 900
_MEMORY = 8 * 1024**3
_LOADING_SECONDS = 5.0  # of the loader; without it a check loads as much itself
_running: set[Process] = set()

Start = Callable[..., Process]  # see `preloaded.start`


class BadDefinition(Exception):
    """Why a definition cannot become ACTIVE, in words for its statusMessage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A definition that can run; `template` is None where none can be derived."""

    message: str = ""
    template: dict[str, Any] | None = None


def check_by(module: str, arguments: Sequence[str], folder: Path, start: Start = start) -> Checked:
    """Have the definition's folder checked by `MODULE ARGUMENTS` of this package.

    It prints `message` and `template` as JSON, or fails with the reason on stderr.
    """
    with TemporaryFile() as out, TemporaryFile() as problems, open(os.devnull) as nothing:
        process = start(
            f"{__package__}.{module}",
            arguments,
            folder,
            nothing.fileno(),
            out.fileno(),
            problems.fileno(),
            patience=_LOADING_SECONDS,
        )
        _running.add(process)
        try:
            code = process.wait(_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise BadDefinition(f"the check took longer than {_SECONDS} s") from error
        finally:
            _running.discard(process)
        for said in (out, problems):
            said.seek(0)
        if code != 0:
            problem = problems.read().decode(errors="replace").strip()
            raise BadDefinition(problem or f"the check ended with {code}")
        return Checked(**json.load(out))


def end_checks() -> None:
    """Kill the checks that are under way."""
    for process in list(_running):
        process.kill()


def answer(
    main: str,
    check: Callable[[], dict[str, Any]],
    faults: tuple[type[Exception], ...],
    words: Callable[[Exception], str],
) -> int:
    """What the process of a check does: print its answer, or of a fault the reason; exit status.

    It has an end and a size that do not need the server to live.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        found = check()
    except RecursionError:
        print(f"{main} is nested too deeply", file=sys.stderr)
    except faults as error:
        print(words(error), file=sys.stderr)
    else:
        json.dump(found, sys.stdout)
        return 0
    return 1


def tidy_description(text: object) -> str:
    """A text of a definition as a parameter's description: one line of at most 256 characters."""
    return " ".join(text.split())[:256] if isinstance(text, str) else ""
