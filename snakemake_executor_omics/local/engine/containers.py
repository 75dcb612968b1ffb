"""The back ends with containers: miniwdl's own for Docker, Podman and Apptainer, reported alike."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

from WDL.runtime.backend.docker_swarm import SwarmContainer
from WDL.runtime.backend.podman import PodmanContainer
from WDL.runtime.backend.singularity import SingularityContainer
from WDL.runtime.error import Terminated

from .backend import OmicsTask, TaskTimedOut
from .logs import TaskLog
from .usage import Usage

_TICK = 0.5


class ContainerTask(OmicsTask):
    """Lets the back end behind it in the method resolution order execute the command."""

    default_image = "ubuntu:22.04"  # miniwdl's

    def execute(
        self, logger: logging.Logger, terminating: Callable[[], bool], command: str, log: TaskLog
    ) -> int:
        timeout = self.attempt.resources.timeout
        deadline = None if timeout is None else time.monotonic() + timeout

        def late() -> bool:
            return deadline is not None and time.monotonic() > deadline

        self.runtime_values.setdefault("env", {}).update(self.environment())
        usage = Usage(0)
        done = threading.Event()

        def follow() -> None:
            while not done.wait(_TICK):
                log.poll()

        follower = threading.Thread(target=follow, name=f"log-{self.attempt.key}", daemon=True)
        self.running()
        follower.start()
        try:
            exit_code: int = super(OmicsTask, self)._run(  # type: ignore[safe-super]
                logger, lambda: terminating() or late(), command
            )
        except Terminated as error:
            if late() and not terminating():
                message = f"task ran longer than its limit of {timeout} s"
                raise TaskTimedOut(message) from error
            raise
        finally:
            done.set()
            follower.join()
        self.attempt.metrics = usage.metrics(None)
        return exit_code


class DockerTask(ContainerTask, SwarmContainer):
    """Docker, by miniwdl's swarm back end."""


class PodmanTask(ContainerTask, PodmanContainer):
    """Podman."""


class ApptainerTask(ContainerTask, SingularityContainer):
    """Apptainer, or Singularity under its older name."""


BACKENDS: dict[str, type[OmicsTask]] = {
    "docker": DockerTask,
    "podman": PodmanTask,
    "apptainer": ApptainerTask,
}


def options() -> dict[str, dict[str, Any]]:
    """miniwdl settings of these back ends: rootless Podman, Apptainer by whatever name it has."""
    return {
        "podman": {"exe": ["podman"]},
        "singularity": {"exe": ["apptainer" if shutil.which("apptainer") else "singularity"]},
    }
