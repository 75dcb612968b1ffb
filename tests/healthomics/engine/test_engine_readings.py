"""What an engine does under other readings than the default."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from local_healthomics.engine import isolation
from local_healthomics.engine.containers import PodmanTask, options
from local_healthomics.engine.environment import read_environment
from local_healthomics.engine.request import CacheRequest
from local_healthomics.readings import readings

if TYPE_CHECKING:
    from conftest import Bench

ONE = """
version 1.1
workflow wf { call t  output { File o = t.o  String home = t.home } }
task t {
  command <<< echo "${HOME-none} ${USER-none}" > o.txt >>>
  output { File o = "o.txt"  String home = read_string("o.txt") }
  runtime { docker: "x:1" }
}
"""
THEN_WAIT = """
version 1.1
workflow wf { call t  call wait { input: o = t.o }  output { File o = t.o } }
task t {
  command <<< echo x > o.txt >>>
  output { File o = "o.txt" }
  runtime { docker: "x:1" }
}
task wait { input { File o } command <<< sleep 300 >>> runtime { docker: "x:1" } }
"""


def cache() -> CacheRequest:
    return CacheRequest(id="7", s3_uri="s3://data/cache/u/", behavior="CACHE_ALWAYS")


@pytest.mark.parametrize(("value", "home"), [("unset", "none none"), ("root", "/root root")])
def test_home_and_user_are_as_read(bench: Bench, value: str, home: str) -> None:
    assert bench.start(ONE, task_home=value).end()["outputs"]["wf.home"] == home


@pytest.mark.parametrize(("value", "whole"), [("image", True), ("system", False)])
def test_the_path_is_as_read_and_nothing_else_is_this_machines(
    bench: Bench, value: str, whole: bool
) -> None:
    wdl = ONE.replace("${HOME-none} ${USER-none}", "$PATH ${LANG-none} ${TMPDIR-none}")
    path, *others = (
        bench.start(wdl, task_path=value, isolated=True).end()["outputs"]["wf.home"].split(" ")
    )
    assert (path == os.environ["PATH"]) == whole
    assert others[0] == "none"
    if isolation.tool() is not None:
        assert others[1] == "none"


@pytest.mark.parametrize(("value", "exported"), [("timeouts", False), ("all", True)])
def test_outputs_of_completed_tasks_are_exported_as_read(
    bench: Bench, value: str, exported: bool
) -> None:
    failing = THEN_WAIT.replace("sleep 300", "exit 3")
    engine = bench.start(failing, export_after_failure=value)
    assert engine.end()["status"] == "FAILED"
    assert bool(bench.keys(f"results/{engine.run_dir.name}/out/")) == exported


@pytest.mark.parametrize(
    ("where", "form"),
    [("logs/output.json", "map"), ("logs/outputs.json", "list"), ("absent", "map")],
)
def test_the_summary_of_outputs_is_where_and_as_it_is_read(
    bench: Bench, where: str, form: str
) -> None:
    engine = bench.start(ONE, outputs_summary=where, outputs_form=form)
    outputs = engine.end()["outputs"]
    folder = f"results/{engine.run_dir.name}"
    there = [key.removeprefix(f"{folder}/") for key in bench.keys(folder)]
    assert [key for key in there if "json" in key] == ([] if where == "absent" else [where])
    if where == "absent":
        return
    found: Any = json.loads(bench.read(f"s3://data/{folder}/{where}"))
    pairs = [{name: value} for name, value in outputs.items()]
    assert found == (pairs if form == "list" else outputs)


def test_home_and_user_of_a_container_are_as_read() -> None:
    unset, root = readings([]), readings([("task-home", "root")])
    assert options(unset)["task_runtime"] == {
        "command_shell": "/usr/bin/env -u HOME -u USER /bin/bash"
    }
    assert read_environment(unset) == {}
    assert options(root)["task_runtime"] == {"command_shell": "/bin/bash"}
    assert read_environment(root) == {"HOME": "/root", "USER": "root"}


@pytest.mark.parametrize(
    ("value", "uid", "options"),
    [
        ("1000", 0, ["--user", "1000:1000"]),
        ("1000", 1234, ["--userns", "keep-id", "--user", "1234:1234"]),
        ("image", 0, []),
    ],
)
def test_a_container_runs_as_the_user_that_it_is_read_to_run_as(
    monkeypatch: pytest.MonkeyPatch, value: str, uid: int, options: list[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "getegid", lambda: uid)
    task: Any = object.__new__(PodmanTask)
    request = SimpleNamespace(readings=readings([("task-user", value)]))
    monkeypatch.setattr(PodmanTask, "session", SimpleNamespace(request=request), raising=False)
    assert task._as_user() == options


def test_an_entry_may_be_written_when_its_task_ends(bench: Bench) -> None:
    engine = bench.start(THEN_WAIT, cache=cache(), cache_entries="task-end")
    engine.until(lambda e: e["event"] == "task" and e["name"] == "t" and "cache_s3_uri" in e)
    assert bench.keys(f"cache/u/{engine.run_dir.name}/")
    engine.send(cancel=True)
    engine.end()


@pytest.mark.parametrize(
    ("timed_out", "reading", "value", "kept"),
    [
        (False, "cache_after_cancel", "completed", True),
        (False, "cache_after_cancel", "nothing", False),
        (True, "cache_after_timeout", "completed", True),
        (True, "cache_after_timeout", "nothing", False),
    ],
)
def test_what_is_cached_after_an_end_from_outside_is_as_read(
    bench: Bench, timed_out: bool, reading: str, value: str, kept: bool
) -> None:
    engine = bench.start(THEN_WAIT, cache=cache(), **{reading: value})
    engine.until(lambda e: e.get("name") == "wait" and e.get("status") == "RUNNING")
    engine.send(cancel=True, timed_out=timed_out)
    engine.end()
    assert bool(bench.keys("cache/u/")) == kept
