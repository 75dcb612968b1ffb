"""Runs in flight: looked at side by side, and what an ended one left is collected beside that.

While the files of one run come, the others are looked at, and their finished jobs are reported.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from ..aws.records import Run, RunStatus
from ..aws.session import Services
from ..cost.prices import prices_of
from ..errors import ServiceError
from ..log import FACT, Log, RunProgress
from ..model import JobState
from .collect import collect, delivered
from .connection import Connection
from .courtesy import Courtesy
from .followed import FollowedRun, look
from .ledger import Outcome, RunEnd
from .measured import fill_benchmarks
from .patience import UNSEEN_SECONDS, Patience
from .progress import changes, dollars_so_far, summary

T = TypeVar("T")

_COLLECTED_AT_ONCE = 4  # runs: each has threads, connections and a listing of its own


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
        self._last_end: object = None  # at the service, before the last look

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
        self._last_end = self._connection.services.last_end()
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

    async def pause(self, seconds: float) -> None:
        """Until the next look.

        Less long if a service tells that something has ended, results are here, or nobody waits any
        more.
        """
        if not self._is_waited_for():
            return
        waits = [asyncio.ensure_future(event.wait()) for event in (self._stopped, self._fetched)]
        for pause in self._connection.services.pauses(seconds, self._last_end):
            done, _ = await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if done:
                break
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
            made = delivered(self._connection.services, ended, end, self._workdir)
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
