"""The back end without containers: a task's command is a plain process of this machine.

It runs in a session of its own, so that everything it starts can be ended together; inputs are
where they are, without write permission.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from WDL import Error
from WDL.runtime.error import Terminated

from . import isolation
from .backend import OmicsTask, TaskTimedOut
from .environment import read_environment
from .groups import Group
from .image_folders import ImageFolder
from .logs import TaskLog
from .resources import usable_bytes
from .transfer import protect
from .usage import Usage

_MARK = "AWS_WORKFLOW_TASK_UUID"  # of the documented variables


@functools.cache
def _machine() -> dict[str, int]:
    return {"cpu": os.cpu_count() or 1, "mem_bytes": psutil.virtual_memory().total}


class ProcessTask(OmicsTask):
    """Runs the command with bash on this machine."""

    @classmethod
    def global_init(cls, cfg: Any, logger: logging.Logger) -> None:
        logger.info("tasks run as plain processes; container images are not used")
        if cls.session.request.isolated and isolation.tool() is None:
            logger.warning(isolation.NOT_HIDDEN)

    @classmethod
    def detect_resource_limits(cls, cfg: Any, logger: logging.Logger) -> dict[str, int]:
        return _machine()

    def __init__(self, cfg: Any, run_id: str, host_dir: str) -> None:
        super().__init__(cfg, run_id, host_dir)
        self.container_dir = host_dir

    def add_paths(self, host_paths: Iterable[str]) -> None:
        for path in host_paths:
            if not os.path.exists(path.rstrip("/")):
                raise Error.InputError(f"input path not found: {path}")
            self.input_path_map[path] = path
            self.input_path_map_rev[path] = path

    def copy_input_files(self, logger: logging.Logger) -> None:
        """Inputs stay where they are."""

    def host_path(self, container_path: str, inputs_only: bool = False) -> str | None:
        # After a retry the work folder is work2 while miniwdl takes absolute paths to be below
        # work: a command that printed its absolute output path means the former.
        work = self.work_dir() + os.sep
        if container_path.startswith(work) and not inputs_only:
            container_path = container_path[len(work) :] or "./"
        return super().host_path(container_path, inputs_only)

    def execute(
        self, logger: logging.Logger, terminating: Callable[[], bool], command: str, log: TaskLog
    ) -> int:
        if not self.session.request.has_read_only_mounts:
            for path in self.input_path_map:
                if not path.startswith(self.host_dir + os.sep) and not path.endswith("/"):
                    protect(path)
        script = os.path.join(self.host_dir, "command")
        with open(script, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(command)
        named = self.asked.image.name if self.asked.image else None
        image = ImageFolder.of(self.session.request.image_folders, named)
        before = self._isolated(image)
        environment = self._environment(image)
        if named and not image.folders and named not in self.session.told_images:
            self.session.told_images.add(named)
            logger.warning("a plain process of this machine: it does not have the image %s", named)
        timeout, memory_gib = self.attempt.resources.timeout, self.attempt.resources.memory_gib
        with (
            open(self.streams()[0], "ab") as out,
            open(self.streams()[1], "ab") as err,
            contextlib.closing(
                Group(
                    subprocess.Popen(
                        [
                            *before,
                            *shlex.split(self.cfg.get("task_runtime", "command_shell")),
                            "../command",
                        ],
                        cwd=self.work_dir(),
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=err,
                        start_new_session=True,
                    ),
                    # In a namespace of their own they end with it.
                    mark=None if "--unshare-pid" in before else (_MARK, environment[_MARK]),
                )
            ) as group,
        ):
            self.session.groups.add(group.pid)
            try:
                self.running(pgid=group.pid)
                deadline = None if timeout is None else time.monotonic() + timeout
                usage = Usage(group.pid, own_shm=bool(before))
                most = usable_bytes(memory_gib, self.session.request.readings)
                for _ in group.ticks():
                    log.poll()
                    usage.sample()
                    if self.session.request.memory_limit and usage.exceeds(most):
                        logger.error(
                            "killed: the task's processes use more than %d GiB", memory_gib
                        )
                        break  # `reap` kills, as the kernel would have
                    if terminating() or self.session.stopping():
                        group.end()
                        raise Terminated(quiet=True)
                    if deadline is not None and time.monotonic() > deadline:
                        group.end()
                        raise TaskTimedOut(f"timed out after {timeout} seconds")
                exit_code = group.reap()
            finally:
                group.reap()  # of one that was ended as well: its use is known then
                self.attempt.metrics = usage.metrics(group.account)
                self.session.groups.discard(group.pid)
        return exit_code

    def _isolated(self, image: ImageFolder) -> list[str]:
        """What hides this machine from the command, if that is wanted and possible."""
        request = self.session.request
        sandbox = isolation.tool() if request.isolated else None
        if sandbox is None:
            return []
        tmp = Path(self.host_dir, "tmp")
        tmp.mkdir(exist_ok=True)
        return isolation.command(
            sandbox,
            run_dir=request.run_dir,
            task_dir=Path(self.host_dir),
            tmp=tmp,
            network=request.network,
            home=request.server_dir,
            shown=image.folders,
            user=request.readings["task-user"],
            one_mount=request.readings["input-files"] == "same-mount",
        )

    def _environment(self, image: ImageFolder) -> dict[str, str]:
        """Nothing of this machine's but PATH: no image would have it."""
        inherited = {"PATH": os.environ.get("PATH", os.defpath)}
        if not (self.session.request.isolated and isolation.tool() is not None):
            # Where people have little room in /tmp. An isolated task has its own.
            inherited |= {k: v for k, v in os.environ.items() if k == "TMPDIR"}
        declared: dict[str, str] = self.runtime_values.get("env", {})
        read = read_environment(self.session.request.readings)
        return inherited | image.variables(inherited) | read | declared | self.environment()
