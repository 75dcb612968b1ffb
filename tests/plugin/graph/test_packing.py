"""Which jobs share a task."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.graph.durations import Duration, Source
from snakemake_executor_omics.graph.packing import (
    CHAIN_SECONDS,
    LONGEST_SECONDS,
    SIBLINGS_SECONDS,
    pack,
)
from snakemake_executor_omics.model import (
    FileRef,
    JobKey,
    OutputFile,
    OutputKind,
    Resources,
    Step,
    Task,
    Wave,
)

LARGE = Resources(cpus=4, memory_mb=8000)


def key(name: str) -> JobKey:
    return JobKey(name.rstrip("0123456789"), (), (name,))


def job(
    name: str,
    above: Collection[str] = (),
    container: str = "x",
    resources: Resources | None = None,
    kind: OutputKind = OutputKind.FILE,
) -> Task:
    step = Step(key=key(name), command="", outputs=(OutputFile(name, kind),))
    return Task(
        key=key(name),
        layers=((step,),),
        inputs=tuple(FileRef(other, key(other)) for other in above),
        container=container,
        resources=resources or Resources(memory_mb=2000),
    )


def lasting(wave: Wave, seconds: float | Mapping[str, float]) -> dict[JobKey, Duration]:
    by_name = seconds if isinstance(seconds, Mapping) else dict.fromkeys(names(wave), seconds)
    return {
        task.key: Duration(by_name[task.key.outputs[0]], Source.BENCHMARK)
        for task in wave.tasks
        if task.key.outputs[0] in by_name
    }


def names(wave: Wave) -> list[str]:
    return [task.key.outputs[0] for task in wave.tasks]


def packed(
    wave: Wave,
    seconds: float | Mapping[str, float] = 5.0,
    most: int | None = None,
    local: Sequence[str] = (),
    before: Sequence[Sequence[str]] = (),
) -> list[str]:
    """The packs, each as the names of its jobs."""
    wave = _with_local(wave, map(key, local))
    were = [[key(name) for name in task] for task in before]
    found = pack(wave, lasting(wave, seconds), most, before=were)
    assert found.tasks == wave.tasks
    return [" ".join(member.outputs[0] for member in members) for members in found.packs]


def _with_local(wave: Wave, keys: Iterable[JobKey]) -> Wave:
    local = set(keys)
    return Wave(tuple(dataclasses.replace(task, local=task.key in local) for task in wave.tasks))


def test_siblings_fill_the_minute_that_a_task_is_billed_at_least() -> None:
    wave = Wave(tuple(job(f"a{number}") for number in range(25)))
    assert [len(members.split()) for members in packed(wave)] == [12, 12]
    assert packed(wave, SIBLINGS_SECONDS / 2 + 1) == []


def test_a_chain_is_joined_while_it_takes_no_longer_than_a_start() -> None:
    wave = Wave((job("a"), job("b", "a"), job("c", "b"), job("d", "c")))
    assert packed(wave) == ["a b c d"]
    assert packed(wave, CHAIN_SECONDS / 2) == ["a b", "c d"]
    assert packed(wave, CHAIN_SECONDS) == []


def test_chains_are_siblings_of_chains() -> None:
    order = [job(f"a{n}") for n in range(3)] + [job(f"b{n}", [f"a{n}"]) for n in range(3)]
    assert packed(Wave(tuple(order))) == ["a0 a1 a2 b0 b1 b2"]
    assert packed(Wave(tuple(order)), 12.0) == ["a0 a1 b0 b1", "a2 b2"]


def test_what_several_tasks_read_from_is_no_chain() -> None:
    """All but one would wait longer."""
    wave = Wave((job("root"), *(job(f"a{number}", ["root"]) for number in range(3))))
    assert packed(wave, {"root": 5, "a0": 5, "a1": 5, "a2": 90}) == ["a0 a1"]
    assert packed(wave, 5.0) == ["root a0 a1 a2"]


def test_jobs_behind_long_ones_of_their_own_do_not_wait_for_each_other() -> None:
    """`flagstat` of one sample must not wait for the alignment of another one."""
    order = [job(f"long{n}") for n in range(3)]
    order += [job(f"short{n}", [f"long{n}"]) for n in range(3)]
    after = [job(f"next{n}", [f"short{n}"]) for n in range(3)]
    short = {f"short{n}": 5.0 for n in range(3)}
    assert packed(Wave(tuple(order + after)), short) == []
    gather = job("gather", [f"short{n}" for n in range(3)])
    assert packed(Wave((*order, gather)), short) == ["short0 short1 short2"]


def test_only_what_is_known_to_be_short_is_packed_unless_a_number_is_given() -> None:
    wave = Wave(tuple(job(f"a{number}") for number in range(4)))
    assert packed(wave, {"a0": 5.0, "a2": 5.0, "a3": 3600.0}) == ["a0 a2"]
    assert packed(wave, {}) == []
    assert packed(wave, {}, most=3) == ["a0 a1 a2"]
    assert packed(wave, 3600.0, most=2) == ["a0 a1", "a2 a3"]
    assert packed(wave, 5.0, most=1) == []


def test_only_of_what_was_taken_to_be_short_a_pack_begins_no_more_when_it_took_long() -> None:
    wave = Wave((job("a"), job("b", "a")))
    assert pack(wave, lasting(wave, 5.0)).longest == LONGEST_SECONDS
    assert pack(wave, {}, 2).longest is None


def test_who_packs_nothing_meets_the_packs_of_a_run_in_flight_as_they_are() -> None:
    wave = Wave(tuple(job(f"a{number}") for number in range(4)))
    packed = pack(wave, lasting(wave, 5.0))
    assert packed.packs
    assert pack(wave, {}, 1, before=packed.calls) == packed
    assert pack(wave, lasting(wave, 5.0), before=[[key] for key in wave.parents]).packs == ()


def test_a_larger_instance_is_shared_only_within_the_minute_that_is_billed_anyway() -> None:
    wave = Wave((job("a"), job("b", "a", resources=LARGE)))
    assert packed(wave, 30.0) == ["a b"]
    assert packed(wave, 31.0) == []
    assert packed(wave, 5.0, most=2) == []  # how long it would be paid for is not known


def test_a_pack_asks_for_what_is_enough_for_each_of_its_jobs() -> None:
    small = Resources(cpus=1, memory_mb=2000, timeout=60, disk_gib=10)
    large = Resources(cpus=4, memory_mb=None, timeout=120, disk_gib=20)
    assert Resources.of_pack([small, large]) == Resources(4, 2000, timeout=180, disk_gib=30)
    assert Resources.of_pack([large, Resources(memory_mb=500)]) == Resources(4, 1074)


@pytest.mark.parametrize(
    "other",
    [
        job("a1", container="y"),
        job("a1", resources=Resources(memory_mb="ceil(1)")),
        job("a1", resources=Resources(memory_mb=2000, timeout=60)),
        job("a1", resources=Resources(memory_mb=2000, gpus=1, accelerator="nvidia-l4")),
        job("a1", kind=OutputKind.PIPE),
        job("a1", kind=OutputKind.SERVICE),
        dataclasses.replace(job("a1"), volatile=True),
        dataclasses.replace(job("a1"), cache_buster="77"),
        dataclasses.replace(job("a1"), is_retry=True),
        Task(key=key("a1"), layers=((Step(key=key("a1"), command=""),),), container="x"),
        Task(
            key=key("a1"),
            layers=tuple((job(name).steps[0],) for name in ("a1", "a2")),
            container="x",
            resources=Resources(memory_mb=2000),
        ),
    ],
)
def test_what_differs_or_needs_a_task_to_itself_is_not_packed(other: Task) -> None:
    assert packed(Wave((job("a0"), other))) == []
    assert packed(Wave((job("a0"), other)), most=10) == []


def test_a_local_rule_goes_along_with_the_only_job_that_reads_from_it() -> None:
    wave = Wave((job("l"), job("a", "l"), job("m"), job("n"), job("b", "mn")))
    assert packed(wave, {}, 1, local="lmn") == ["l a", "m n b"]
    assert packed(wave, {}, 1, local="lm") == ["l a"]  # n is another source of b
    assert packed(Wave((job("l"), job("a", "l"), job("b", "l"))), {}, 1, local="l") == []
    assert packed(Wave((job("l", container="y"), job("a", "l"))), {}, 1, local="l") == []


def test_a_short_job_with_its_local_rule_is_a_sibling_of_others() -> None:
    wave = Wave((job("l"), job("m"), job("a", "l"), job("b", "m")))
    assert packed(wave, {"a": 5.0, "b": 5.0}, local="lm") == ["l m a b"]


def test_local_rules_in_a_row_go_along_together() -> None:
    wave = Wave((job("k"), job("l", "k"), job("a", "l"), job("b", "a")))
    assert packed(wave, {}, 1, local="kl") == ["k l a"]


def test_jobs_of_a_run_in_flight_stay_as_they_are() -> None:
    wave = Wave(tuple(job(f"a{number}") for number in range(6)))
    before = [["a1", "a4", "gone"], ["a2"]]
    assert packed(wave, 5.0, before=before) == ["a0 a3 a5", "a1 a4"]
    assert packed(wave, 5.0, before=[*before, ["a4", "a5"], ["a2"]]) == ["a0 a3", "a1 a4"]
    changed = Wave((job("a1"), job("b", ["a1"]), job("a4", ["b"])))
    assert packed(changed, {}, before=before) == []


# --- any graph ----------------------------------------------------------------------------------


@st.composite
def waves(draw: st.DrawFn) -> tuple[Wave, dict[JobKey, Duration]]:
    tasks: list[Task] = []
    size = draw(st.integers(0, 25))
    for number in range(size):
        above = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        task = job(
            f"j{number}",
            [f"j{other}" for other in dict.fromkeys(above)],
            container=draw(st.sampled_from("xxxy")),
            resources=draw(st.sampled_from([None, None, LARGE])),
        )
        tasks.append(dataclasses.replace(task, volatile=draw(st.integers(0, 9)) == 0))
    wave = Wave(tuple(tasks))
    known = draw(st.lists(st.sampled_from([0.0, 5.0, 5.0, 20.0, 90.0, None]), min_size=size))
    seconds = {
        name: value for name, value in zip(names(wave), known, strict=False) if value is not None
    }
    return wave, lasting(wave, seconds)


@given(
    graph=waves(),
    most=st.sampled_from([None, None, 1, 2, 5]),
    before=st.lists(st.lists(st.integers(0, 24), max_size=4), max_size=3),
    local=st.sets(st.integers(0, 24), max_size=5),
)
def test_every_job_is_in_one_task_and_no_tasks_wait_for_each_other(
    graph: tuple[Wave, dict[JobKey, Duration]],
    most: int | None,
    before: list[list[int]],
    local: set[int],
) -> None:
    wave, durations = graph
    along = {key(f"j{number}") for number in local}
    wave = _with_local(wave, along)
    were = [[key(f"j{number}") for number in task] for task in before]
    found = pack(wave, durations, most, before=were)
    assert found == pack(wave, durations, most, before=were)
    assert found.tasks == wave.tasks
    members = [member for jobs in found.packs for member in jobs]
    assert len(members) == len(set(members))
    by_key = {task.key: task for task in wave.tasks}
    place = {member: jobs[0] for jobs in found.packs for member in jobs}
    kept = {member for task in were for member in task}
    position = {task.key: number for number, task in enumerate(wave.tasks)}
    for jobs in found.packs:
        tasks = [by_key[member] for member in jobs]
        assert len({task.container for task in tasks}) == 1
        assert not any(task.volatile for task in tasks)
        assert [position[member] for member in jobs] == sorted(position[member] for member in jobs)
        if kept.isdisjoint(jobs) and along.isdisjoint(jobs):
            alike = len({task.resources for task in tasks}) == 1
            total = sum(durations[member].seconds for member in jobs if member in durations)
            if most is None:
                assert durations.keys() >= set(jobs)
                assert total <= (CHAIN_SECONDS if alike else SIBLINGS_SECONDS)
            else:
                assert len(jobs) <= most
                assert alike
    waits = {
        (place.get(parent, parent), place.get(task.key, task.key))
        for task in wave.tasks
        for parent in task.parents
    }
    waits = {(parent, child) for parent, child in waits if parent != child}
    while waits:
        ready = {parent for parent, _ in waits} - {child for _, child in waits}
        assert ready, "tasks wait for each other in a circle"
        waits = {(parent, child) for parent, child in waits if parent not in ready}
