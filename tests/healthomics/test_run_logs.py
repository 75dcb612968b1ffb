"""The log streams of runs: what is in them, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from waiting import until

from .conftest import TEMPLATE, Clients, connect, zipped

WORK = """version 1.0
workflow w {
    call busy
    call silent
    output { File o = busy.o }
}
task busy {
    command <<<
        echo "to stdout"; echo "to stderr" >&2
        head -c 3000000 /dev/zero > out.txt
        i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
    >>>
    output { File o = "out.txt" }
    runtime { container: "x/y:1" cpu: 1.5 memory: "3 GB" }
}
task silent {
    command <<< true >>>
    output { Int n = 1 }
}
"""

RUN_MEMBERS = {
    "arn",
    "creationTime",
    "startTime",
    "stopTime",
    "resourceDigests",
    "digest",
    "engine",
    "main",
    "name",
    "outputUri",
    "parameters",
    "roleArn",
    "startedBy",
    "status",
    "storageCapacity",
    "storageType",
    "uuid",
    "workflow",
    "workflowType",
    "metrics",
}
RUN_METRICS = {
    "storageReservedGiB",
    "storageMaximumGiB",
    "storageAverageGiB",
    "runningSeconds",
}
TASK_MEMBERS = {
    "arn",
    "run",
    "name",
    "cpus",
    "memory",
    "gpus",
    "image",
    "instanceType",
    "creationTime",
    "startTime",
    "stopTime",
    "status",
    "uuid",
    "metrics",
}
TASK_METRICS = {
    "cpusReserved",
    "cpusAverage",
    "cpusMaximum",
    "memoryReservedGiB",
    "memoryAverageGiB",
    "memoryMaximumGiB",
    "gpusReserved",
    "runningSeconds",
}


RUN_EVENTS = [
    "CREATING_RUN",
    "STARTING_RUN",
    "SET_WORKFLOW_TIMEOUT",
    "RUNNING_WORKFLOW",
    "RUNNING_TASK",
    "TASK_FAILED",
    "STOPPING_RUN",
    "ENGINE_LOG_GENERATED",
    "RUN_FAILED",
]


@pytest.fixture(scope="module")
def run(real: Clients) -> dict[str, Any]:
    """A run of two tasks that has ended."""
    workflow = real.active_workflow(definitionZip=zipped(main=WORK))
    started = real.omics.start_run(
        workflowId=workflow,
        roleArn=real.service.role_arn,
        name="logged",
        parameters={},
        outputUri=real.service.default_output_uri,
        storageType="DYNAMIC",
    )
    return real.until(started["id"], "COMPLETED", "FAILED")


def tasks(clients: Clients, run: str) -> dict[str, dict[str, Any]]:
    return {task["name"]: task for task in clients.omics.list_run_tasks(id=run)["items"]}


def test_a_run_has_a_stream_of_its_own_and_one_of_its_engine(
    real: Clients, run: dict[str, Any]
) -> None:
    streams = {name: arn.partition(":log-stream:")[2] for name, arn in run["logLocation"].items()}
    assert streams == {
        "engineLogStream": f"run/{run['id']}/engine",
        "runLogStream": f"run/{run['id']}",
    }
    assert json.loads(real.lines(streams["runLogStream"])[-1])["logMessage"] == "RUN_COMPLETED"
    assert any("workflow start" in line for line in real.lines(streams["engineLogStream"]))


def test_a_task_has_a_stream_if_it_prints(real: Clients, run: dict[str, Any]) -> None:
    ids = {name: task["taskId"] for name, task in tasks(real, run["id"]).items()}
    assert set(real.lines(f"run/{run['id']}/task/{ids['busy']}")) == {"to stdout", "to stderr"}
    found = real.logs.describe_log_streams(
        logGroupName="/aws/omics/WorkflowLog", logStreamNamePrefix=f"run/{run['id']}/task/"
    )
    assert len(found["logStreams"]) == 1


def test_the_manifest_tells_of_the_run_and_of_each_task(real: Clients, run: dict[str, Any]) -> None:
    head, *others = map(json.loads, real.lines(f"manifest/run/{run['id']}/{run['uuid']}"))
    assert set(head) >= RUN_MEMBERS
    assert set(head["metrics"]) == RUN_METRICS
    assert (head["name"], head["engine"], head["status"]) == ("logged", "WDL", "COMPLETED")
    assert head["workflow"].endswith(f":workflow/{run['workflowId']}")
    assert head["metrics"]["storageReservedGiB"] == 0  # of dynamic storage nothing is reserved
    assert head["metrics"]["storageMaximumGiB"] > 3_000_000 / 1024**3
    assert run["storageCapacity"] == head["storageCapacity"] == 1  # the most that was used
    by_name = {task["name"]: task for task in others}
    busy = by_name["busy"]
    assert set(busy) >= TASK_MEMBERS
    assert set(busy["metrics"]) >= TASK_METRICS
    assert busy["run"] == head["arn"] == run["arn"]
    assert busy["arn"].endswith(f":task/{tasks(real, run['id'])['busy']['taskId']}")
    assert (busy["cpus"], busy["memory"], busy["instanceType"]) == (2, 3, "omics.c.large")


def test_the_manifest_has_what_was_used_as_measured(real: Clients, run: dict[str, Any]) -> None:
    lines = map(json.loads, real.lines(f"manifest/run/{run['id']}/{run['uuid']}"))
    [busy] = [line["metrics"] for line in lines if line.get("name") == "busy"]
    assert (busy["cpusReserved"], busy["memoryReservedGiB"], busy["gpusReserved"]) == (2, 4, 0)
    assert 0 < busy["cpusAverage"] <= busy["cpusMaximum"]
    assert 0 < busy["memoryAverageGiB"] <= busy["memoryMaximumGiB"] < 3
    assert busy["runningSeconds"] > 0


def test_a_tasks_stream_lives_while_the_task_runs(fake: Clients, workflow: str) -> None:
    run = fake.start(workflow, "wait")
    fake.until(run, "RUNNING")
    [task] = until(lambda: fake.omics.list_run_tasks(id=run, status="RUNNING")["items"])
    stream = f"run/{run}/task/{task['taskId']}"
    assert fake.first_line(stream) == "said by one"
    assert fake.omics.get_run(id=run)["status"] == "RUNNING"
    fake.omics.cancel_run(id=run)
    fake.until(run, "CANCELLED")


@pytest.fixture(scope="module")
def streams(fake: Clients, workflow: str) -> Callable[[str, str], dict[str, list[str]]]:
    """What a run leaves in each of its streams, by how it ends and its log level."""

    def found(how: str, level: str) -> dict[str, list[str]]:
        run = fake.start(workflow, how, logLevel=level)
        ended = fake.until(run, "COMPLETED", "FAILED")
        [task] = fake.omics.list_run_tasks(id=run)["items"]
        return {
            "run": [json.loads(line)["logMessage"] for line in fake.lines(f"run/{run}")],
            "engine": [line for line in fake.lines(f"run/{run}/engine") if "pid" not in line],
            "task": fake.lines(f"run/{run}/task/{task['taskId']}"),
            "manifest": fake.lines(f"manifest/run/{run}/{ended['uuid']}"),
        }

    return found


@pytest.mark.parametrize(
    ("level", "run", "engine", "task"),
    [
        ("ALL", RUN_EVENTS, ["note", "bad", "fatal"], ["said by one"]),
        ("ERROR", ["TASK_FAILED", "RUN_FAILED"], ["bad", "fatal"], ["said by one"]),
        ("FATAL", ["RUN_FAILED"], ["fatal"], []),
        ("OFF", [], [], []),
    ],
)
def test_a_log_level_lets_through_what_is_as_bad(
    streams: Callable[[str, str], dict[str, list[str]]],
    level: str,
    run: list[str],
    engine: list[str],
    task: list[str],
) -> None:
    found = streams("fail", level)
    assert (found["run"], found["engine"], found["task"]) == (run, engine, task)
    assert bool(found["manifest"]) == (level != "OFF")


def test_at_error_a_task_that_goes_well_leaves_nothing(
    streams: Callable[[str, str], dict[str, list[str]]],
) -> None:
    assert streams("ok", "ERROR")["task"] == []


def test_the_logs_of_a_run_are_in_the_account_that_started_it(fake: Clients) -> None:
    other = connect(fake.service, "222222222222")
    workflow = other.active_workflow(parameterTemplate=TEMPLATE)
    run = other.start(workflow, "fail")
    done = other.until(run, "FAILED")
    assert ":222222222222:" in done["arn"]
    assert ":222222222222:log-group:" in done["logLocation"]["runLogStream"]
    assert len(other.lines(f"run/{run}")) == len(RUN_EVENTS)
    assert fake.lines(f"run/{run}") == []
    [head, _] = map(json.loads, other.lines(f"manifest/run/{run}/{done['uuid']}"))
    assert ":222222222222:" in head["workflow"]
