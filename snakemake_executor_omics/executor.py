"""The adapter between Snakemake's scheduler and HealthOmics: calls in, reports out.

Snakemake hands in the jobs that are ready; the first one that is not in flight launches a wave,
which is everything that can be decided now. Later jobs are attached to the run they are in.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from snakemake.io import is_flagged
from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from .compile import task_name
from .errors import OmicsError, ServiceError
from .graph.internals import give_back
from .graph.output_cache import OutputCache
from .graph.partition import Partition, partition
from .graph.selection import Selection, select
from .graph.sources import write_sources
from .graph.storage import check_buckets, forget_absent, is_stored, survey
from .graph.tasks import TaskSettings, job_key, members
from .model import JobKey, JobState, Wave
from .packaging import package
from .runs.connection import Connection, open_connection
from .runs.follow import Flight
from .runs.placement import Seat
from .runs.states import summary
from .runs.submission import submit
from .settings.checking import resolve


@contextmanager
def _for_people() -> Iterator[None]:
    """A user's mistake is told by Snakemake in a sentence; a `WorkflowError` shows our lines."""
    try:
        yield
    except OmicsError as error:
        raise ApiError(str(error)) from error


class Executor(RemoteExecutor):
    """Snakemake's executor plugin `omics`."""

    _pause = 0.1  # seconds, for the base class's thread, which polls before `__post_init__` is done

    def __post_init__(self) -> None:
        self._workdir = Path(self.workflow.workdir_init)
        with _for_people():
            self._options = resolve(
                self.workflow.executor_settings, project=self._workdir.resolve().name
            )
        self._state = self._workdir / ".snakemake" / "omics"
        self._backend: Connection | None = None
        self._seats: dict[JobKey, Flight] = {}
        self._polling: dict[str, Flight] = {}
        self._told: dict[str, str] = {}
        self._cache_busters: dict[JobKey, str] = {}
        self._backed_up: set[Path] = set()
        self._cache = OutputCache(self.workflow)
        self._pause = self._options.poll_seconds
        if self._options.package is not None:
            self._package(self._options.package)

    def _package(self, folder: Path) -> NoReturn:
        """Write the bundle and end Snakemake, before it starts a job, also one of its own."""
        with _for_people():
            written = package(self.workflow, self._options, self._workdir, folder, self.logger.info)
        for path in written:
            print(path)
        super().shutdown()
        raise SystemExit(0)

    # --- jobs in -------------------------------------------------------------------------

    def run_job(self, job: Any) -> None:
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        with _for_people():
            unseated = [job for job in jobs if not self._seat_of(job).whole]
            if unseated and (fetched := self.workflow.async_run(self._cache.fetch())):
                self.logger.info(f"omics: {fetched} jobs have their results in Snakemake's cache")
                unseated = [job for job in unseated if not self._cache.has(job_key(job))]
            if unseated:
                self._launch(unseated)
            for job in unseated:
                seat = self._seat_of(job)
                if not seat.whole and seat.has_landed:
                    # Nothing is under way that it could wait for.
                    raise OmicsError(
                        f"{job_key(job)} cannot go into a run, see above what it lacks"
                    )
        for job in jobs:
            for path in _updated(job):
                if path.exists():
                    self.workflow.persistence.backup_output(path)
                    self._backed_up.add(path)
            self.run_job_pre(job)
            self._attach(job)

    def _seat_of(self, job: Any) -> Seat:
        """Where a job sits, or where each job of a group does."""
        keys = [job_key(job)]
        if keys[0] not in self._seats:
            keys = list(map(job_key, members(job)))
        places = tuple((self._seats[key], key) for key in keys if key in self._seats)
        return Seat(places, whole=len(places) == len(keys))

    def _launch(self, ready: list[Any]) -> None:
        if self.workflow.remote_execution_settings.immediate_submit:
            raise OmicsError(
                "--immediate-submit does not go with this executor: one run carries the workflow"
            )
        if self._backend is None:
            self._backend = open_connection(self._options, self._state, self.logger.info)
            write_sources(self.workflow, self._workdir)
        services = self._backend.services
        storage = survey(self.dag, services, self._job_has_landed, self._retrieve)
        selection = select(
            self.dag,
            ready,
            TaskSettings(
                self._workdir,
                include=_included(self._workdir, self._options.include),
                default_container=self.workflow.remote_execution_settings.container_image,
                keep_going=self.workflow.execution_settings.keep_going,
                cache_busters=self._cache_busters,
                storage=storage,
            ),
            in_flight=self._seats.__contains__,
            landed=self._has_landed,
            failed=frozenset(
                key
                for unit in self.workflow.scheduler.failed
                for key in (job_key(unit), *map(job_key, members(unit)))
            ),
        )
        check_buckets(services, selection.wave)
        parts = partition(
            [task.key for task in selection.wave.tasks],
            selection.wave.parents,
            self._options.max_tasks_per_run,
            self._options.parallel_runs,
        )
        self._tell_selection(selection, parts)
        for keys in parts.runs:
            self._start(selection.wave.only(keys))

    def _has_landed(self, key: JobKey) -> bool:
        flight = self._seats.get(key)
        return self._cache.has(key) or (flight is not None and flight.has(key))

    def _job_has_landed(self, job: Any) -> bool:
        group = self.dag.get_job_group(job)
        units = [job] if group is None else [job, group]
        return any(self._has_landed(job_key(unit)) for unit in units)

    def _retrieve(self, files: list[Any]) -> None:
        """Have Snakemake fetch files that HealthOmics does not reach."""

        async def fetch() -> None:
            await asyncio.gather(*(file.retrieve_from_storage() for file in files))

        self.logger.info(f"omics: fetching {len(files)} inputs that are not in the S3 of the runs")
        self.workflow.async_run(fetch())

    def _start(self, wave: Wave) -> None:
        assert self._backend is not None
        run, definition = submit(
            self._backend, self._options, wave, self._workdir, self._state, self.logger.info
        )
        flight = Flight(run, wave, definition)
        self._polling[run.id] = flight
        self._seats.update((task.key, flight) for task in wave.tasks)

    def _tell_selection(self, selection: Selection, parts: Partition[JobKey]) -> None:
        waiting = {**selection.deferred, **dict.fromkeys(parts.deferred, "it gathers across runs")}
        going, runs = sum(map(len, parts.runs)), len(parts.runs)
        into = "one run" if runs == 1 else f"{runs} runs"
        self.logger.info(f"omics: {going} jobs go into {into}, {len(waiting)} wait")
        for reason, count in Counter(waiting.values()).most_common(10):
            self.logger.info(f"omics:   {count} wait: {reason}")

    def _attach(self, job: Any) -> None:
        if self._cache.has(job_key(job)):
            info = SubmittedJobInfo(job=job, external_jobid="cache")
            RealExecutor.report_job_submission(self, info)
            self.report_job_success(info)
            return
        seat = self._seat_of(job)
        name = ",".join(task_name(key) for _, key in seat.places)
        info = SubmittedJobInfo(
            job=job, external_jobid=f"{seat.flights[0].run.id}/{name}", aux={"seat": seat}
        )
        if seat.is_success:
            # The results are here: report at once, so that the cascade down the graph costs no
            # poll interval per level.
            RealExecutor.report_job_submission(self, info)
            self.workflow.async_run(self._report_success(info))
        else:
            self.report_job_submission(info)

    # --- states out ----------------------------------------------------------------------

    async def sleep(self) -> None:
        await asyncio.sleep(self._pause)

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        if not active_jobs:
            return  # the first call comes before Snakemake has its scheduler
        flying = {id(flight): flight for info in active_jobs for flight in _seat(info).flights}
        for flight in flying.values():
            if not flight.landed:
                await asyncio.to_thread(self._poll, flight)
        done, failed, stranded = [], [], []
        for info in active_jobs:
            if not _seat(info).has_landed:
                yield info
            elif _seat(info).is_success:
                done.append(info)
            elif _seat(info).is_stranded:
                stranded.append(info)
            else:
                failed.append(info)
        for info in failed:
            self._tell_failure(info)
        for flight in flying.values():
            self._leave_if_over(flight)
        # Jobs that stopped because another one failed are no failures: Snakemake gets them back as
        # ready, once the failures were told or never will be. It runs them again if it goes on.
        running = list(self.workflow.scheduler.running)
        idle = {id(info.job) for info in stranded} >= set(map(id, running))
        stopped = []
        for info in stranded:
            if idle or not any(flight.failures for flight in _seat(info).flights):
                stopped.append(info)
            else:
                yield info
        if failed or stopped:
            self._tell_stopped(stopped)
            give_back(self.workflow, _jobs(failed), _jobs(stopped))
        for info in done:
            await self._report_success(info)

    def _poll(self, flight: Flight) -> None:
        assert self._backend is not None
        before = dict(flight.states)
        try:
            flight.poll(
                self._backend.services, self._workdir, self.logger.info, self.logger.warning
            )
        except ServiceError as error:
            # Throttling and lost connections are no reason to fail a job; a denied right is.
            if not error.transient:
                raise ApiError(str(error)) from error
            self.logger.warning(f"omics: {error}; trying again")
            return
        except OmicsError as error:
            raise ApiError(str(error)) from error
        for key, state in flight.states.items():
            if state is not before.get(key) and state is not JobState.WAITING:
                self.logger.info(f"omics: {state:9} {key}")
        line = f"omics: run {flight.run.id} {flight.run.status}: {summary(flight.states)}"
        if self._told.get(flight.run.id) != line:
            self._told[flight.run.id] = line
            self.logger.info(f"{line}, {flight.elapsed} elapsed")
        if flight.landed:
            self._polling.pop(flight.run.id, None)
            self._backend.journal.ended(flight.run.id)
            self._cache_busters.update(dict.fromkeys(flight.stale, flight.run.id))

    def _leave_if_over(self, flight: Flight) -> None:
        """Let jobs that an ended run left out go into another one, once its failures are told.

        Before that Snakemake may stop altogether, and no new run must start.
        """
        if flight.landed and not flight.failures:
            for key, state in flight.states.items():
                if not state.is_success:
                    self._leave(flight, key)

    def _leave(self, flight: Flight, key: JobKey) -> None:
        if self._seats.get(key) is flight:
            del self._seats[key]

    async def _report_success(self, info: SubmittedJobInfo) -> None:
        for job in members(info.job):
            await self._cache.store(job)
            forget_absent(self.dag, job)
            # S3 has no write protection; Snakemake itself would look for a local copy.
            if not any(is_stored(file) for file in job.protected_output):
                self.dag.handle_protected(job)
        self.report_job_success(info)

    def _tell_failure(self, info: SubmittedJobInfo) -> None:
        seat = _seat(info)
        messages = []
        for flight, key in seat.places:
            self._leave(flight, key)
            failure = flight.failures.pop(key, None)
            if failure is not None:
                messages.append(str(failure))
        run = next(flight.run for flight, key in seat.places if not flight.states[key].is_success)
        why = f"{run.failure_reason or ''} {run.status_message or ''}"
        told = "".join(messages) or f"run {run.id} ended {run.status}: {why}\n"
        if info.job.is_group():
            self.logger.error(f"omics: {told}")  # Snakemake has no place for it
        self.print_job_error(info, msg=told)

    def _tell_stopped(self, stopped: list[SubmittedJobInfo]) -> None:
        for info in stopped:
            for flight, key in _seat(info).places:
                if key in flight.stale:
                    self.logger.info(f"omics: {key} runs again: the run cache had its failure")
                elif not flight.states[key].is_success:
                    self.logger.info(f"omics: {key} runs again: its run stopped")

    def handle_job_success(self, job: Any) -> None:
        for path in _updated(job):
            self.workflow.persistence.cleanup_backup(path)

    def handle_job_error(self, job: Any) -> None:
        # Snakemake has removed the outputs; one that was to be updated was here before.
        for path in _updated(job):
            if path in self._backed_up and self.workflow.persistence.restore_output(path):
                self.logger.info(f"omics: {path} is as it was before the job failed")

    # --- end -----------------------------------------------------------------------------

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Ask the service to stop the runs in flight."""
        if self._backend is None:
            return
        for flight in list(self._polling.values()):
            self.logger.info(f"omics: cancelling run {flight.run.id}")
            try:
                self._backend.cancel(flight.run.id)
            except OmicsError as error:
                self.logger.error(f"omics: cannot cancel run {flight.run.id}: {error}")

    def shutdown(self) -> None:
        super().shutdown()
        if self._backend is not None:
            self._backend.close()


def _seat(info: SubmittedJobInfo) -> Seat:
    seat: Seat = info.aux["seat"]
    return seat


def _updated(job: Any) -> list[Path]:
    """What a job changes in place."""
    return [
        Path(path)
        for member in members(job)
        for path in member.output
        if is_flagged(path, "update") and not path.is_storage
    ]


def _jobs(infos: list[SubmittedJobInfo]) -> list[Any]:
    return [info.job for info in infos]


def _included(workdir: Path, globs: tuple[str, ...]) -> list[str]:
    return [
        path.relative_to(workdir).as_posix()
        for pattern in globs
        for path in sorted(workdir.glob(pattern))
        if path.is_file()
    ]
