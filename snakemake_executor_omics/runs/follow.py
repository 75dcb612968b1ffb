"""Runs in flight: looked at side by side, and what an ended one left is fetched beside that.

While the files of one run come, the others are looked at, and their finished jobs are reported.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from ..aws.objects import look_at
from ..aws.records import Run, RunStatus, RunTask
from ..aws.runs import get_run, list_tasks
from ..aws.session import Services
from ..aws.transfer import write_bytes
from ..cost.prices import prices_of
from ..errors import ServiceError
from ..files.exported import exports_of
from ..files.place import absent, deliver
from ..log import FACT, Log, RunProgress
from ..model import JobKey, JobState, Task, Wave
from . import results
from .connection import Connection
from .courtesy import Courtesy
from .failures import Failure, failed_by_itself, failure, why_ended
from .identity import read_by_others, result_identity
from .journal import Journal
from .ledger import Ending, Outcome, RunEnd
from .measured import fill_benchmarks
from .patience import UNSEEN_SECONDS, Patience
from .progress import changes, dollars_so_far, is_listed, near_pause, summary
from .reasons import is_fault
from .states import job_states, newest_tasks

T = TypeVar("T")

_COLLECTED_AT_ONCE = 4  # runs: each has threads, connections and a listing of its own


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """A run with its wave, and how far it was when it was last looked at.

    `names` has the task of each job.
    """

    run: Run
    wave: Wave
    names: Mapping[JobKey, str]
    tasks: Mapping[str, RunTask] = field(default_factory=dict)
    states: Mapping[JobKey, JobState] = field(default_factory=dict)
    identities: Mapping[JobKey, str] = field(default_factory=dict)
    polls: int = 1  # since its tasks were listed, with the one that comes
    page: str | None = None  # in AWS's console

    @property
    def elapsed(self) -> timedelta:
        """Time since the run was made, by the service's clock where it has ended."""
        now = datetime.now(UTC)
        age = (self.run.stopped or now) - (self.run.created or now)
        return timedelta(seconds=max(0, int(age.total_seconds())))  # this clock may be behind


def look(services: Services, seen: FollowedRun, courtesy: Courtesy) -> FollowedRun:
    """Read the run, and its tasks if it has ended or they are not many.

    Tasks are listed after the run is read, so that the listing of an ended run is complete.
    """
    run = get_run(services, seen.run.id)
    if not run.status.is_final and not is_listed(len(seen.tasks), seen.polls):
        return replace(seen, run=run, polls=seen.polls + 1)
    listed = courtesy.ask(
        "the tasks of a run are",
        "omics:ListRunTasks",
        lambda: list_tasks(services, run.id),
        list(seen.tasks.values()),
        again=True,
    )
    tasks = newest_tasks(listed)
    states = job_states(
        seen.names,
        tasks,
        run.status,
        may_fail=seen.wave.may_fail,
    )
    return replace(seen, run=run, tasks=tasks, states=states, polls=1)


def collect(
    services: Services,
    ended: FollowedRun,
    workdir: Path,
    courtesy: Courtesy,
    journal: Journal,
    log: Log,
) -> RunEnd:
    """Bring what an ended run left to its place, and tell how each job ended.

    Results come first; why a job failed is asked when they are here.
    """
    run, wave = ended.run, ended.wave
    completed, packed = run.status is RunStatus.COMPLETED, wave.packed
    names, may_fail = ended.names, wave.may_fail
    run_tasks = {task.key: ended.tasks.get(names[task.key]) for task in wave.tasks}
    if completed:
        export = results.exported(services, run, wave)
    else:
        done = {
            key: run_task
            for key, run_task in run_tasks.items()
            if run_task is not None and ended.states[key].is_success
        }
        goes_on = not wave.internal or not any(
            _is_the_end(services, run, task, run_tasks[task.key], ended.states, courtesy)
            for task in wave.tasks
            if task.key not in may_fail
        )
        export = results.kept(services, run, wave, done, courtesy, goes_on=goes_on)
    outcomes = {
        task.key: _outcome(ended.states[task.key], run_tasks[task.key], export, task.key, completed)
        for task in wave.tasks
    }
    here = {key for key, outcome in outcomes.items() if outcome is Outcome.DONE}
    deliver(services, wave, here, export.all, workdir, run.created, log.info, log.warning)
    journal.remember_exports(exports_of(wave, here, export.all, workdir))
    durations = _durations({key: run_tasks[key] for key in here}, export, packed)
    journal.remember_durations(durations)
    failures = {
        task.key: failure(
            services,
            run,
            task,
            run_tasks[task.key],
            courtesy,
            workdir,
            export.codes.get(task.key),
            packed[task.key].index(task.key) + 1 if task.key in packed else None,
            len(packed.get(task.key, (task.key,))),
        )
        for task in wave.tasks
        if outcomes[task.key] is Outcome.FAILED
    }
    outcomes |= {key: Outcome.STOPPED for key, found in failures.items() if found.stopped}
    for found in failures.values():
        _leave_logs(services, wave, found, workdir)
    return RunEnd(
        completed=completed,
        endings={
            key: _ending(outcome, failures.get(key), export.codes.get(key))
            for key, outcome in outcomes.items()
        },
        reason=f"run {run.id} completed, and its files are not below {run.output_uri}\n"
        if completed
        else why_ended(services, run),
        interrupted=is_fault(run.failure_reason),
        absent=absent(wave, here, export.all),
        seconds=durations,
    )


def _is_the_end(
    services: Services,
    run: Run,
    task: Task,
    run_task: RunTask | None,
    states: Mapping[JobKey, JobState],
    courtesy: Courtesy,
) -> bool:
    """Whether Snakemake starts nothing more after this job's failure.

    One that it would try again, or with `--keep-going`, may fail.
    """
    if states[task.key] is not JobState.FAILED or not task.files:
        return False
    if run_task is None:
        return not is_fault(run.failure_reason)
    return failed_by_itself(services, run, run_task, courtesy)


def _outcome(
    state: JobState,
    run_task: RunTask | None,
    export: results.Export,
    key: JobKey,
    completed: bool,
) -> Outcome:
    if not completed:
        if state.is_success:
            if key in export.codes:
                return Outcome.STOPPED
            return Outcome.DONE if key in export.downloads else Outcome.LOST
        return Outcome.FAILED if state is JobState.FAILED else Outcome.STOPPED
    if key not in export.codes:
        return Outcome.DONE if key in export.downloads else Outcome.LOST
    if export.codes[key] is None:
        return Outcome.POSTPONED if key in export.postponed else Outcome.STOPPED
    served = run_task is not None and run_task.cache_hit
    return Outcome.SERVED_FAILURE if served else Outcome.FAILED


def _ending(outcome: Outcome, found: Failure | None, code: int | None) -> Ending:
    if outcome is Outcome.SERVED_FAILURE:
        return Ending(outcome, f"the run cache has its failure, with exit code {code}\n")
    if found is None:
        return Ending(outcome)
    return Ending(Outcome.INTERRUPTED if found.fault else outcome, str(found))


def _durations(
    done: Mapping[JobKey, RunTask | None], export: results.Export, packed: Collection[JobKey]
) -> dict[JobKey, float]:
    """How long jobs worked that did not come from the run cache; a pack tells it of each."""
    found: dict[JobKey, float] = {}
    for key, task in done.items():
        if task is None or task.cache_hit:
            continue
        if key in packed:
            if key in export.seconds:
                found[key] = export.seconds[key]
        elif task.started and task.stopped and task.started <= task.stopped:
            found[key] = (task.stopped - task.started).total_seconds()
    return found


def _leave_logs(services: Services, wave: Wave, found: Failure, workdir: Path) -> None:
    """The log files of a failed job, which only its task's output has."""
    stored = wave.s3_targets
    for log, text in found.logs.items():
        if log in stored:
            write_bytes(services, stored[log], text.encode())
            continue
        path = workdir / log
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Follower:
    """The runs in flight. All but `follow` and `stop` belong to the loop of one thread."""

    def __init__(
        self,
        connection: Connection,
        workdir: Path,
        give_up_after: float,
        log: Log,
    ) -> None:
        self._connection = connection
        self._workdir = workdir
        self._give_up_after = give_up_after
        self._log = log
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = False
        self._stopped = asyncio.Event()  # tells whoever waits in the loop that it is over
        self._fetched = asyncio.Event()  # there is something to take from `look`
        self._courtesy = Courtesy(log)
        self._runs: dict[str, FollowedRun] = {}
        self._since: dict[str, float] = {}  # by the clock that nobody sets
        self._looks: dict[str, Patience] = {}
        self._fetches: dict[str, Patience] = {}
        self._collecting: dict[str, asyncio.Task[RunEnd | None]] = {}
        self._room = asyncio.Semaphore(_COLLECTED_AT_ONCE)
        self._said: dict[str, str] = {}

    def follow(self, started: FollowedRun) -> None:
        self._looks[started.run.id] = Patience(self._give_up_after)
        self._fetches[started.run.id] = Patience(self._give_up_after)
        self._since[started.run.id] = monotonic()
        self._runs[started.run.id] = started

    async def look(self) -> list[tuple[FollowedRun, RunEnd]]:
        """Look at every run once; the ends of those whose results are here since the last look.

        Raises:
            OmicsError: a run cannot be followed any longer. It goes on without its head.
        """
        if not self._is_waited_for():
            return []
        self._fetched.clear()
        waiting = [id for id in list(self._runs) if id not in self._collecting]
        await self.unless_stopped(asyncio.gather(*map(self._look_at, waiting)))
        ends = []
        for id, task in list(self._collecting.items()):
            if not task.done():
                continue
            del self._collecting[id]
            end = task.result()
            if end is not None:
                ends.append((self._runs.pop(id), end))
                del self._looks[id], self._fetches[id], self._since[id]
        return ends

    async def pause(self, seconds: float, *, is_near: bool = False) -> None:
        """Until the next look: less long if results are here, or nobody waits any more.

        On this machine nobody is asked too often, and what was just started may be over at once.
        """
        if is_near:
            now = monotonic()
            seconds = near_pause(seconds, now - max(self._since.values(), default=now))
        if not self._is_waited_for():
            return
        waits = [asyncio.ensure_future(event.wait()) for event in (self._stopped, self._fetched)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def stop(self) -> None:
        """Let whoever waits for this stop waiting, now or later, and files stop.

        Called by another thread.
        """
        self._is_over = True
        self._connection.stop_transfers()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)

    def _is_waited_for(self) -> bool:
        """Whether nobody said `stop`; who does from here on finds the loop."""
        self._loop = asyncio.get_running_loop()
        return not self._is_over

    async def unless_stopped(self, awaited: Awaitable[object]) -> None:
        """Wait for it, or leave it once nobody waits for the runs any more."""
        stopped = asyncio.ensure_future(self._stopped.wait())
        work = asyncio.ensure_future(awaited)
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if work.done():
            work.result()
        else:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work  # asyncio complains of an exception that nobody takes

    async def _look_at(self, id: str) -> None:
        before = self._runs[id]
        now = await self._borne(
            self._looks[id],
            before.run,
            lambda: look(self._connection.services, before, self._courtesy),
        )
        if now is None:
            return
        self._runs[id] = now
        self._tell(before, now)
        if now.run.status.is_final:
            self._collecting[id] = asyncio.create_task(self._collect(now))

    async def _collect(self, ended: FollowedRun) -> RunEnd | None:
        def here() -> RunEnd:
            end = collect(
                self._connection.services,
                ended,
                self._workdir,
                self._courtesy,
                self._connection.journal,
                self._log,
            )
            made = _delivered(self._connection.services, ended, end, self._workdir)
            self._connection.journal.delivered(ended.run.id, made)
            done = {key for key, how in end.endings.items() if how.outcome is Outcome.DONE}
            # Last: a file that is not as its run exported it would be taken for the user's.
            fill_benchmarks(
                self._connection.services,
                ended.run,
                ended.wave,
                ended.tasks,
                done,
                self._workdir,
                self._courtesy,
                self._log,
            )
            return end

        try:
            # What was listed and is not there any more is not in the next listing.
            async with self._room:
                return await self._borne(self._fetches[ended.run.id], ended.run, here, relists=True)
        finally:
            self._fetched.set()

    async def _borne(
        self, patience: Patience, run: Run, call: Callable[[], T], *, relists: bool = False
    ) -> T | None:
        """What `call` gives, or None for what may go by until the next look."""
        try:
            answer = await beside(call)
        except ServiceError as error:
            may_be_unseen = monotonic() - self._since[run.id] < UNSEEN_SECONDS
            may_be_unseen = may_be_unseen or (relists and error.code == "NoSuchKey")
            if not patience.bears(error, may_be_unseen=may_be_unseen, only_reads=True):
                raise patience.given_up(error) from error
            if (line := patience.says(error)) is not None:
                self._log.warning(f"omics: {line}")
            await beside(partial(self._connection.mend, error))
            return None
        patience.worked()
        return answer

    def _tell(self, before: FollowedRun, now: FollowedRun) -> None:
        line = f"omics: run {now.run.id} {now.run.status}: {summary(now.states)}"
        if now.run.status is RunStatus.STOPPING:
            line += "; the service takes some minutes to stop a run"
        if self._said.get(now.run.id) != line:
            self._said[now.run.id] = line
            changed = changes(before.states, now.states)
            self._log.info(
                f"{line}, {now.elapsed} elapsed" + (changed and f"; {changed}"),
                extra={FACT: _progress(now, self._connection.services)},
            )


def _progress(seen: FollowedRun, services: Services) -> RunProgress:
    jobs: dict[str, Counter[JobState]] = {}
    for task in seen.wave.tasks:
        state = seen.states.get(task.key, JobState.WAITING)
        for step in task.steps:
            jobs.setdefault(step.key.rule, Counter())[state] += 1
    is_over = seen.run.status.is_final
    progress = RunProgress(seen.run.id, seen.run.status.value, jobs, seen.page, is_over)
    if seen.page is None:  # other services have no price
        return progress
    prices = prices_of(services.region)
    dollars = dollars_so_far(seen.tasks.values(), prices, datetime.now(UTC))
    return replace(progress, dollars=dollars, priced_as=prices.stand_in)


def _delivered(
    services: Services, ended: FollowedRun, end: RunEnd, workdir: Path
) -> list[tuple[str, str, str]]:
    """Path, content and identity of results that other jobs of the run were made from."""
    stored = ended.wave.s3_targets
    done = {
        path: result_identity(ended.identities[maker], path)
        for path, maker in read_by_others(ended.wave).items()
        if end.endings[maker].outcome is Outcome.DONE and maker in ended.identities
    }
    in_s3 = [stored[path] for path in done if path in stored]
    there = look_at(services, in_s3) if in_s3 else {}
    found = []
    for path, identity in done.items():
        objects = there[stored[path]] if path in stored else ()
        if isinstance(objects, tuple) and objects:
            found.append((path, objects[0].etag, identity))
        elif path not in stored and (workdir / path).is_dir():
            found.append((path, "", identity))
        elif path not in stored and (workdir / path).is_file():
            with (workdir / path).open("rb") as file:
                digits = hashlib.file_digest(file, "sha256").hexdigest()
            found.append((path, digits, identity))
    return found


async def beside(function: Callable[[], T]) -> T:
    """Call in a thread of its own, which nobody waits for when Snakemake ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, daemon=True).start()
    return await future
