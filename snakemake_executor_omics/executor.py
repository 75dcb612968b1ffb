"""The adapter between Snakemake's scheduler and HealthOmics: calls in, reports out.

Snakemake hands in the jobs that are ready; the first one that is not in flight launches a wave,
which is everything that can be decided now. Later jobs are attached to the run they are in. Which
job is in which run, and what is told of it, is the ledger's to know.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snakemake.logging import is_quiet_about
from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from .errors import FileError, OmicsError, ServiceError
from .graph import internals
from .graph.output_cache import OutputCache
from .graph.reports import keys_of, settle, tell_failures
from .graph.units import job_key, members
from .graph.updates import Updates
from .graph.waves import decide_what_is_local
from .launch import Launcher
from .log import WithoutProgress
from .model import JobKey
from .packaging import package
from .runs.followed import FollowedRun
from .runs.interrupts import as_before, leave_at_the_next
from .runs.invocation import Invocation
from .runs.ledger import Failed, Ledger, Outcome, Returned, RunEnd, Succeeded
from .settings.checking import resolve
from .settings.options import Options


@contextmanager
def _for_people() -> Iterator[None]:
    """A user's mistake is told by Snakemake in a sentence; a `WorkflowError` shows our lines."""
    try:
        yield
    except OmicsError as error:
        raise ApiError(str(error)) from error
    except OSError as error:
        raise ApiError(str(FileError(error))) from error


class Executor(RemoteExecutor):
    """Snakemake's executor plugin `omics`."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        # Not where Snakemake was started: `workdir:` leads to another folder.
        workdir = Path.cwd()
        with _for_people():
            options = _options(workflow)
            hears = not is_quiet_about(workflow.output_settings.quiet or (), "progress")
            runs = Invocation(options, workdir, logger if hears else WithoutProgress(logger))
            _do_without_runs(workflow, options, workdir, runs.state, logger)
        self._runs = runs
        self._infos: dict[JobKey, SubmittedJobInfo] = {}  # of the jobs that Snakemake waits for
        self._cache = OutputCache(workflow)
        self._launcher = Launcher(workflow, options, runs, self._cache, logger)
        self._updates = Updates(workflow)
        super().__init__(workflow, logger)  # last: it starts its thread, which polls

    @property
    def _ledger(self) -> Ledger:
        return self._runs.ledger

    # --- jobs in -------------------------------------------------------------------------

    def run_job(self, job: Any) -> None:
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        with _for_people():
            try:
                self._place([job for job in jobs if not self._is_placed(job)])
            except ServiceError:
                self._runs.detach()  # trouble with the service is no reason to stop what it has
                raise
        for job in jobs:
            self._updates.keep(job)
            if not self._ledger.is_given_up(job_key(job), keys_of(job)):
                self.run_job_pre(job)
            self._attach(job)

    def _is_placed(self, job: Any) -> bool:
        unit, keys = job_key(job), keys_of(job)
        return self._ledger.placement(unit, keys).complete or self._ledger.is_given_up(unit, keys)

    def _place(self, jobs: list[Any]) -> None:
        """Launch a wave that has these jobs."""
        if jobs and (fetched := self.workflow.async_run(self._cache.fetch())):
            self.logger.info(f"omics: {fetched} jobs have their results in Snakemake's cache")
            jobs = [job for job in jobs if not self._cache.has(job_key(job))]
        if jobs:
            self._launcher.launch(jobs)
        for job in jobs:
            placement = self._ledger.placement(job_key(job), keys_of(job))
            if not placement.complete and not placement.in_flight:
                # Nothing is under way that it could wait for.
                raise OmicsError(f"{job_key(job)} cannot go into a run, see above what it lacks")

    def _attach(self, job: Any) -> None:
        """Have a job wait for its run, or tell its end at once if that is known.

        Then the cascade down the graph costs no poll interval per level.
        """
        unit = job_key(job)
        tasks = self._ledger.placement(unit, keys_of(job)).tasks
        place = f"{tasks[0][0] if tasks else '-'}/{','.join(name for _, name in tasks)}"
        is_cached = self._cache.has(unit)
        info = SubmittedJobInfo(job=job, external_jobid="cache" if is_cached else place)
        info.aux = {"unit": unit}
        with self._runs.lock:
            answer = Succeeded(unit) if is_cached else self._ledger.ask(unit, keys_of(job))
            if answer is None:
                self._infos[unit] = info
        if answer is None:
            self.report_job_submission(info)
            return
        internals.report_submission_without_polling(self, info)
        if isinstance(answer, Succeeded):
            self.workflow.async_run(self._report_success(info))
        elif isinstance(answer, Failed):
            internals.give_back(self.workflow, [job], [])
        else:
            internals.give_back(self.workflow, [], [job])

    # --- states out ----------------------------------------------------------------------

    async def sleep(self) -> None:
        await self._runs.pause()

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        try:
            for ended, end in await self._runs.look():
                await self._take_in(ended, end)
        except OmicsError as error:
            # The base class's thread would print what is raised here, and Snakemake once more.
            self.wait = False
            self.workflow.scheduler.executor_error_callback(ApiError(str(error)))
        for info in active_jobs:
            if self._infos.get(info.aux["unit"]) is info:
                yield info

    async def _take_in(self, ended: FollowedRun, end: RunEnd) -> None:
        """A run has ended: tell Snakemake what the ledger makes of it."""
        run = ended.run.id
        with self._runs.lock:
            answers = self._ledger.advance(run, end)
            waiting = {answer.unit for answer in answers} & self._infos.keys()
            infos = {unit: self._infos.pop(unit) for unit in waiting}
        self._runs.remember_failures(run)
        failed = {answer.unit: answer.details for answer in answers if isinstance(answer, Failed)}
        asked, goes_on = tell_failures(
            self.workflow, failed, infos, self._ledger.give_up, self.logger
        )
        returned = [answer for answer in answers if isinstance(answer, Returned)]
        if not goes_on and (lost := [answer for answer in returned if answer.is_lost]):
            # Snakemake starts nothing after a failure, but waits for what runs: these still do.
            keys = {key for key, how in end.endings.items() if how.outcome is Outcome.LOST}
            await self._runs.start_again(ended.wave, keys)
            self._wait_again([infos[answer.unit] for answer in lost])
            returned = [answer for answer in returned if answer not in lost]
        for line in (line for answer in returned for line in answer.lines(goes_on=goes_on)):
            self.logger.info(f"omics: {line}")
        if asked or returned:
            stopped = [infos[answer.unit].job for answer in returned]
            internals.give_back(self.workflow, asked, stopped)
        self._runs.forget_if_over(run)  # what failed has been told
        for unit in [answer.unit for answer in answers if isinstance(answer, Succeeded)]:
            await self._report_success(infos[unit])

    def _wait_again(self, infos: Collection[SubmittedJobInfo]) -> None:
        with self._runs.lock:
            for info in infos:
                self._infos[info.aux["unit"]] = info
                self._ledger.ask(info.aux["unit"], keys_of(info.job))

    async def _report_success(self, info: SubmittedJobInfo) -> None:
        absent = self._ledger.absent([job_key(info.job), *keys_of(info.job)])
        await settle(self.dag, info.job, self._cache, absent, self._runs.workdir)
        self.report_job_success(info)

    def handle_job_success(self, job: Any) -> None:
        self._updates.forget(job)
        for member in members(job):
            seconds = self._ledger.seconds([job_key(member), job_key(job)])
            internals.tell_duration(self.workflow, member, seconds)
        with _for_people():
            self._runs.record([job_key(job), *keys_of(job)])

    def handle_job_error(self, job: Any) -> None:
        for path in self._updates.put_back(job):
            self.logger.info(f"omics: {path} is as it was before the job failed")

    # --- end -----------------------------------------------------------------------------

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        leave_at_the_next(self._leave)
        self._runs.cancel()

    def _leave(self) -> None:
        """A second Ctrl-C: no more than a line, and the lock of the folder."""
        runs = ", ".join(self._ledger.in_flight)
        rest = f"; `snakemake-omics cancel RUN` stops what may go on: {runs}" if runs else ""
        self.logger.error(f"omics: left at once{rest}")
        internals.unlock(self.workflow)

    def shutdown(self) -> None:
        self.wait = False
        self._runs.stop_waiting()
        super().shutdown()
        self._runs.close()
        as_before()


def _options(workflow: Any) -> Options:
    """Our options, and what they change in Snakemake's own workflow."""
    options = resolve(
        workflow.executor_settings, project=Path(workflow.workdir_init).resolve().name
    )
    if workflow.remote_execution_settings.immediate_submit:
        raise OmicsError(
            "--immediate-submit does not go with this executor: one run carries the workflow",
            hint="leave it out",
        )
    decide_what_is_local(workflow, options)
    return options


def _do_without_runs(workflow: Any, options: Options, workdir: Path, state: Path, log: Any) -> None:
    """What is asked for instead of runs, if that is so.

    It ends Snakemake before a job is started, also one of its own.
    """
    if options.package is not None:
        print(*package(workflow, options, workdir, options.package, log), sep="\n")
        raise SystemExit(0)
    if options.images is not None:
        from .image_commands import look_after_images  # of no use to runs

        raise SystemExit(look_after_images(workflow, options, workdir, state, log))
    if options.check is not None:
        from .check_command import check  # likewise

        raise SystemExit(check(workflow, options, workdir, state, log))
