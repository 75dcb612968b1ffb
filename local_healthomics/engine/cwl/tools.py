"""A step of a CWL workflow as a task of the run: granted, followed, reported, ended.

cwltool prepares a command and collects its outputs; how the command is executed is a job class, of
which there is one per container back end, as there is of cwltool's own.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from cwltool.command_line_tool import CommandLineTool
from cwltool.context import LoadingContext, RuntimeContext
from cwltool.docker import DockerCommandLineJob, PodmanCommandLineJob
from cwltool.job import CommandLineJob, JobBase
from cwltool.process import Process
from cwltool.singularity import SingularityCommandLineJob
from cwltool.workflow import default_make_tool

from ..backend import OUT_OF_MEMORY
from ..errors import Cancelled
from ..groups import Group
from ..logs import TaskLog
from ..resources import Resources, usable_bytes
from ..session import Session
from ..tasks import Attempt
from ..usage import Usage

_LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
_GIB_IN_MIB = 1024


@dataclass(frozen=True, slots=True)
class _Container:
    """A container that `tool run` has made: ending that command may leave it alive."""

    tool: str
    id_file: Path

    @classmethod
    def of(cls, runtime: Sequence[str]) -> Self | None:
        """The container of such a command line, if it is one and writes an id down."""
        files = [word.partition("=")[2] for word in runtime if word.startswith("--cidfile=")]
        return cls(runtime[0], Path(files[0])) if files else None

    def kill(self) -> None:
        if self.id_file.exists():
            subprocess.run(
                [self.tool, "kill", self.id_file.read_text()], capture_output=True, check=False
            )


class Task(JobBase):
    """What the job classes have in common; cwltool's own is behind it in their resolution order."""

    session: ClassVar[Session]
    attempt: Attempt
    _log: TaskLog
    _container: _Container | None = None
    _stopped = False
    _problem: str | None = None

    def run(self, runtimeContext: RuntimeContext, tmpdir_lock: Any = None) -> None:
        session = self.session
        self.attempt = attempt = session.board.new(self.name, self._asked())
        self._use_image()
        self._report_conclusion()
        session.board.move(attempt, "PENDING")
        wants = attempt.resources
        with session.gate.hold(
            attempt.key,
            cpus=wants.cpus,
            memory_gib=wants.memory_gib,
            gpus=wants.gpus,
            stopping=self._ending,
        ) as grant:
            if grant is None:
                session.board.cancel(attempt)
                raise Cancelled("the run is ending")
            self.environment.update(session.task_environment(attempt.key, grant))
            session.board.move(attempt, "STARTING")
            try:
                super().run(runtimeContext, tmpdir_lock)  # type: ignore[safe-super]
            except Exception as error:
                self._fail("RUN_TASK_FAILED", str(error))
                raise
        if self._stopped:
            raise Cancelled("the run is ending")

    def _asked(self) -> Resources:
        wanted = self.builder.resources
        docker = self.get_requirement("DockerRequirement")[0] or {}
        name = docker.get("dockerPull") or docker.get("dockerImageId")
        return Resources(
            cpus=max(1, math.ceil(wanted["cores"])),
            memory_gib=max(1, math.ceil(wanted["ram"] / _GIB_IN_MIB)),
            gpus=math.ceil(wanted.get("cudaDeviceCount", 0)),
            image=self.session.request.registries.resolve(str(name) if name else None),
            timeout=self.timelimit or None,
        )

    def _use_image(self) -> None:
        """Let the container engine ask for what the registry map says."""
        image = self.attempt.resources.image
        if image is None or image.source is None:
            return

        def mapped(requirement: Any) -> Any:
            if requirement["class"] != "DockerRequirement":
                return requirement
            return {**requirement, "dockerPull": image.pull, "dockerImageId": image.pull}

        self.requirements = [mapped(one) for one in self.requirements]
        self.hints = [mapped(one) for one in self.hints]

    def _ending(self) -> bool:
        """One failed task ends the run, as with the other engine."""
        return self.session.stopping() or self.session.board.first_failure is not None

    def _report_conclusion(self) -> None:
        """Hear what cwltool makes of the job before the workflow does."""
        collect, passed_on = self.collect_outputs, self.output_callback
        self.timelimit = None  # it is ours to watch

        def collected(outdir: str, code: int) -> Any:
            try:
                return collect(outdir, code)
            except Exception as error:
                self._problem = str(error)
                raise

        def concluded(outputs: Any, status: str) -> None:
            if self._stopped:
                self.session.board.cancel(self.attempt)
                return
            if status == "success":
                self.session.board.move(self.attempt, "COMPLETED")
            else:
                self._fail_by_status()
            if passed_on is not None:
                passed_on(outputs, status)

        self.collect_outputs, self.output_callback = collected, concluded

    def _fail_by_status(self) -> None:
        code = self.attempt.exit_code
        if code == OUT_OF_MEMORY:
            self._fail("OUT_OF_MEMORY_ERROR", f"command exited with status {code}: out of memory")
        elif code:
            self._fail("RUN_TASK_FAILED", f"command exited with status {code}")
        else:
            self._fail("RUN_TASK_FAILED", self._problem or "the command could not be run")

    def _fail(self, reason: str, message: str) -> None:
        if not self.attempt.is_final:
            self.session.board.fail(self.attempt, reason, message)
        self.session.board.blame(self.attempt)
        self.session.gate.wake()

    def _execute(
        self,
        runtime: list[str],
        env: MutableMapping[str, str],
        runtimeContext: RuntimeContext,
        monitor_function: Callable[..., None] | None = None,
    ) -> None:
        folder = self.session.request.run_dir / "tasks" / str(self.attempt.key)
        folder.mkdir(parents=True)
        streams = [folder / "stdout.txt", folder / "stderr.txt"]
        captured = [Path(self.base_path_logs, name) for name in (self.stdout, self.stderr) if name]
        context = runtimeContext.copy()
        self._container = _Container.of(runtime)
        with (
            streams[0].open("wb") as context.default_stdout,
            streams[1].open("wb") as context.default_stderr,
            TaskLog(
                self.session.events, self.attempt.key, [str(p) for p in (*streams, *captured)]
            ) as self._log,
        ):
            super()._execute([*_LAUNCH, *runtime], env, context, self._watch)

    def _watch(self, process: subprocess.Popen[str]) -> None:
        """Follow the command to its end; cwltool then finds it collected."""
        session, attempt = self.session, self.attempt
        limit = attempt.resources.timeout
        deadline = None if limit is None else time.monotonic() + limit
        with contextlib.closing(Group(process)) as group:
            session.groups.add(group.pid)
            try:
                session.board.move(attempt, "RUNNING", pgid=group.pid)
                usage = Usage(group.pid)
                most = usable_bytes(attempt.resources.memory_gib, session.request.readings)
                for _ in group.ticks():
                    self._log.poll()
                    usage.sample()
                    if session.request.memory_limit and usage.exceeds(most):
                        break  # `reap` kills, as the kernel would have
                    if self._ending():
                        self._stopped = True
                        self._end(group)
                    elif deadline is not None and time.monotonic() > deadline:
                        self._end(group)
                        self._fail("TASK_TIMED_OUT", f"timed out after {limit} seconds")
                attempt.exit_code = group.reap()
                attempt.metrics = usage.metrics(group.account)
                self._log.poll()
            finally:
                session.groups.discard(group.pid)
        if not attempt.is_final and not self._stopped:
            session.board.move(attempt, "STOPPING")

    def _end(self, group: Group) -> None:
        if self._container is not None:
            self._container.kill()
        group.end()


class ProcessJob(Task, CommandLineJob):
    """A plain process of this machine; container images are not used."""


class DockerJob(Task, DockerCommandLineJob):
    """Docker, by cwltool's own class."""


class PodmanJob(Task, PodmanCommandLineJob):
    """Podman."""


class ApptainerJob(Task, SingularityCommandLineJob):
    """Apptainer, or Singularity under its older name."""


_JOBS: Mapping[str, type[Task]] = {
    "process": ProcessJob,
    "docker": DockerJob,
    "podman": PodmanJob,
    "apptainer": ApptainerJob,
}


def tool_maker(session: Session) -> Callable[[Any, LoadingContext], Process]:
    """Makes cwltool's objects, with tools whose jobs are tasks of this run."""
    job = type("Job", (_JOBS[session.request.container_backend],), {"session": session})
    plain = type("PlainJob", (ProcessJob,), {"session": session})

    class Tool(CommandLineTool):
        def make_job_runner(self, runtimeContext: RuntimeContext) -> type[JobBase]:
            return job if self.get_requirement("DockerRequirement")[0] else plain

    def make(tool: Any, context: LoadingContext) -> Process:
        if tool.get("class") == "CommandLineTool":
            return Tool(tool, context)
        return default_make_tool(tool, context)

    return make
