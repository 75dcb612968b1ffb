"""The runs of one call of Snakemake: started, looked at, cancelled, and left at its end.

The service is not asked before there is something to start. Two threads of Snakemake come here,
the one that hands in jobs and the one that asks for their states; the ledger is theirs under a
lock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from ..aws.session import Services, connect
from ..cost.quotas import Quotas
from ..errors import OmicsError
from ..log import Log
from ..model import JobKey, Wave
from ..settings.options import OnInterrupt, Options
from .connection import Connection, open_connection
from .follow import Follower, beside
from .followed import FollowedRun
from .interrupts import as_ctrl_c
from .known import tasks_in_flight
from .ledger import Ledger, RunEnd
from .prepare import prepare
from .quotas import ask_quotas
from .submission import begin_checks, persistently, submit
from .surroundings import look_around, tasks_elsewhere

T = TypeVar("T")

_UNTIL_CONNECTED = 0.1  # seconds between two looks for nothing


@dataclass(frozen=True, slots=True)
class _Service:
    """Whom runs are started at, and who looks at them."""

    connection: Connection
    follower: Follower


class Invocation:
    """What a call of Snakemake has at the service; `ledger` says which job is in which run."""

    def __init__(self, options: Options, workdir: Path, log: Log) -> None:
        self.ledger = Ledger()
        # Of each run that earlier calls left the tasks, of each task the names of its jobs.
        self.left: list[list[tuple[str, ...]]] = []
        self._starts = 0
        self._met: set[str] = set()  # runs from other folders that are among them
        self.lock = threading.Lock()  # of the ledger, and of what goes with a change of it
        self.workdir = workdir
        self.state = workdir / ".snakemake" / "omics"  # what must survive
        self._options = options
        self._log = log
        self._service: _Service | None = None
        self._is_over = False
        self._detached = False
        self._cancelled: set[str] = set()
        self._quotas: Quotas | None = None

    @property
    def services(self) -> Services:
        """The clients. Connects, when it is the first time."""
        return self._connect().connection.services

    @property
    def durations(self) -> dict[JobKey, float]:
        """Seconds that the tasks of earlier runs took."""
        return self._connect().connection.journal.durations()

    def quotas(self) -> Quotas:
        """What the account lets work at once, which is asked at most once."""
        if self._quotas is None:
            options, journal = self._options, self._connect().connection.journal
            hurried = partial(
                connect,
                options.region,
                options.aws_profile,
                options.endpoint_url,
                in_a_hurry=True,
            )
            self._quotas = ask_quotas(journal, options, hurried, in_flight=bool(self.left))
        return self._quotas

    def _connect(self) -> _Service:
        if self._is_over:  # whoever asks is a thread that was left
            raise OmicsError("Snakemake has ended meanwhile")
        if self._service is None:
            as_ctrl_c()
            connection = open_connection(self._options, self.state, self._log)
            patience = self._options.give_up_seconds
            follower = Follower(connection, self.workdir, patience, self._log)
            self.ledger = Ledger(connection.journal.failures())
            self.left = tasks_in_flight(connection.journal, self.state)
            self._service = _Service(connection, follower)
        return self._service

    # --- while it goes on ----------------------------------------------------------------

    def start(self, *waves: Wave, expected: Sequence[Mapping[str, Any]] = ()) -> bool:
        """A run of each wave, or one of the same plan that is in flight.

        What each is `expected` to cost and take is noted for its report.

        False, and nothing is started, if a run from another folder has jobs of them in other runs
        or other tasks: it is among `left` now, for waves that are made anew.

        Raises:
            OmicsError: there is none. A service that does not answer is waited for, unless nothing
                is in flight: then it is a mistake of the user.
        """
        service = self._connect()
        connection, options, log = service.connection, self._options, self._log

        def surely(call: Callable[[], T]) -> T:
            wait = bool(self.ledger.in_flight)
            return persistently(connection, options, log, call) if wait else call()

        prepared = [
            surely(partial(prepare, connection, options, wave, self.workdir, self.state, log))
            for wave in waves
        ]
        if not prepared:
            return True
        around = surely(partial(look_around, connection, options, prepared, self._met))
        for run in around.unmet:
            self.left.append(surely(partial(tasks_elsewhere, connection, run)))
            self._met.add(run.id)
            log.info(
                f"omics: run {run.id}, which was started from another folder, has some of these "
                "jobs: they are put together as there"
            )
        if around.unmet:
            return False
        if len(waves) > 1:
            begin_checks(connection, options, prepared, log)
        self._starts += 1
        for one, told in zip_longest(prepared, expected):
            noted = None if told is None else {**told, "start": self._starts}
            started = surely(
                partial(submit, connection, options, one, self.state, log, around, noted)
            )
            with self.lock:
                self.ledger.place(started.run.id, one.wave.parents, started.names)
            service.follower.follow(started)
        return True

    async def start_again(self, wave: Wave, lost: Collection[JobKey]) -> None:
        """A run of those jobs of a wave that were done, and whose results are nowhere."""
        self._log.warning(
            f"omics: {len(lost)} jobs were done when their run failed, and their results are "
            "nowhere: the run cache does not have them. They run again, in a run of their own"
        )
        # It may wait for a quota, for long: not for a Snakemake that ends.
        follower = self._connect().follower
        await follower.unless_stopped(beside(lambda: self._surely_start(wave.only(lost))))

    def _surely_start(self, wave: Wave) -> None:
        """Start a wave as it is, whatever is in flight elsewhere of its graph."""
        while not self.start(wave):
            pass

    async def look(self) -> list[tuple[FollowedRun, RunEnd]]:
        """Look at every run once; those whose results have come since the last look."""
        return [] if self._service is None else await self._service.follower.look()

    async def pause(self) -> None:
        """Until the next look."""
        if self._service is None:
            await asyncio.sleep(_UNTIL_CONNECTED)
        else:
            await self._service.follower.pause(self._options.poll_seconds)

    def remember_failures(self, run: str) -> None:
        """Have the next call know which failures of a run the run cache has."""
        busters = self.ledger.cache_busters.items()
        of_run = (item for item in busters if item[1] == run)
        self._connect().connection.journal.remember_failures(of_run)

    def forget_if_over(self, run: str) -> None:
        """Let the next call start a run that has ended anew, if there is nothing to record."""
        if self.ledger.is_over(run):
            self._connect().connection.journal.ended(run)

    def record(self, keys: Iterable[JobKey]) -> None:
        """Snakemake has recorded jobs as done."""
        with self.lock:
            over = self.ledger.record(keys)
        for run in over:
            self._connect().connection.journal.ended(run)

    # --- at the end ----------------------------------------------------------------------

    def detach(self) -> None:
        """Let `cancel` leave the runs to the service."""
        self._detached = True

    def cancel(self) -> None:
        """Ask the service to stop the runs in flight, or leave them to it."""
        if self._detached or self._options.on_interrupt is OnInterrupt.DETACH:
            return
        for run in self.ledger.in_flight:
            self._log.info(
                f"omics: cancelling run {run}; the service takes some minutes to stop it"
            )
            try:
                if not self._connect().connection.cancel(run):
                    self._log.info(
                        f"omics: run {run} has ended already: the same command takes its results"
                    )
                self._cancelled.add(run)
            except OmicsError as error:
                self._log.error(f"omics: cannot cancel run {run}: {error}")

    def stop_waiting(self) -> None:
        """End a `pause` or `look` that goes on."""
        if self._service is not None:
            self._service.follower.stop()

    def close(self) -> None:
        """Say what goes on without us, leave it, and let go of all that is kept for it.

        Snakemake's own caches keep a workflow, and with it its executor, long after its end.
        """
        if self._service is None:
            return
        for run in self.ledger.in_flight:
            if run not in self._cancelled:
                self._log.warning(f"omics: {self._service.connection.left(run)}")
        for run in self.ledger.failed:
            # Its failure was told. Snakemake has not asked for all that it had done: what is still
            # needed may be the same jobs, which the next call starts anew.
            self._service.connection.journal.ended(run)
        self._service.connection.close()
        self._is_over = True
        self._service, self.ledger, self.left = None, Ledger(), []
