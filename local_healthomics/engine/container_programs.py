"""The programs that start containers, and whether they can be used here."""

from __future__ import annotations

import shutil
import subprocess

from ..errors import LocalError

_PATIENCE = 30.0  # seconds that a daemon has to answer
_QUESTIONS = {  # what only a program that can start containers answers
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("info", "--format", "{{.Version.Version}}"),
    "apptainer": ("version",),
}


class NoContainers(LocalError):
    """The program of the chosen back end is not here, or cannot start a container."""

    def __init__(self, backend: str, why: str) -> None:
        super().__init__(
            f"tasks cannot run in {backend}: {why.strip()}; with the back end `process` they run "
            "as plain processes"
        )


def program(backend: str) -> str:
    """Apptainer by whatever name it has."""
    if backend == "apptainer" and shutil.which(backend) is None:
        return "singularity"
    return backend


def check_containers(backend: str) -> None:
    """Ask before the first task does, whose run would fail without a word of why.

    Raises:
        NoContainers
    """
    if backend not in _QUESTIONS:
        return
    asked = [program(backend), *_QUESTIONS[backend]]
    try:
        answer = subprocess.run(
            asked, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError as error:
        raise NoContainers(backend, f"there is no program `{asked[0]}`") from error
    except subprocess.TimeoutExpired as error:
        raise NoContainers(
            backend, f"`{asked[0]}` has not answered in {_PATIENCE:.0f} s"
        ) from error
    except OSError as error:
        raise NoContainers(backend, f"`{asked[0]}`: {error.strerror}") from error
    if answer.returncode:
        raise NoContainers(backend, answer.stderr or f"`{' '.join(asked)}` failed")
