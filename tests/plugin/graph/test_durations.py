"""How long jobs take, by whoever says so best."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_executor_omics.graph.durations import (
    Duration,
    Source,
    known_durations,
    read_benchmark,
)
from snakemake_executor_omics.model import JobKey, OutputFile, OutputKind, Resources, Step, Task


def job(rule: str, sample: str = "a", timeout: int | str | None = None) -> Task:
    key = JobKey(rule, (("s", sample),), (f"{rule}/{sample}",))
    step = Step(key=key, command="", outputs=(OutputFile(f"{rule}/{sample}"),))
    return Task(key=key, layers=((step,),), container="x", resources=Resources(timeout=timeout))


def test_what_was_measured_comes_before_what_was_promised() -> None:
    task = job("sort", timeout=600)
    key, other = task.key, job("sort", "b").key
    told = [
        known_durations([task], benchmarks, earlier).get(key)
        for benchmarks, earlier in (
            ({key: 2.5, other: 9.0}, {key: 70.0}),
            ({other: 9.0}, {key: 70.0}),
            ({other: 9.0}, {}),
            ({}, {other: 40.0}),
            ({}, {}),
        )
    ]
    assert told == [
        Duration(2.5, Source.BENCHMARK),
        Duration(70.0, Source.EARLIER_RUN),
        Duration(9.0, Source.RULE),
        Duration(40.0, Source.RULE),
        Duration(600.0, Source.RUNTIME),
    ]


def test_nothing_is_known_of_a_job_that_nobody_tells_of() -> None:
    tasks = [job("sort"), job("sort", timeout='ceil(size(inputs, "MB"))')]
    assert known_durations(tasks, {job("call").key: 3.0}, {}) == {}


def test_a_new_job_is_like_the_longest_of_its_rule_but_no_longer_than_its_runtime() -> None:
    task, others = job("sort", "new", timeout=60), {job("sort", s).key: float(s) for s in "123"}
    assert known_durations([task], others, {}) == {task.key: Duration(3.0, Source.RULE)}
    longer = {job("sort").key: 3_600.0}
    assert known_durations([task], {}, longer) == {task.key: Duration(60.0, Source.RUNTIME)}


def test_a_group_takes_the_longest_job_of_each_layer() -> None:
    steps = [job("sort", s).steps[0] for s in "abc"]
    service = Step(
        key=JobKey("serve", (), ("socket",)),
        command="",
        outputs=(OutputFile("socket", OutputKind.SERVICE),),
    )
    key = JobKey("group_sort", (), ())
    group = Task(key=key, layers=((service, *steps[:2]), (steps[2],)), container="x")
    seconds = {step.key: float(number) for number, step in enumerate(steps, 1)}
    assert known_durations([group], seconds, {}) == {key: Duration(5.0, Source.BENCHMARK)}
    del seconds[steps[0].key]
    assert known_durations([group], seconds, {key: 9.0}) == {key: Duration(9.0, Source.EARLIER_RUN)}


@pytest.mark.parametrize(
    ("name", "text", "seconds"),
    [
        ("a.tsv", "s\th:m:s\tmax_rss\n1.5\t0:00:01\tNA\n2.5\t0:00:02\tNA\n", 4.0),
        ("a.jsonl", '{"s": 1.5}\n{"s": 2.5, "cpu_time": "NA"}\n', 4.0),
        ("a.tsv", "s\th:m:s\n", None),
        ("a.tsv", "s\nNA\n", None),
        ("a.tsv", "s\n-1\n", None),
        ("a.tsv", "s\tx\nnan\t\n", None),
        ("a.tsv", "other\n1\n", None),
        ("a.jsonl", '{"s": 1.5', None),
        ("a.jsonl", "[1]\n", None),
        ("a.tsv", "", None),
    ],
)
def test_a_benchmark_file_tells_the_seconds_of_all_repeats_or_nothing(
    tmp_path: Path, name: str, text: str, seconds: float | None
) -> None:
    (tmp_path / name).write_text(text)
    assert read_benchmark(tmp_path / name) == seconds


def test_a_benchmark_file_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    assert read_benchmark(tmp_path / "a.tsv") is None
    (tmp_path / "b.tsv").write_bytes(b"s\n\xff\n")
    assert read_benchmark(tmp_path / "b.tsv") is None
