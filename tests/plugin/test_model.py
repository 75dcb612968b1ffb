"""The nouns: what a wave says of its tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.model import (
    Benchmark,
    FileRef,
    JobKey,
    JobState,
    OutputFile,
    OutputKind,
    Step,
    Task,
    Wave,
)


def test_a_part_of_a_wave_has_what_is_left_of_its_packs() -> None:
    wave = Wave(tuple(map(_task, "abcd")), (tuple(map(_key, "abc")),))
    assert wave.only(map(_key, "acd")).packs == (tuple(map(_key, "ac")),)
    assert wave.only(map(_key, "ad")).packs == ()


def test_the_tasks_of_packs_come_behind_those_that_they_wait_for() -> None:
    wave = Wave(
        (_task("a"), _task("b"), _task("c", "b"), _task("d", "a"), _task("e", "c")),
        (tuple(map(_key, "ae")),),
    )
    assert [" ".join(key.rule for key in jobs) for jobs in wave.calls] == ["b", "c", "a e", "d"]


def test_a_job_of_a_pack_may_fail_and_what_reads_from_it_is_uncertain() -> None:
    wave = Wave((_task("a"), _task("b"), _task("c", "b"), _task("d")), (tuple(map(_key, "ab")),))
    assert wave.may_fail == frozenset(map(_key, "ab"))
    assert wave.uncertain == frozenset(map(_key, "abc"))


def _key(name: str) -> JobKey:
    return JobKey(name, (), (f"{name}.txt",))


def _task(name: str, *parents: str, raw: tuple[str, ...] = (), may_fail: bool = False) -> Task:
    step = Step(key=_key(name), command="true", outputs=(OutputFile(f"{name}.txt"),))
    inputs = [FileRef(f"{parent}.txt", _key(parent)) for parent in parents]
    return Task(
        key=step.key,
        layers=((step,),),
        inputs=(*inputs, *map(FileRef, raw)),
        may_fail=may_fail,
        container="debian:12",
    )


# Graphs: each task's parents are among those before it.
_WAVES = st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8).map(
    lambda graph: Wave(
        tuple(
            _task(f"t{index}", *(f"t{parent}" for parent in sorted(parents) if parent < index))
            for index, parents in enumerate(graph)
        )
    )
)


def test_a_job_is_told_by_its_rule_and_wildcards() -> None:
    assert str(JobKey("align", (("lane", "1"), ("sample", "A")), ("x",))) == (
        "align (lane=1, sample=A)"
    )
    assert str(JobKey("all", (), ())) == "all"


@given(_WAVES)
def test_each_task_stands_one_level_above_its_highest_parent(wave: Wave) -> None:
    level = {task.key: number for number, tasks in enumerate(wave.levels) for task in tasks}
    assert len(level) == len(wave.tasks)
    for task in wave.tasks:
        assert level[task.key] == max((level[key] + 1 for key in task.parents), default=0)


@given(_WAVES, st.sets(st.integers(0, 7)))
def test_what_may_be_left_out_is_what_may_fail_and_all_below(wave: Wave, some: set[int]) -> None:
    may_fail = {_key(f"t{number}") for number in some}
    wave = Wave(tuple(replace(task, may_fail=task.key in may_fail) for task in wave.tasks))
    parents = wave.parents

    def is_uncertain(key: JobKey) -> bool:
        return key in may_fail or any(map(is_uncertain, parents[key]))

    assert wave.uncertain == {task.key for task in wave.tasks if is_uncertain(task.key)}


def test_a_part_of_a_wave_keeps_its_order() -> None:
    wave = Wave((_task("a"), _task("b"), _task("c", "a")))
    assert wave.only([_key("c"), _key("a")]) == Wave((_task("a"), _task("c", "a")))


def test_raw_inputs_are_what_no_task_makes() -> None:
    wave = Wave((_task("a", raw=("z", "y")), replace(_task("b", "a", raw=("y",)), sources=("s",))))
    assert wave.raw_inputs == ("s", "y", "z")


def test_objects_are_the_raw_inputs_that_lie_in_s3() -> None:
    there = FileRef("x", uri="s3://b/x", etag="e")
    wave = Wave((replace(_task("a"), inputs=(there, FileRef("y"))),))
    assert wave.objects == {"x": there}


def test_the_files_of_a_task_are_what_leaves_it() -> None:
    step = Step(
        key=_key("a"),
        command="true",
        outputs=(
            OutputFile("file"),
            OutputFile("dir", OutputKind.DIRECTORY),
            OutputFile("pipe", OutputKind.PIPE),
            OutputFile("service", OutputKind.SERVICE),
            OutputFile("within", kept=False),
        ),
        benchmark=Benchmark("bench.tsv"),
        logs=("log", "log"),
    )
    task = Task(key=step.key, layers=((step,),), container="debian:12")
    assert [output.path for output in task.files] == ["file", "dir", "bench.tsv"]
    assert task.logs == ("log",)
    assert step.is_service


def test_a_task_without_files_cannot_be_left_out() -> None:
    step = Step(key=JobKey("a", (), ()), command="true")
    assert not Task(key=step.key, layers=((step,),), may_fail=True, container="x").may_fail
    assert _task("a", may_fail=True).may_fail


def test_steps_come_layer_by_layer() -> None:
    one, two, three = (Step(key=_key(name), command="") for name in "abc")
    task = Task(key=one.key, layers=((one, two), (three,)), container="x")
    assert task.steps == (one, two, three)


@pytest.mark.parametrize(
    ("state", "success", "final"),
    [
        (JobState.WAITING, False, False),
        (JobState.QUEUED, False, False),
        (JobState.RUNNING, False, False),
        (JobState.ENDED, False, False),
        (JobState.DONE, True, True),
        (JobState.CACHED, True, True),
        (JobState.FAILED, False, True),
        (JobState.CANCELLED, False, True),
    ],
)
def test_a_state_says_whether_it_is_the_last(state: JobState, success: bool, final: bool) -> None:
    assert (state.is_success, state.is_final) == (success, final)


def test_a_benchmark_of_lines_of_json_says_so() -> None:
    assert Benchmark("b.jsonl").is_json
    assert not Benchmark("b.tsv").is_json


def test_what_others_of_the_wave_made_is_an_input_of_a_part() -> None:
    a, b = JobKey("a", (), ("a.txt",)), JobKey("b", (), ("b.txt",))
    make = Task(
        key=a,
        layers=((Step(key=a, command="", outputs=(OutputFile("a.txt"),)),),),
        container="x",
        s3_targets={"a.txt": "s3://bucket/a.txt"},
    )
    read = Task(
        key=b, layers=((Step(key=b, command=""),),), inputs=(FileRef("a.txt", a),), container="x"
    )
    wave = Wave((make, read))
    assert wave.only([a, b]).tasks == wave.tasks
    (alone,) = wave.only([b]).tasks
    assert alone.inputs == (FileRef("a.txt", None, uri="s3://bucket/a.txt"),)


def _temporary(wave: Wave, name: str, readers: Iterable[JobKey] | None) -> Wave:
    """The wave, with the file of a task that only these read."""

    def marked(task: Task) -> Task:
        if task.key != _key(name):
            return task
        output = OutputFile(f"{name}.txt", readers=None if readers is None else tuple(readers))
        return replace(task, layers=((replace(task.steps[0], outputs=(output,)),),))

    return Wave(tuple(map(marked, wave.tasks)))


@settings(max_examples=50, deadline=None)
@given(_WAVES, st.data())
def test_a_file_that_something_outside_of_the_run_reads_never_stays_in_it(
    wave: Wave, data: st.DataObject
) -> None:
    readers_of: dict[str, tuple[JobKey, ...] | None] = {}
    for task in wave.tasks:
        name = task.key.rule
        readers = {other.key for other in wave.tasks if task.key in other.parents}
        outside = data.draw(st.sets(st.sampled_from([_key("local"), _key("later")])))
        named = data.draw(st.sampled_from([None, tuple(sorted(readers | outside))]))
        readers_of[f"{name}.txt"] = named
        wave = _temporary(wave, name, named)
    chosen = data.draw(st.sets(st.sampled_from([task.key for task in wave.tasks])))
    run = wave.only(chosen)
    assert run.internal == {
        path
        for path, readers in readers_of.items()
        if readers is not None and _key(path.removesuffix(".txt")) in chosen
        if chosen.issuperset(readers)
    }


def test_a_temporary_file_that_is_also_read_from_the_project_does_not_stay() -> None:
    before = _temporary(Wave((_task("a"), _task("b", "a"))), "a", [_key("b")])
    assert before.internal == {"a.txt"}
    assert not Wave((*before.tasks, _task("c", raw=("a.txt",)))).internal


def test_a_file_that_two_jobs_write_does_not_stay() -> None:
    wave = _temporary(Wave((_task("a"), _task("b", "a"))), "a", [_key("b")])
    step = Step(key=_key("c"), command="", outputs=(OutputFile("a.txt"),))
    other = Task(key=step.key, layers=((step,),), container="x")
    assert not Wave((*wave.tasks, other)).internal
