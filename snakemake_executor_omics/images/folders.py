"""Environments as folders of the project, for tasks that are processes of this machine.

Each is made once, at the path where it is used, by the solver that makes images; the local service
is told of its folder. What cannot be made for want of a network or of py-rattler is said, and the
programs of this machine are used.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import ChannelsUnreachable, ImageError
from ..log import Log
from ..model import Environment, Wave
from . import solver
from .activation import SCRIPT, image_environment, write_activation
from .commands import run
from .recipe import PIP, Recipe

_MADE = "omics-explicit.txt"  # what is in it; written when all is done


class EnvironmentFolders:
    """The environments of a project, below its folder for what must survive."""

    def __init__(self, state: Path, log: Log) -> None:
        self._folder = state / "environments"
        self._images = state / "local" / "images"
        self._log = log
        self._seen: set[tuple[str, str]] = set()
        self._left: set[str] = set()  # images that the service is to have

    def make(self, waves: Iterable[Wave]) -> None:
        """Make what tasks of these waves work in, and tell the local service.

        Raises:
            ImageError: an environment cannot be made, and that is no matter of the network.
        """
        rules: dict[tuple[str, Environment], dict[str, None]] = {}
        for wave in waves:
            for task in wave.tasks:
                if task.environment is not None:
                    used = rules.setdefault((task.container, task.environment), {})
                    used.update(dict.fromkeys(step.key.rule for step in task.steps))
        missing: dict[str, list[str]] = {}
        for (image, environment), names in rules.items():
            if (image, environment.key) in self._seen:
                continue
            self._seen.add((image, environment.key))
            try:
                folder = self._made(environment, ", ".join(names))
            except ChannelsUnreachable as error:
                missing.setdefault(error.message, []).append(environment.name)
            except ImageError as error:
                if error.hint == solver.EXTRA:
                    missing.setdefault(f"{error.message}; {error.hint}", []).append(
                        environment.name
                    )
                    continue
                raise ImageError(
                    f"the environment {environment.file} of {', '.join(names)} cannot be made: "
                    f"{error.message}",
                    hint=error.hint or "--omics-environments off uses this machine's programs",
                ) from error
            else:
                self._tell(image, folder)
        for why, missed in missing.items():
            self._log.warning(
                "omics: the programs of this machine are used in place of the environments "
                f"{', '.join(dict.fromkeys(missed))}: {why}"
            )

    def leave_to(self, url: str, waves: Iterable[Wave]) -> None:
        """Say, once, that a service which is not this call's own has to have the images."""
        tasks = [task for wave in waves for task in wave.tasks if task.environment is not None]
        new = {task.container for task in tasks} - self._left
        self._left |= new
        if new:
            self._log.warning(
                f"omics: the service at {url} is to run tasks in {', '.join(sorted(new))}, the "
                "images of environments: one that runs plain processes has only its machine's "
                "programs. `--omics-endpoint local` makes environments"
            )

    def _made(self, environment: Environment, rules: str) -> Path:
        prefix = (self._folder / f"{environment.name[:16]}-{environment.key}").resolve()
        if (prefix / _MADE).is_file():
            return prefix
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{prefix.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another Snakemake of this project may be at it
            if not (prefix / _MADE).is_file():
                self._make(environment, rules, prefix)
        return prefix

    def _make(self, environment: Environment, rules: str, prefix: Path) -> None:
        recipe = Recipe.of(environment)
        platform = solver.here()
        if platform != solver.LINUX:  # pins are for that one
            recipe = replace(recipe, pins=())
        began = time.monotonic()
        self._log.info(f"omics: making the environment {environment.file} of {rules}")
        solution = solver.solve(recipe, platform, this_machine=True)
        if prefix.exists():
            shutil.rmtree(prefix)  # half made, by a call that was ended
        prefix.mkdir(parents=True)
        solver.install(solution, prefix, link_scripts=True)
        write_activation(prefix, str(prefix), recipe.variables)
        if recipe.pip:
            (prefix / PIP).write_text(recipe.requirements)
            _run(prefix, ["python", "-m", "pip", "install", "--no-input", "-r", str(prefix / PIP)])
        if environment.post_deploy is not None:
            script = prefix / "omics-post-deploy.sh"
            script.write_bytes(environment.post_deploy)
            _run(prefix, [*_interpreter(environment.post_deploy), str(script)])
        (prefix / _MADE).write_text(solution.explicit)
        took = time.monotonic() - began
        self._log.info(f"omics: made it in {took:.1f} s, {len(solution.records)} packages")

    def _tell(self, image: str, folder: Path) -> None:
        """As `local_healthomics.engine.image_folders` reads it."""
        said = {"image": image, "environment": image_environment(str(folder))}
        self._images.mkdir(parents=True, exist_ok=True)
        name = f"{hashlib.sha256(image.encode()).hexdigest()}.json"
        draft = self._images / f"{name}.{os.getpid()}"
        draft.write_text(json.dumps({**said, "folders": [str(folder)]}))
        draft.replace(self._images / name)


def _interpreter(script: bytes) -> list[str]:
    """As Snakemake has it: what the script's first line says, else sh."""
    first = script.split(b"\n", 1)[0].decode(errors="replace")
    return first.removeprefix("#!").split() if first.startswith("#!") else ["sh"]


def _run(prefix: Path, command: list[str]) -> None:
    """Run a command in the environment."""
    words = ["bash", "-c", '. "$0"; exec "$@"', str(prefix / SCRIPT), *command]
    run(words, told=command)
