"""Runs are looked at side by side, and waiting for one keeps nobody from the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from said import Said
from waiting import SECONDS

from snakemake_executor_omics.aws.records import Run, RunStatus
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.errors import AccessDenied, NotFound, ServiceError
from snakemake_executor_omics.model import Wave
from snakemake_executor_omics.runs import follow
from snakemake_executor_omics.runs.follow import Follower
from snakemake_executor_omics.runs.followed import FollowedRun
from snakemake_executor_omics.runs.ledger import RunEnd


class Journal:
    def delivered(self, run: str, results: Any) -> None:
        pass


class Connection:
    journal = Journal()

    def __init__(self) -> None:
        self.services = Services(*3 * [cast(Any, None)], "us-east-1")
        self.mended: list[ServiceError] = []

    def mend(self, error: ServiceError) -> None:
        self.mended.append(error)

    def stop_transfers(self) -> None:
        pass


class Service:
    """What the runs are, and what is in the way of an answer or of the results."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status: dict[str, RunStatus] = {}
        self.errors: list[ServiceError] = []
        self.held: dict[str, threading.Event] = {}
        monkeypatch.setattr(follow, "look", self._look)
        monkeypatch.setattr(follow, "collect", self._collect)

    def _look(self, services: Any, seen: FollowedRun, courtesy: Any) -> FollowedRun:
        if self.errors:
            raise self.errors.pop(0)
        return replace(seen, run=replace(seen.run, status=self.status[seen.run.id]))

    def _collect(self, services: Any, ended: FollowedRun, *_: Any) -> RunEnd:
        if ended.run.id in self.held:
            assert self.held[ended.run.id].wait(SECONDS)
        return RunEnd(completed=True, reason=ended.run.id)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


def _follower(service: Service, *runs: str, patience: float = 60) -> tuple[Follower, Said]:
    said = Said()
    follower = Follower(cast(Any, Connection()), Path(), patience, said)
    for run in runs:
        service.status[run] = RunStatus.RUNNING
        started = Run(id=run, status=RunStatus.PENDING, created=datetime.now(UTC))
        follower.follow(FollowedRun(started, Wave(()), {}))
    return follower, said


def _within(wait: Callable[[], Any]) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(wait(), SECONDS)

    return asyncio.run(bounded())


def test_a_run_is_reported_while_the_files_of_another_come(service: Service) -> None:
    follower, _ = _follower(service, "slow", "quick")
    service.held["slow"] = threading.Event()
    service.status.update(dict.fromkeys(("slow", "quick"), RunStatus.COMPLETED))

    async def play() -> list[str]:
        ends: list[tuple[FollowedRun, RunEnd]] = []
        while not ends:
            ends += await follower.look()
            await follower.pause(SECONDS)
        service.held["slow"].set()
        while len(ends) < 2:
            await follower.pause(SECONDS)
            ends += await follower.look()
        return [ended.run.id for ended, _ in ends]

    assert _within(play) == ["quick", "slow"]


def test_a_pause_ends_when_nobody_waits_any_more(service: Service) -> None:
    follower, _ = _follower(service, "1")

    async def play() -> None:
        asyncio.get_running_loop().call_soon(threading.Thread(target=follower.stop).start)
        await follower.pause(3600)
        assert await follower.look() == []

    _within(play)


def test_a_pause_ends_when_a_service_tells_of_an_end(service: Service) -> None:
    follower, _ = _follower(service, "1")
    ended = [1]
    connection: Any = follower._connection
    connection.services = replace(connection.services, last_end=lambda: ended[-1])

    async def play() -> None:
        await follower.look()
        asyncio.get_running_loop().call_soon(ended.append, 2)
        await follower.pause(3600)

    _within(play)


def test_an_end_during_a_look_is_looked_at_again(service: Service) -> None:
    follower, _ = _follower(service, "1")
    connection: Any = follower._connection
    ends = iter([1, *[2] * 9])
    connection.services = replace(connection.services, last_end=lambda: next(ends))

    async def play() -> None:
        await follower.look()
        await follower.pause(3600)

    _within(play)


def test_nobody_waits_who_was_told_so_before(service: Service) -> None:
    follower, _ = _follower(service, "1")
    follower.stop()
    _within(lambda: follower.pause(3600))
    assert _within(follower.look) == []


def test_a_look_that_hangs_is_left_when_nobody_waits_any_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, _ = _follower(service, "1")
    hangs = threading.Event()

    def look(*_: Any) -> FollowedRun:
        follower.stop()
        hangs.wait(SECONDS)
        raise AssertionError

    async def play() -> None:
        monkeypatch.setattr(follow, "look", look)
        assert await follower.look() == []

    _within(play)
    hangs.set()


def test_what_goes_by_is_said_once_and_asked_again(service: Service) -> None:
    follower, said = _follower(service, "1")
    service.errors = [ServiceError("connection lost", transient=True)] * 2
    service.status["1"] = RunStatus.COMPLETED

    async def play() -> list[tuple[FollowedRun, RunEnd]]:
        ends: list[tuple[FollowedRun, RunEnd]] = []
        while not ends:
            ends = await follower.look()
            await follower.pause(0.01)
        return ends

    assert [ended.run.id for ended, _ in _within(play)] == ["1"]
    assert said.lines.count("omics: connection lost; trying again") == 1


def test_a_run_that_was_just_started_may_be_unseen(service: Service) -> None:
    follower, said = _follower(service, "1")
    service.errors = [NotFound("no run 1", code="ResourceNotFoundException")]
    assert _within(follower.look) == []
    assert said.lines == ["omics: no run 1; trying again"]


def test_credentials_that_have_expired_are_read_again(service: Service) -> None:
    follower, said = _follower(service, "1")
    service.errors = [AccessDenied("expired", code="ExpiredTokenException")]
    assert _within(follower.look) == []
    assert [error.code for error in cast(Any, follower)._connection.mended] == [
        "ExpiredTokenException"
    ]
    assert "waiting for credentials" in said.lines[0]


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("no right", code="AccessDeniedException"),
        ServiceError("connection lost", transient=True),
    ],
)
def test_what_does_not_go_by_or_lasts_too_long_is_an_end(
    service: Service, error: ServiceError
) -> None:
    follower, _ = _follower(service, "1", patience=0)
    service.errors = [error]
    with pytest.raises(ServiceError, match=error.message):
        _within(follower.look)
