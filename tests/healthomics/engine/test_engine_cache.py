"""The run cache: what hits, what misses, what is written when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pytest

from local_healthomics.engine.request import CacheRequest

if TYPE_CHECKING:
    from conftest import Bench

CHAIN = """
version 1.1
workflow wf {
  input { File reads  Boolean broken = false }
  call first { input: reads }
  call second { input: table = first.table, rc = first.rc, broken }
  output { Array[File] all = [first.table, second.x]  Int rc = first.rc }
}
task first {
  input { File reads }
  command <<< echo "ran first"; sort ~{reads} > table.txt; echo 0 > .rc; mkdir d; echo 1 > d/g >>>
  output { File table = "table.txt"  Int rc = read_int(".rc")  Array[File] g = glob("d/*") }
  runtime { docker: "image:1"  cpu: CPUS }
}
task second {
  input { File table  Int rc  Boolean broken }
  command <<<
    echo "ran second"; cat ~{write_lines([table, "x"])} | wc -l > x.txt
    ~{if broken then "exit 1" else ""}
  >>>
  output { File x = "x.txt" }
  runtime { docker: "image:1" }
}
"""


def wdl(cpus: int = 1) -> str:
    return CHAIN.replace("CPUS", str(cpus))


def cache(
    behavior: Literal["CACHE_ALWAYS", "CACHE_ON_FAILURE"] = "CACHE_ALWAYS",
) -> CacheRequest:
    return CacheRequest(id="77", s3_uri="s3://data/cache/abc/", behavior=behavior)


def test_a_second_run_is_served_from_the_cache(bench: Bench) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    one = bench.start(wdl(), {"reads": reads}, cache=cache())
    first = one.end()
    assert first["status"] == "COMPLETED", first
    assert all(events[-1]["cache_s3_uri"] for events in one.tasks().values())

    two = bench.start(wdl(), {"reads": reads}, cache=cache())
    second = two.end()
    assert second["status"] == "COMPLETED", second
    for name in ("first", "second"):
        assert two.states(name) == ["PENDING", "COMPLETED"]
        final = two.tasks()[name][-1]
        assert final["cache_hit"] is True
        assert final["cache_s3_uri"] == one.tasks()[name][-1]["cache_s3_uri"]
    assert not [e for e in two.events if e["event"] == "acquire"]
    for before, after in zip(first["outputs"]["wf.all"], second["outputs"]["wf.all"], strict=True):
        assert bench.read(before) == bench.read(after)
    assert any(line.startswith("CACHE_HIT") for line in two.lines("cache"))


def test_an_entry_has_the_services_manifest(bench: Bench) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    engine = bench.start(wdl(), {"reads": reads}, cache=cache())
    engine.end()
    uri = engine.tasks()["first"][-1]["cache_s3_uri"]
    assert uri.startswith(f"s3://data/cache/abc/{engine.run_dir.name}/")
    manifest = json.loads(bench.read(f"{uri}/{uri.rsplit('/', 1)[1]}.json"))
    assert {"arn", "s3uri", "taskArn", "workDir", "files", "otherOutputs", "version"} <= set(
        manifest
    )
    paths = {file["path"]: file["name"] for file in manifest["files"]}
    assert paths == {"out/table/table.txt": "table.txt", "out/g/0/g": "g"}
    assert manifest["otherOutputs"] == {"rc": 0}
    assert bench.read(f"{uri}/out/table/table.txt") == "a\nb\n"


@pytest.mark.parametrize("change", ["content", "cpus"])
def test_other_inputs_or_resources_miss_but_equal_results_hit(bench: Bench, change: str) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    bench.start(wdl(), {"reads": reads}, cache=cache()).end()
    bench.put("in/reads.txt", "a\nb\n" if change == "content" else "b\na\n")
    engine = bench.start(wdl(2 if change == "cpus" else 1), {"reads": reads}, cache=cache())
    engine.end()
    assert "RUNNING" in engine.states("first")
    # `first` made the same table again: what depends on it has nothing new to do
    assert engine.tasks()["second"][-1].get("cache_hit") is True


def test_on_failure_writes_only_failed_runs_and_reports_where(bench: Bench) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    on_failure = cache("CACHE_ON_FAILURE")
    bench.start(wdl(), {"reads": reads}, cache=on_failure).end()
    assert not bench.keys("cache/")

    failed = bench.start(wdl(), {"reads": reads, "broken": True}, cache=on_failure)
    assert failed.end()["status"] == "FAILED"
    saved = failed.tasks()["first"][-1]
    assert saved["status"] == "COMPLETED"
    assert bench.read(f"{saved['cache_s3_uri']}/out/table/table.txt") == "a\nb\n"

    again = bench.start(wdl(), {"reads": reads}, cache=on_failure)
    assert again.end()["status"] == "COMPLETED"
    assert again.tasks()["first"][-1]["cache_hit"] is True
    assert "RUNNING" in again.states("second")


def test_a_damaged_entry_is_a_miss(bench: Bench) -> None:
    reads = bench.put("in/reads.txt", "b\na\n")
    one = bench.start(wdl(), {"reads": reads}, cache=cache())
    one.end()
    uri = one.tasks()["first"][-1]["cache_s3_uri"].removeprefix("s3://data/")
    bench.s3.delete_object(Bucket="data", Key=f"{uri}/out/table/table.txt")
    two = bench.start(wdl(), {"reads": reads}, cache=cache())
    assert two.end()["status"] == "COMPLETED"
    assert "RUNNING" in two.states("first")


def test_volatile_tasks_are_never_cached(bench: Bench) -> None:
    text = wdl().replace("task first {", "task first {\n  meta { volatile: true }")
    reads = bench.put("in/reads.txt", "b\na\n")
    for _ in range(2):
        engine = bench.start(text, {"reads": reads}, cache=cache())
        engine.end()
        assert "RUNNING" in engine.states("first")
        assert "cache_s3_uri" not in engine.tasks()["first"][-1]


NO_CONTAINER = """
version 1.1
workflow wf { call t  output { File f = t.f } }
task t { command <<< echo 1 > f >>> output { File f = "f" } }
"""


def test_a_task_without_a_container_is_not_cached(bench: Bench) -> None:
    """User guide: a task is cached that has a container and an output."""
    engine = bench.start(NO_CONTAINER, cache=cache("CACHE_ALWAYS"))
    assert engine.end()["status"] == "COMPLETED"
    assert not bench.keys("cache/")


SLOW = """
version 1.1
workflow wf { call quick  call slow { input: after = quick.f } }
task quick { command <<< echo 1 > f >>> output { File f = "f" } runtime { docker: "image:1" } }
task slow { input { File after } command <<< echo started; sleep 300 >>>
  output { Int n = 1 } runtime { docker: "image:1" } }
"""


@pytest.mark.parametrize("message", [{}, {"timed_out": True}])
def test_a_run_that_was_cancelled_or_timed_out_keeps_no_results(
    bench: Bench, message: dict[str, bool]
) -> None:
    engine = bench.start(SLOW, cache=cache("CACHE_ON_FAILURE"))
    engine.until(lambda e: e["event"] == "log" and "started" in str(e))
    engine.send(cancel=True, **message)
    assert engine.end()["status"] == "CANCELLED"
    assert not bench.keys("cache/")
