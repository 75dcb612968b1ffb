"""Benchmark files get what the service measured of their tasks."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from said import Said

from snakemake_executor_omics.aws.logs import LOG_GROUP
from snakemake_executor_omics.aws.records import Run, RunStatus, RunTask, TaskStatus
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.compile import task_name
from snakemake_executor_omics.files.benchmarks import filled
from snakemake_executor_omics.model import Benchmark, FileRef, JobKey, Step, Task, Wave
from snakemake_executor_omics.runs.courtesy import Courtesy
from snakemake_executor_omics.runs.measured import fill_benchmarks

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
TSV = f"{HEAD}12.5000\t0:00:12\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"
FILLED = f"{HEAD}12.5000\t0:00:12\t2560.00\tNA\tNA\tNA\tNA\tNA\t150.00\t18.75\n"
JSON = (
    '{"cpu_time": "NA", "h:m:s": "0:00:12", "io_in": "NA", "io_out": "NA", "max_pss": "NA", '
    '"max_rss": "NA", "max_uss": "NA", "max_vms": "NA", "mean_load": "NA", "s": 12.5000}\n'
)
STREAM = "manifest/run/77/u-u"


def test_memory_is_in_mib_and_load_in_percent_of_a_cpu() -> None:
    assert filled(TSV, False, memory_gib=2.5, cpus=1.5) == FILLED
    record = json.loads(filled(JSON, True, memory_gib=2.5, cpus=1.5) or "")
    assert record == json.loads(JSON) | {"max_rss": 2560.0, "mean_load": 150.0, "cpu_time": 18.75}


def test_what_was_not_measured_stays_unknown_and_what_is_known_stays() -> None:
    assert filled(TSV, False, memory_gib=None, cpus=None) is None
    assert filled(FILLED, False, memory_gib=9, cpus=9) is None
    only = filled(TSV, False, memory_gib=1, cpus=None)
    assert only == TSV.replace("\tNA", "\t1024.00", 1)


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ("", False),
        (TSV + "1\n", False),
        ("mine", False),
        ("[]", True),
        ("{}", True),
        (JSON * 2, True),
    ],
)
def test_a_file_of_another_form_stays(text: str, is_json: bool) -> None:
    assert filled(text, is_json, memory_gib=1, cpus=1) is None


def task(name: str, benchmark: Benchmark | None, *inputs: FileRef, steps: int = 1) -> Task:
    keys = [JobKey(f"{name}{number}", (), (f"{name}{number}.txt",)) for number in range(steps)]
    layers = (tuple(Step(key=key, command="", benchmark=benchmark) for key in keys),)
    return Task(key=JobKey(name, (), (name,)), layers=layers, inputs=inputs, container="x")


def event(id: str) -> dict[str, object]:
    metrics = {"memoryMaximumGiB": 2.5, "cpusAverage": 1.5, "runningSeconds": 13}
    arn = f"arn:aws:omics:us-east-1:123456789012:task/{id}"
    return {
        "timestamp": int(time.time() * 1000),
        "message": json.dumps({"arn": arn, "metrics": metrics}),
    }


def write_manifest(services: Services, ids: list[str]) -> None:
    services.logs.create_log_group(logGroupName=LOG_GROUP)
    services.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=STREAM)
    events: Any = [event(id) for id in ids]
    services.logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=STREAM, logEvents=events)


def fill(services: Services, folder: Path, tasks: list[Task], said: Said, **row: Any) -> None:
    for made in tasks:
        for step in made.steps:
            if step.benchmark is not None:
                (folder / step.benchmark.path).write_text(JSON if step.benchmark.is_json else TSV)
                os.utime(folder / step.benchmark.path, ns=(10**18, 10**18 + 7))
    run = Run(id="77", status=RunStatus.COMPLETED, uuid="u-u")
    rows = {
        task_name(made.key): RunTask(id=made.key.rule, name="x", status=TaskStatus.COMPLETED, **row)
        for made in tasks
    }
    done = {made.key for made in tasks}
    wave = Wave(tuple(tasks))
    fill_benchmarks(services, run, wave, rows, done, folder, Courtesy(said), said, (0.0, 0.0))


def test_files_are_filled_and_keep_their_time(services: Services, tmp_path: Path) -> None:
    tasks = [task("a", Benchmark("a.tsv")), task("b", Benchmark("b.jsonl")), task("c", None)]
    write_manifest(services, ["a", "b", "c"])
    said = Said()
    fill(services, tmp_path, tasks, said)
    assert (tmp_path / "a.tsv").read_text() == FILLED
    assert json.loads((tmp_path / "b.jsonl").read_text())["max_rss"] == 2560
    assert (tmp_path / "a.tsv").stat().st_mtime_ns == 10**18 + 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tsv", "b.jsonl"]
    assert said.lines == []


def test_what_is_no_single_measured_job_stays(services: Services, tmp_path: Path) -> None:
    made = task("a", Benchmark("a.tsv"))
    tasks = [
        made,
        task("b", Benchmark("b.tsv", repeats=3)),
        task("c", Benchmark("c.tsv"), steps=2),
        task("d", None, FileRef("a.tsv", made.key)),
    ]
    write_manifest(services, ["a", "b", "c", "d"])
    fill(services, tmp_path, tasks, Said())
    assert {path.read_text() for path in tmp_path.iterdir()} == {TSV}


def test_a_task_from_the_run_cache_was_not_measured(services: Services, tmp_path: Path) -> None:
    write_manifest(services, ["a"])
    fill(services, tmp_path, [task("a", Benchmark("a.tsv"))], Said(), cache_hit=True)
    assert (tmp_path / "a.tsv").read_text() == TSV


def test_a_manifest_that_does_not_come_is_waited_for_once(
    services: Services, tmp_path: Path
) -> None:
    said = Said()
    fill(services, tmp_path, [task("a", Benchmark("a.tsv"))], said)
    assert (tmp_path / "a.tsv").read_text() == TSV
    assert len(said.lines) == 1
    assert "what the tasks of run 77 used" in said.lines[0]
