"""The readings that the account test would record, each both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from observing import (
    LONG_LINE,
    Seen,
    of_cancel,
    of_completion,
    of_failure,
    of_hits,
    of_log,
    of_probe,
    parts_of,
)

from local_healthomics.readings import parsed

SEEN = Seen(run={}, tasks=(), output={}, summary=None, cache=(), logs={})
PROBED = """[env]
A=1
[id]
uid=0(root) gid=0(root)
[path]
/opt/conda/bin:/usr/bin
[home]
unset unset
[memory]
2040109465
[hard-link]
refused
"""
GIB = 1024**3


def _task(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "taskId": name, **more}


def _checked(found: dict[str, str]) -> dict[str, str]:
    """Every one is a reading that a server can be started with."""
    for name, value in found.items():
        parsed(f"{name}={value}")
    return found


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
@pytest.mark.parametrize(("output", "exports"), [("out/a", "all"), ("logs/x", "timeouts")])
def test_a_failed_run_tells_what_became_of_its_others(
    status: str, output: str, exports: str
) -> None:
    seen = replace(SEEN, tasks=[_task("beside_1f", status=status)], output={output: 1})
    assert _checked(of_failure(seen)) == {
        "stopped-tasks": status,
        "export-after-failure": exports,
    }


@pytest.mark.parametrize(
    ("output", "summary", "found"),
    [
        ("logs/outputs.json", {"a": "s3://x"}, ("logs/outputs.json", "map")),
        ("logs/output.json", [{"a": "s3://x"}], ("logs/output.json", "list")),
        ("out/a", None, ("absent", None)),
    ],
)
def test_a_completed_run_tells_where_its_summary_is(
    output: str, summary: Any, found: tuple[str, str | None]
) -> None:
    told = _checked(of_completion(replace(SEEN, output={output: 1}, summary=summary)))
    assert (told["outputs-summary"], told.get("outputs-form")) == found


@pytest.mark.parametrize(
    ("times", "order"),
    [
        ([1, 2, 3, 4], "oldest-first"),
        ([4, 3, 2, 1], "newest-first"),
        ([4, 1, 3, 2], "any"),
        ([1, 1.2, 1.1, 4], "oldest-first"),
        ([1, 1.5, 1.2], None),
        ([], None),
    ],
)
def test_the_order_of_tasks_is_told_where_they_are_apart(
    times: list[float], order: str | None
) -> None:
    tasks = [_task(str(number), creationTime=time) for number, time in enumerate(times)]
    assert _checked(of_completion(replace(SEEN, tasks=tasks))).get("task-order") == order


def test_times_are_medians() -> None:
    tasks = [_task("a", creationTime=10.0, startTime=30.0), _task("b", creationTime=15.0)]
    run = {"creationTime": 3.0, "startTime": 9.0}
    told = _checked(of_completion(replace(SEEN, run=run, tasks=tasks)))
    assert (told["task-pace"], told["task-start-seconds"], told["start-seconds"]) == (
        *("5.0", "20.0", "6.0"),
    )


@pytest.mark.parametrize(("task", "told"), [({"cacheS3Uri": "s3://c"}, "always"), ({}, "hits")])
def test_a_task_that_was_no_hit_may_name_its_entry(task: dict[str, str], told: str) -> None:
    seen = replace(SEEN, tasks=[_task("a", **task)])
    assert _checked(of_completion(seen))["task-cache-uri"] == told


def test_hits_may_have_times() -> None:
    hit = _task("a", cacheHit=True)
    assert of_hits(replace(SEEN, tasks=[hit])) == {"cached-task-times": "none"}
    timed = {**hit, "creationTime": 1.0}
    assert _checked(of_hits(replace(SEEN, tasks=[timed]))) == {"cached-task-times": "all"}
    assert of_hits(replace(SEEN, tasks=[_task("a")])) == {}


def test_a_cancelled_run_may_leave_entries() -> None:
    assert _checked(of_cancel(SEEN)) == {"cache-after-cancel": "nothing"}
    assert _checked(of_cancel(replace(SEEN, cache=["x"]))) == {"cache-after-cancel": "completed"}


def test_a_probe_tells_of_its_task() -> None:
    assert _checked(of_probe(PROBED, 2 * GIB)) == {
        "input-files": "other-mount",
        "task-home": "unset",
        "task-path": "image",
        "task-user": "image",
        "task-memory": "95",
    }
    other = PROBED.replace("uid=0", "uid=1000").replace("unset unset", "/root root")
    other = other.replace("refused", "made").replace("2040109465", str(2 * GIB))
    other = other.replace(
        "/opt/conda/bin:/usr/bin", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
    assert _checked(of_probe(other, 2 * GIB)) == {
        "input-files": "same-mount",
        "task-home": "root",
        "task-path": "system",
        "task-user": "1000",
        "task-memory": "100",
    }
    unlimited = PROBED.replace("2040109465", "max").replace("unset unset", "/home/me me")
    assert not {"task-memory", "task-home"} & of_probe(unlimited, 2 * GIB).keys()
    assert parts_of(PROBED)["env"] == "A=1\n"


def test_a_log_tells_of_blank_and_long_lines() -> None:
    half = "x" * (LONG_LINE // 2)
    assert _checked(of_log(["before", "after", half, half])) == {
        "blank-lines": "dropped",
        "long-lines": "split",
    }
    assert _checked(of_log(["before", " ", "after", half])) == {
        "blank-lines": "kept",
        "long-lines": "cut",
    }
    assert of_log(["something else"]) == {}
