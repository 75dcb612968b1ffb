"""Who may start when: run groups, priorities, quotas of active runs, and the pool behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import local_healthomics as local
from local_healthomics.instances import instance_type
from local_healthomics.runs.pool import Ask, Limits, Pool

from .conftest import TEMPLATE, Clients, connect


class Desk:
    """A pool of 4 cores and 8 GiB, and who was granted what, in order."""

    def __init__(self) -> None:
        self.pool = Pool(cpus=4, memory_gib=8)
        self.granted: list[str] = []

    def ask(self, run: str, key: int, cpus: int = 1, gpus: int = 0, scope: str = "") -> None:
        self.pool.ask(
            Ask(
                run=run,
                key=key,
                cpus=cpus,
                memory_gib=1,
                gpus=gpus,
                scopes=(scope,) if scope else (),
                grant=lambda: self.granted.append(f"{run}{key}"),
            )
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_task_larger_than_the_machine_gets_all_of_it(desk: Desk) -> None:
    desk.ask("a", 1, cpus=99)
    desk.ask("b", 1)
    assert desk.granted == ["a1"]
    desk.pool.release("a", 1)
    assert desk.granted == ["a1", "b1"]


def test_a_request_that_does_not_fit_holds_back_its_own_run_only(desk: Desk) -> None:
    desk.ask("a", 1, cpus=3)
    desk.ask("a", 2, cpus=2)
    desk.ask("a", 3)
    desk.ask("b", 1)
    assert desk.granted == ["a1", "b1"]
    desk.pool.release("a", 1)
    assert desk.granted == ["a1", "b1", "a2", "a3"]


@pytest.mark.parametrize(
    ("limits", "first", "second"),
    [
        (Limits(cpus=2), {"cpus": 1}, {"cpus": 2}),
        (Limits(gpus=1), {"gpus": 1}, {"gpus": 1}),
        (Limits(tasks=1), {}, {}),
    ],
)
def test_the_tasks_of_a_scope_stay_within_its_limits(
    desk: Desk, limits: Limits, first: dict[str, int], second: dict[str, int]
) -> None:
    desk.pool.bound("g", limits)
    desk.ask("a", 1, scope="g", **first)
    desk.ask("b", 1, scope="g", **second)
    assert desk.granted == ["a1"]
    desk.pool.forget("a")
    assert desk.granted == ["a1", "b1"]


def test_raised_limits_let_waiting_tasks_start(desk: Desk) -> None:
    desk.pool.bound("g", Limits(cpus=1))
    desk.ask("a", 1, cpus=2, scope="g")
    assert desk.pool.stuck() == {"a"}
    desk.pool.bound("g", Limits(cpus=2))
    assert desk.granted == ["a1"]
    assert not desk.pool.stuck()


def test_a_task_that_gives_up_waiting_makes_way(desk: Desk) -> None:
    desk.ask("a", 1, cpus=4)
    desk.ask("b", 1, cpus=4)
    desk.ask("b", 2, cpus=4)
    desk.pool.release("b", 1)
    desk.pool.release("a", 1)
    assert desk.granted == ["a1", "b2"]


@pytest.mark.parametrize(
    ("cpus", "memory", "gpus", "accelerator", "wanted"),
    [
        (1, 1, 0, None, "omics.c.large"),
        (8, 64, 0, None, "omics.r.2xlarge"),
        (15, 33, 0, None, "omics.m.4xlarge"),
        (192, 1536, 0, None, "omics.r.48xlarge"),
        (1, 1, 1, "nvidia-tesla-t4", "omics.g4dn.xlarge"),
        (1, 1, 1, "nvidia-tesla-a10g", "omics.g5.xlarge"),
        (1, 1, 4, "nvidia-l4", "omics.g6.12xlarge"),
        (1, 1, 1, "nvidia-t4-a10g-l4", "omics.g6.xlarge"),
        (96, 1, 1, "nvidia-tesla-t4-a10g", "omics.g5.24xlarge"),
        (8, 64, 1, "nvidia-l40s", "omics.g6e.2xlarge"),
        (193, 1, 0, None, None),
        (1, 1, 5, "nvidia-l4", None),
        (96, 1, 1, "nvidia-tesla-t4", None),
    ],
)
def test_the_smallest_instance_that_fits(
    cpus: int, memory: int, gpus: int, accelerator: str | None, wanted: str | None
) -> None:
    assert instance_type(cpus, memory, gpus, accelerator) == wanted


def test_a_group_is_made_read_changed_listed_and_deleted(fake: Clients) -> None:
    made = fake.omics.create_run_group(
        name="g", maxCpus=4, maxGpus=1, maxRuns=2, maxDuration=60, tags={"k": "v"}
    )
    assert made["tags"] == {"k": "v"}
    fake.omics.update_run_group(id=made["id"], maxCpus=8, name="h")
    read = fake.omics.get_run_group(id=made["id"])
    assert (read["name"], read["maxCpus"], read["maxGpus"], read["maxRuns"]) == ("h", 8, 1, 2)
    assert [g["id"] for g in fake.omics.list_run_groups(name="h")["items"]] == [made["id"]]
    fake.omics.delete_run_group(id=made["id"])
    for operation in (fake.omics.get_run_group, fake.omics.delete_run_group):
        with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
            operation(id=made["id"])


def test_waiting_runs_start_by_priority_then_age(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group(maxRuns=1)["id"]
    first = fake.start(workflow, "wait", runGroupId=group)
    fake.until(first, "RUNNING")
    waiting = [
        fake.start(workflow, "ok", runGroupId=group, **({} if p is None else {"priority": p}))
        for p in (None, 0, 7, 1, 7)
    ]
    fake.omics.cancel_run(id=first)
    ends = [(fake.until(run, "COMPLETED")["startTime"], run) for run in waiting]
    order = [waiting.index(run) for _, run in sorted(ends)]
    assert order == [3, 2, 4, 0, 1]


def test_a_raised_max_runs_lets_a_waiting_run_start(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group(maxRuns=1)["id"]
    first = fake.start(workflow, "wait", runGroupId=group)
    second = fake.start(workflow, "wait", runGroupId=group)
    fake.until(first, "RUNNING")
    assert fake.omics.get_run(id=second)["status"] == "PENDING"
    fake.omics.update_run_group(id=group, maxRuns=2)
    fake.until(second, "RUNNING")
    for run in (first, second):
        fake.omics.cancel_run(id=run)
        fake.until(run, "CANCELLED")


def test_runs_that_can_never_go_on_block_no_others(fake: Clients, workflow: str) -> None:
    group = fake.omics.create_run_group(maxCpus=1)["id"]
    stuck = [fake.start(workflow, "wide", runGroupId=group) for _ in range(11)]
    for run in stuck:
        fake.until(run, "RUNNING")
    fake.until(fake.start(workflow), "COMPLETED")
    fake.omics.update_run_group(id=group, maxCpus=100)
    for run in stuck:
        fake.until(run, "COMPLETED")


@pytest.fixture
def limited(
    tmp_path: Path, fake_engine: list[str]
) -> Callable[..., Clients]:  # a server is ended with its process's stdin
    def begin(*quotas: str) -> Clients:
        options = [word for quota in quotas for word in ("--quota", quota)]
        return connect(local.start(tmp_path / "state", engine=fake_engine, options=options))

    return begin


def test_the_quotas_of_active_runs_count_by_kind_of_storage(
    limited: Callable[..., Clients],
) -> None:
    clients = limited("activeRunsStatic=1", "activeRunsDynamic=1")
    workflow = clients.active_workflow(parameterTemplate=TEMPLATE)
    static = [clients.start(workflow, "wait", storageType="STATIC") for _ in range(2)]
    dynamic = [clients.start(workflow, "wait", storageType="DYNAMIC") for _ in range(2)]
    for run in (static[0], dynamic[0]):
        clients.until(run, "RUNNING")
    for run in (static[1], dynamic[1]):
        assert clients.omics.get_run(id=run)["status"] == "PENDING"
    clients.omics.cancel_run(id=dynamic[0])
    clients.until(dynamic[1], "RUNNING")
    assert clients.omics.get_run(id=static[1])["status"] == "PENDING"
    clients.service.stop()


def test_a_run_beyond_the_maximum_duration_has_timed_out(limited: Callable[..., Clients]) -> None:
    clients = limited("runDuration=1")
    workflow = clients.active_workflow(parameterTemplate=TEMPLATE)
    done = clients.until(clients.start(workflow, "wait"), "FAILED")
    assert done["failureReason"] == "RUN_TIMED_OUT"
    assert done["statusMessage"].startswith("Run timeout after ")
    clients.service.stop()


def test_at_the_quota_of_stored_runs_the_oldest_to_remove_goes(
    limited: Callable[..., Clients],
) -> None:
    clients = limited("runs=2")
    workflow = clients.active_workflow(parameterTemplate=TEMPLATE)
    first = clients.start(workflow, retentionMode="REMOVE")
    clients.until(first, "COMPLETED")
    second = clients.start(workflow)
    clients.until(second, "COMPLETED")
    third = clients.start(workflow)
    clients.until(third, "COMPLETED")
    with pytest.raises(clients.omics.exceptions.ResourceNotFoundException):
        clients.omics.get_run(id=first)
    with pytest.raises(clients.omics.exceptions.ServiceQuotaExceededException):
        clients.start(workflow)
    clients.service.stop()
