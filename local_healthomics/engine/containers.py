"""The back ends with containers: miniwdl's own for Docker, Podman and Apptainer, reported alike."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from WDL import Error
from WDL.runtime.backend.docker_swarm import SwarmContainer
from WDL.runtime.backend.podman import PodmanContainer
from WDL.runtime.backend.singularity import SingularityContainer
from WDL.runtime.error import Terminated

from ..readings import Readings
from ..removing import remove
from .backend import OmicsTask, TaskTimedOut
from .container_programs import program
from .environment import read_environment, shell
from .errors import CannotStartContainer
from .logs import TaskLog
from .usage import Usage

_TICK = 0.5
_USER = 1000  # of tasks, by the reading


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

        def stopping() -> bool:
            if not (terminating() or late()):
                return False
            self.kill()
            return True

        variables = read_environment(self.session.request.readings)
        declared = self.runtime_values.get("env", {})
        self.runtime_values["env"] = variables | declared | self.environment()
        self._give_work_dir()
        usage: Usage | None = None
        began = time.monotonic()
        done = threading.Event()

        def follow() -> None:
            nonlocal usage
            while not done.wait(_TICK):
                log.poll()
                if usage is not None:
                    usage.sample()
                elif (pid := self.pid()) is not None:
                    usage = Usage(pid)

        follower = threading.Thread(target=follow, name=f"log-{self.attempt.key}", daemon=True)
        self.running()
        follower.start()
        try:
            exit_code: int = super(OmicsTask, self)._run(  # type: ignore[safe-super]
                logger, stopping, command
            )
        except Terminated as error:
            if late() and not terminating():
                raise TaskTimedOut(f"timed out after {timeout} seconds") from error
            raise
        finally:
            done.set()
            follower.join()
            if usage is not None:
                self.attempt.metrics = usage.metrics(None)
            self.attempt.metrics["runningSeconds"] = round(time.monotonic() - began, 3)
        return exit_code

    def user(self) -> tuple[int, int] | None:
        """Who the command runs as, if that is not the image's to say: not root in any case.

        Its files are ours, so it is we where we are not root.
        """
        if self.session.request.readings["task-user"] == "image":
            return None
        return (os.geteuid(), os.getegid()) if os.geteuid() else (_USER, _USER)

    def _give_work_dir(self) -> None:
        if os.geteuid() == 0 and (user := self.user()) is not None:
            os.chown(self.work_dir(), *user)

    def pid(self) -> int | None:
        """The first process of the container as this machine sees it, once there is one."""
        return None

    def kill(self) -> None:
        """End the container at once, where miniwdl's asking it to end is not enough."""


class DockerTask(ContainerTask, SwarmContainer):
    """Docker, by miniwdl's swarm back end."""

    def pid(self) -> int | None:
        """Found by the label that miniwdl gives it; Docker in a virtual machine has it there."""
        asked = ["docker", "ps", "--quiet", "--filter", f"label=miniwdl_run_id={self.run_id}"]
        ids = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
        return _state_pid(["docker"], ids[0]) if ids else None

    def misc_config(self, logger: logging.Logger) -> tuple[Any, Any, Any]:
        resources, user, groups = super().misc_config(logger)
        if (found := self.user()) is not None:
            user = f"{found[0]}:{found[1]}"
        return resources, user, groups

    def resolve_tag(self, logger: logging.Logger, client: Any, image_tag: str) -> str:
        try:
            found: str = super().resolve_tag(logger, client, image_tag)
        except Error.RuntimeError as error:
            raise CannotStartContainer(str(error)) from error
        self.attempt.image_digest = found.partition("@")[2] or None
        return found


class PodmanTask(ContainerTask, PodmanContainer):
    """Podman.

    miniwdl ends a container by SIGTERM to `podman run`, which hands it on to the shell in the
    container: as process 1 of its namespace that one does not hear it.
    """

    def _run_invocation(self, logger: logging.Logger, cleanup: ExitStack, image: str) -> list[str]:
        invocation: list[str] = super()._run_invocation(logger, cleanup, image)
        remove(self._cid, within=self._cid.parent)  # of an earlier attempt: Podman makes it anew
        after = invocation.index("run") + 1
        return [
            *invocation[:after],
            *("--cidfile", str(self._cid)),
            *self._as_user(),
            *invocation[after:],
        ]

    def _as_user(self) -> list[str]:
        found = self.user()
        if found is None:
            return []
        # Without root Podman gives other ids to everyone but root, so that we would not be we.
        ours = ["--userns", "keep-id"] if os.geteuid() else []
        return [*ours, "--user", f"{found[0]}:{found[1]}"]

    def pid(self) -> int | None:
        if not self._cid.exists():
            return None
        return _state_pid(self.cli_exe, self._cid.read_text())

    @property
    def _cid(self) -> Path:
        return Path(self.host_dir) / "container.id"

    def kill(self) -> None:
        if self._cid.exists():
            subprocess.run(
                [*self.cli_exe, "kill", self._cid.read_text()], capture_output=True, check=False
            )


class ApptainerTask(ContainerTask, SingularityContainer):
    """Apptainer, or Singularity under its older name."""

    def pid(self) -> int | None:
        """Its processes are children of ours; they know the task's folder by their arguments."""
        for process in psutil.Process().children():
            with suppress(psutil.Error):  # ended between listing and looking
                if any(self.host_dir in word for word in process.cmdline()):
                    return int(process.pid)
        return None


def _state_pid(tool: list[str], container: str) -> int | None:
    asked = [*tool, "inspect", "--format", "{{.State.Pid}}", container]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return int(said) if said.isdigit() and said != "0" else None


BACKENDS: dict[str, type[OmicsTask]] = {
    "docker": DockerTask,
    "podman": PodmanTask,
    "apptainer": ApptainerTask,
}


def options(readings: Readings) -> dict[str, dict[str, Any]]:
    """miniwdl settings of these back ends: rootless Podman, Apptainer by whatever name it has."""
    return {
        "task_runtime": {"command_shell": shell(readings)},
        "podman": {"exe": ["podman"]},
        "singularity": {"exe": [program("apptainer")]},
    }
