"""The adapter between Snakemake's scheduler and HealthOmics: calls in, reports out.

Snakemake hands in the jobs that are ready; the first one that is not in flight launches a wave,
which is everything that can be decided now. Later jobs are attached to the run they are in. Which
job is in which run, and what is told of it, is the ledger's to know.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from .compile import task_name
from .errors import OmicsError, ServiceError
from .graph import internals
from .graph.output_cache import OutputCache
from .graph.reports import keys_of, settle, tell_failure, units_by_key
from .graph.tasks import job_key
from .graph.updates import Updates
from .graph.waves import next_waves
from .images.folders import EnvironmentFolders
from .model import JobKey, Wave
from .packaging import package
from .runs.connection import Connection, open_connection
from .runs.follow import FollowedRun, Follower, beside
from .runs.interrupts import as_ctrl_c, leave_at_the_next
from .runs.known import tasks_in_flight
from .runs.ledger import Answer, Failed, Ledger, Outcome, Returned, RunEnd, Succeeded
from .runs.submission import persistently, submit
from .settings.checking import resolve
from .settings.options import LocalRules, OnInterrupt

_UNTIL_CONNECTED = 0.1  # seconds between two looks for nothing


@contextmanager
def _for_people() -> Iterator[None]:
    """A user's mistake is told by Snakemake in a sentence; a `WorkflowError` shows our lines."""
    try:
        yield
    except OmicsError as error:
        raise ApiError(str(error)) from error


class Executor(RemoteExecutor):
    """Snakemake's executor plugin `omics`."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        # The base class starts its thread, which polls, before it calls `__post_init__`.
        self._connection: Connection | None = None
        self._follower: Follower | None = None
        self._ledger = Ledger()
        self._lock = threading.Lock()  # of the ledger and the jobs that Snakemake waits for
        self._infos: dict[JobKey, SubmittedJobInfo] = {}
        self._left: list[frozenset[str]] = []
        self._absent: dict[JobKey, Collection[str]] = {}  # results that stayed in their run
        self._detached = False
        self._cancelled: set[str] = set()
        super().__init__(workflow, logger)

    def __post_init__(self) -> None:
        try:
            self._set_up()
        except BaseException:
            super().shutdown()  # the base class's thread would trip over the end of the process
            raise

    def _set_up(self) -> None:
        # Not where Snakemake was started: `workdir:` leads to another folder.
        self._workdir = Path.cwd()
        with _for_people():
            self._options = resolve(
                self.workflow.executor_settings,
                project=Path(self.workflow.workdir_init).resolve().name,
            )
        self._state = self._workdir / ".snakemake" / "omics"
        self._cache = OutputCache(self.workflow)
        self._environments = EnvironmentFolders(self._state, self.logger)
        self._updates = Updates(self.workflow)
        internals.send_local_inputs(self.workflow)
        if self._options.local_rules is LocalRules.RUN:
            internals.make_tasks_of_local_rules(self.workflow)
        if self._options.package is not None:
            self._package(self._options.package)
        if self._options.images is not None:
            self._images()

    def _package(self, folder: Path) -> NoReturn:
        """Write the bundle and end Snakemake, before it starts a job, also one of its own."""
        with _for_people():
            written = package(self.workflow, self._options, self._workdir, folder, self.logger)
        for path in written:
            print(path)
        raise SystemExit(0)

    def _images(self) -> NoReturn:
        """Look after the workflow's images and end Snakemake, likewise."""
        from .image_commands import look_after_images  # of no use to runs

        with _for_people():
            status = look_after_images(
                self.workflow, self._options, self._workdir, self._state, self.logger
            )
        raise SystemExit(status)

    # --- jobs in -------------------------------------------------------------------------

    def run_job(self, job: Any) -> None:
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        try:
            with _for_people():
                self._place([job for job in jobs if not self._is_placed(job)])
        except ApiError as error:
            # Trouble with the service is no reason to stop the runs that it has.
            self._detached = isinstance(error.__cause__, ServiceError)
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
            self._launch(jobs)
        for job in jobs:
            placement = self._ledger.placement(job_key(job), keys_of(job))
            if not placement.complete and not placement.in_flight:
                # Nothing is under way that it could wait for.
                raise OmicsError(f"{job_key(job)} cannot go into a run, see above what it lacks")

    def _launch(self, ready: list[Any]) -> None:
        if self.workflow.remote_execution_settings.immediate_submit:
            raise OmicsError(
                "--immediate-submit does not go with this executor: one run carries the workflow"
            )
        connection = self._connect()
        waves = next_waves(
            self.workflow,
            ready,
            connection.services,
            self._options,
            self._workdir,
            self.logger,
            cache_busters=self._ledger.cache_busters,
            in_flight=self._ledger.holds,
            is_here=lambda key: self._cache.has(key) or self._ledger.is_done(key),
            left=self._left,
        )
        if self._options.makes_environments:
            self._environments.make(waves)
        for wave in waves:
            self._start(connection, wave)

    def _connect(self) -> Connection:
        if self._connection is None:
            as_ctrl_c()
            internals.without_job_rate(self.workflow)
            self._connection = open_connection(self._options, self._state, self.logger)
            journal = self._connection.journal
            self._ledger = Ledger(journal.failures())
            self._left = tasks_in_flight(journal, self._state)
            self._follower = Follower(
                self._connection, self._workdir, self._options.give_up_seconds, self.logger
            )
        return self._connection

    def _start(self, connection: Connection, wave: Wave) -> None:
        def call() -> FollowedRun:
            return submit(connection, self._options, wave, self._workdir, self._state, self.logger)

        # Before anything is in flight, a service that does not answer is a mistake of the user.
        wait = bool(self._ledger.in_flight)
        started = persistently(connection, self._options, self.logger, call) if wait else call()
        with self._lock:
            self._ledger.place(started.run.id, wave.parents)
        assert self._follower is not None
        self._follower.follow(started)

    def _attach(self, job: Any) -> None:
        unit, keys = job_key(job), keys_of(job)
        if self._cache.has(unit):
            answer: Answer | None = Succeeded(unit)
            info = SubmittedJobInfo(job=job, external_jobid="cache")
        else:
            tasks = self._ledger.placement(unit, keys).tasks
            names = ",".join(task_name(key) for _, key in tasks)
            info = SubmittedJobInfo(
                job=job, external_jobid=f"{tasks[0][0] if tasks else '-'}/{names}"
            )
            info.aux = {"unit": unit}
            with self._lock:
                answer = self._ledger.ask(unit, keys)
                if answer is None:
                    self._infos[unit] = info
        if answer is None:
            self.report_job_submission(info)
            return
        # Its end is known: told at once, so that the cascade down the graph costs no poll
        # interval per level.
        internals.report_submission_without_polling(self, info)
        if isinstance(answer, Succeeded):
            self.workflow.async_run(self._report_success(info))
        else:
            internals.give_back(self.workflow, [job], [])

    # --- states out ----------------------------------------------------------------------

    async def sleep(self) -> None:
        if self._follower is None:
            await asyncio.sleep(_UNTIL_CONNECTED)
        else:
            await self._follower.pause(self._options.poll_seconds)

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        if self._follower is not None:
            try:
                for ended, end in await self._follower.look():
                    await self._take_in(ended, end)
            except OmicsError as error:
                self._end(error)
        for info in active_jobs:
            if self._infos.get(info.aux["unit"]) is info:
                yield info

    async def _take_in(self, ended: FollowedRun, end: RunEnd) -> None:
        """A run has ended: tell Snakemake what the ledger makes of it."""
        assert self._connection is not None
        run = ended.run.id
        self._absent.update(end.absent)
        with self._lock:
            answers = self._ledger.advance(run, end)
            infos = {
                answer.unit: self._infos.pop(answer.unit)
                for answer in answers
                if answer.unit in self._infos
            }
        busters = self._ledger.cache_busters.items()
        self._connection.journal.remember_failures(item for item in busters if item[1] == run)
        failed, goes_on = self._fail([a for a in answers if isinstance(a, Failed)], infos)
        returned = [answer for answer in answers if isinstance(answer, Returned)]
        if not goes_on:
            again = [answer for answer in returned if answer.is_lost]
            await self._run_lost(ended.wave, end, [infos[answer.unit] for answer in again])
            returned = [answer for answer in returned if answer not in again]
        self._tell_returned(returned, goes_on=goes_on)
        if failed or returned:
            stopped = [infos[answer.unit].job for answer in returned]
            internals.give_back(self.workflow, failed, stopped)
        if self._ledger.is_over(run):
            self._connection.journal.ended(run)  # what failed has been told
        for unit in [answer.unit for answer in answers if isinstance(answer, Succeeded)]:
            await self._report_success(infos[unit])

    def _end(self, error: OmicsError) -> None:
        """Let Snakemake end with this error.

        The base class's thread would print what is raised here, and Snakemake once more.
        """
        self.wait = False
        self.workflow.scheduler.executor_error_callback(ApiError(str(error)))

    def _fail(
        self, answers: list[Failed], infos: dict[JobKey, SubmittedJobInfo]
    ) -> tuple[list[Any], bool]:
        """Tell of failures; the jobs that Snakemake waits for among them, and whether it goes on.

        It starts no more jobs after a failure for good, but with `--keep-going`.
        """
        units = units_by_key(self.workflow) if any(not a.asked for a in answers) else {}
        goes_on = internals.goes_on(self.workflow)
        asked: list[Any] = []
        told: set[int] = set()
        for answer in answers:
            info = infos.get(answer.unit)
            job = units.get(answer.unit) if info is None else info.job
            if job is None or id(job) in told:
                continue  # of a group that was told, or of a graph that Snakemake has changed
            told.add(id(job))
            tell_failure(job, info and info.external_jobid, answer.details, self.logger)
            if not internals.is_tried_again(job):
                self._ledger.give_up([job_key(job), *keys_of(job)])
                goes_on = goes_on and self.workflow.execution_settings.keep_going
            if info is None:
                internals.fail_before_start(self.workflow, job)
            else:
                asked.append(job)
        return asked, goes_on

    async def _run_lost(self, wave: Wave, end: RunEnd, infos: list[SubmittedJobInfo]) -> None:
        """Jobs were done when another one failed, and their results are nowhere: they run again.

        Snakemake starts nothing after a failure, but waits for what runs: for it these still do.
        """
        if not infos:
            return
        lost = {key for key, ending in end.endings.items() if ending.outcome is Outcome.LOST}
        self.logger.warning(
            f"omics: {len(lost)} jobs were done when their run failed, and their results are "
            "nowhere: the run cache does not have them. They run again, in a run of their own"
        )
        assert self._connection is not None
        connection, part = self._connection, wave.only(lost)
        await beside(lambda: self._start(connection, part))
        for info in infos:
            unit = job_key(info.job)
            with self._lock:
                self._infos[unit] = info
                self._ledger.ask(unit, keys_of(info.job))

    def _tell_returned(self, returned: list[Returned], *, goes_on: bool) -> None:
        again = "runs again" if goes_on else "does not run again now, as another job failed"
        for answer in returned:
            for key, ending in answer.why:
                if ending is not None:
                    self.logger.info(f"omics: {key} {again}: {_WHY[ending.outcome]}")

    async def _report_success(self, info: SubmittedJobInfo) -> None:
        keys = {job_key(info.job), *keys_of(info.job)}
        absent = {path for key in keys for path in self._absent.get(key, ())}
        await settle(self.dag, info.job, self._cache, absent, self._workdir)
        self.report_job_success(info)

    def handle_job_success(self, job: Any) -> None:
        self._updates.forget(job)
        with self._lock:
            over = self._ledger.record([job_key(job), *keys_of(job)])
        for run in over:
            assert self._connection is not None
            with _for_people():
                self._connection.journal.ended(run)

    def handle_job_error(self, job: Any) -> None:
        for path in self._updates.put_back(job):
            self.logger.info(f"omics: {path} is as it was before the job failed")

    # --- end -----------------------------------------------------------------------------

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Ask the service to stop the runs in flight, or leave them to it."""
        leave_at_the_next(self._leave)
        if self._connection is None or self._detached:
            return
        if self._options.on_interrupt is OnInterrupt.DETACH:
            return
        for run in self._ledger.in_flight:
            self.logger.info(
                f"omics: cancelling run {run}; the service takes some minutes to stop it"
            )
            try:
                self._connection.cancel(run)
                self._cancelled.add(run)
            except OmicsError as error:
                self.logger.error(f"omics: cannot cancel run {run}: {error}")

    def _leave(self) -> None:
        """A second Ctrl-C: no more than a line, and the lock of the folder."""
        runs = ", ".join(self._ledger.in_flight)
        rest = f"; `snakemake-omics cancel RUN` stops what may go on: {runs}" if runs else ""
        self.logger.error(f"omics: left at once{rest}")
        internals.unlock(self.workflow)

    def shutdown(self) -> None:
        self.wait = False
        if self._follower is not None:
            self._follower.stop()
        super().shutdown()
        if self._connection is None:
            return
        for run in self._ledger.in_flight:
            if run not in self._cancelled:
                self.logger.warning(f"omics: {self._connection.left(run)}")
        self._connection.close()


_WHY = {
    Outcome.STOPPED: "its run stopped",
    Outcome.LOST: "it was done, and its results are nowhere: its run failed, and the run cache "
    "does not have them",
    Outcome.SERVED_FAILURE: "the run cache had its failure",
    Outcome.INTERRUPTED: "a fault of the service stopped it, which is tried once more",
}
