"""Clients that others wrote: each in a virtual environment of its own, run from one shell."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

OURS = [sys.executable, "-m", "snakemake_executor_omics.cli"]
ROOT = str(Path(__file__).parents[1])


@dataclass(frozen=True)
class Shell:
    """A shell in which `eval "$(snakemake-omics local env)"` was said."""

    environment: Mapping[str, str]
    folder: Path

    def run(self, *command: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(part) for part in command],
            env=dict(self.environment),
            cwd=self.folder,
            text=True,
            capture_output=True,
        )
        assert done.returncode == status, f"{done.args}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *command: object) -> Any:
        """What a command says on stdout; None if it says nothing."""
        said = self.run(*command).stdout
        return json.loads(said) if said.strip() else None


def sourced(commands: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a shell that had these, after it did `commands`."""
    done = subprocess.run(
        ["bash", "-c", f"set -e; {commands}; env -0"],
        env=dict(environment),
        text=True,
        capture_output=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)


def installed(requirement: str, cache: Path) -> Path:
    """The folder of a client's commands, installed once for all workers and later sessions.

    Skips the test if it cannot be installed, which is mostly for want of a package index.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = cache / f"{requirement}-{version}"
    with (cache / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = place / "complete"
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)
            _run("-m", "venv", "--without-pip", place)
            _run(
                "-m",
                "pip",
                "--python",
                place / "bin/python",
                "install",
                "--quiet",
                "--no-compile",
                "--prefer-binary",
                "--retries=1",
                "--timeout=30",
                requirement,
            )
            complete.touch()
    return place / "bin"


def _run(*arguments: object) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{arguments[-1]} cannot be installed: {reason}")
