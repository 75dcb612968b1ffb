"""What people published of the real service, held against the answers here.

Each test names its source; what follows from documents alone is in the other modules.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from .conftest import Clients, zipped

RUNS = """version 1.1
workflow w {
    input { Boolean fail = false  Boolean link = false }
    call make as upstream { input: text = "a" }
    call make as Second { input: text = "b" }
    scatter (i in [0, 1]) { call make as many { input: text = "~{i}" } }
    if (fail) {
        call broken { input: file = upstream.out }
        call slow { input: file = upstream.out }
    }
    if (link) { call links { input: file = upstream.out } }
    output { File out = Second.out }
}
task make {
    input { String text }
    command <<< echo "~{text}" > out.txt >>>
    output { File out = "out.txt" }
    runtime { container: "x/y:1" }
}
task broken {
    input { File file }
    command <<< echo "about to fail"; sleep 1; exit 3 >>>
    output { File out = "out.txt" }
    runtime { container: "x/y:1" }
}
task slow {
    input { File file }
    command <<< echo "goes on"; sleep 60 >>>
    output { Int n = 1 }
    runtime { container: "x/y:1" }
}
task links {
    input { File file }
    command <<< ln -s ~{file} out.txt >>>
    output { File out = "out.txt" }
    runtime { container: "x/y:1" }
}
"""
EVENT_MEMBERS = ["runStatus", "logMessage", "message"]


@pytest.fixture(scope="module")
def workflow(real: Clients) -> str:
    return real.active_workflow(definitionZip=zipped(main=RUNS))


@pytest.fixture(scope="module")
def cache(real: Clients) -> str:
    made = real.omics.create_run_cache(
        cacheS3Location="s3://omics-local/cache", cacheBehavior="CACHE_ALWAYS"
    )
    return str(made["id"])


def ended(real: Clients, workflow: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    started = real.omics.start_run(
        workflowId=workflow,
        roleArn=real.service.role_arn,
        parameters=parameters,
        outputUri=real.service.default_output_uri,
        **more,
    )
    return real.until(started["id"], "COMPLETED", "FAILED")


@pytest.fixture(scope="module")
def good(real: Clients, workflow: str, cache: str) -> dict[str, Any]:
    return ended(real, workflow, {}, cacheId=cache)


@pytest.fixture(scope="module")
def failed(real: Clients, workflow: str) -> dict[str, Any]:
    return ended(real, workflow, {"fail": True})


def tasks(real: Clients, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["name"]: task for task in real.omics.list_run_tasks(id=run["id"])["items"]}


def events(real: Clients, run: dict[str, Any]) -> list[dict[str, str]]:
    lines = real.lines(f"run/{run['id']}")
    found = [json.loads(line) for line in lines]
    assert [json.dumps(event, separators=(",", ":")) for event in found] == lines
    assert all(list(event) == EVENT_MEMBERS for event in found)
    return found


def test_a_run_that_a_task_failed_says_which(real: Clients, failed: dict[str, Any]) -> None:
    """NGS360's event processor (2026) and a screenshot of 2023: reason and sentence."""
    id = tasks(real, failed)["broken"]["taskId"]
    assert failed["failureReason"] == "RUN_TASK_FAILED"
    assert failed["statusMessage"] == (
        f"Run failed due to task: broken, id: {id}, failure. Use the GetRunTask API for more"
        " information as well as the CloudWatch logs log stream:"
        " arn:aws:logs:us-east-1:123456789012:log-group:/aws/omics/WorkflowLog"
        f":log-stream:run/{failed['id']}/task/{id} to debug the failure."
    )


def test_a_failed_task_says_so_of_itself(real: Clients, failed: dict[str, Any]) -> None:
    """A run viewer's fixture."""
    id = tasks(real, failed)["broken"]["taskId"]
    task = real.omics.get_run_task(id=failed["id"], taskId=id)
    assert task["failureReason"] == "RUN_TASK_FAILED"
    assert task["statusMessage"] == f"Run failed due to task: broken, id: {id}, failure."


def test_a_parameter_that_the_workflow_lacks_fails_the_run_and_not_its_start(
    real: Clients, workflow: str
) -> None:
    """An analysis of seven failed runs (2025): `check JSON input` in the engine's log."""
    run = ended(real, workflow, {"w.absent": 1})
    assert run["failureReason"] == "WORKFLOW_RUN_FAILED"
    assert run["statusMessage"].startswith(
        "Workflow run failed. Review the CloudWatch Logs engine log stream:"
    )
    lines = real.lines(f"run/{run['id']}/engine")
    assert any("check JSON input; unknown input/output: w.absent" in line for line in lines)


def test_a_parameter_may_have_the_workflows_name_before_it(real: Clients) -> None:
    """Ultima's and others' parameters have; the service takes them."""
    text = "version 1.0\nworkflow w { input { Int n } output { Int o = n } }"
    workflow = real.active_workflow(definitionZip=zipped(main=text))
    assert ended(real, workflow, {"w.n": 1})["status"] == "COMPLETED"


def test_a_cache_is_where_its_uuid_is(real: Clients, cache: str) -> None:
    """AWS CLI's examples of GetRunCache (2025), and a heavy user's code that appends to it."""
    uri = real.omics.get_run_cache(id=cache)["cacheS3Uri"]
    assert re.fullmatch(r"s3://omics-local/cache/[0-9a-f-]{36}/", uri)
    assert [row["cacheS3Uri"] for row in real.omics.list_run_caches()["items"]] == [uri]


def test_a_task_is_named_after_its_call(real: Clients, good: dict[str, Any]) -> None:
    """A published manifest: aliases, and miniwdl's tags of a scatter."""
    names = sorted(tasks(real, good))
    assert names[:1] == ["Second"]
    assert names[-1:] == ["upstream"]
    assert [re.sub("-.*", "", name) for name in names[1:3]] == ["many", "many"]
    assert all(re.fullmatch(r"many-[01].*", name) for name in names[1:3])


def test_a_runs_stream_tells_its_life_in_one_line_objects(
    real: Clients, failed: dict[str, Any]
) -> None:
    """All 17 events of a run that failed in 2023."""
    found = events(real, failed)
    task = tasks(real, failed)["broken"]
    assert [event["logMessage"] for event in found[:4]] == [
        "CREATING_RUN",
        "STARTING_RUN",
        "SET_WORKFLOW_TIMEOUT",
        "RUNNING_WORKFLOW",
    ]
    assert [event["logMessage"] for event in found[-4:]] == [
        "STOPPING_RUN",
        "MAX_FILE_SYSTEM_USAGE",
        "ENGINE_LOG_GENERATED",
        "RUN_FAILED",
    ]
    said = {event["logMessage"]: event for event in found if "broken" in event["message"]}
    named = f"name: broken and taskId: {task['taskId']}"
    assert said["STARTING_TASK"]["message"] == f"Starting workflow run task with {named}"
    assert said["RUNNING_TASK"]["message"] == f"Running workflow run task: {named}"
    assert said["TASK_FAILED"]["message"] == f"Workflow run task: {named} failed."
    assert [found[i]["runStatus"] for i in (0, 1, 3, -4, -1)] == [
        "PENDING",
        "STARTING",
        "RUNNING",
        "STOPPING",
        "FAILED",
    ]


def test_a_runs_stream_tells_of_each_input(real: Clients) -> None:
    real.s3.put_object(Bucket="omics-local", Key="in/x.txt", Body=b"x")
    text = "version 1.0\nworkflow w { input { File f } output { File o = f } }"
    workflow = real.active_workflow(definitionZip=zipped(main=text))
    run = ended(real, workflow, {"f": "s3://omics-local/in/x.txt"})
    uri = "s3://omics-local/in/x.txt"
    assert [event["message"] for event in events(real, run) if uri in event["message"]] == [
        f"Importing your workflow run input: {uri}",
        f"Completed import of workflow run input: {uri}",
    ]


def test_ids_are_seven_digits_and_in_no_order(fake: Clients) -> None:
    """Forty runs of one script, and every other kind that was published."""
    ids = [fake.omics.create_run_group(name="g")["id"] for _ in range(30)]
    assert all(re.fullmatch(r"[1-9]\d{6}", id) for id in ids)
    rises = sum(int(one) < int(next) for one, next in pairwise(ids))
    assert 0 < rises < len(ids) - 1


def test_a_cached_task_has_no_times_in_the_manifest(
    real: Clients, workflow: str, cache: str, good: dict[str, Any]
) -> None:
    """AWS's own run analyzer had to learn it (2024)."""
    again = ended(real, workflow, {}, cacheId=cache)
    assert all(task["cacheHit"] for task in tasks(real, again).values())
    _, *lines = map(json.loads, real.lines(f"manifest/run/{again['id']}/{again['uuid']}"))
    for line in lines:
        assert not {"creationTime", "startTime", "stopTime", "metrics"} & set(line)


def test_a_run_in_starting_has_not_started(real: Clients, workflow: str) -> None:
    """AWS CLI's examples of GetRun and ListRuns."""
    run = real.omics.start_run(
        workflowId=workflow,
        roleArn=real.service.role_arn,
        parameters={},
        outputUri=real.service.default_output_uri,
        priority=5,
    )["id"]
    read = real.omics.get_run(id=run)
    assert read["status"] in ("PENDING", "STARTING")
    assert "startTime" not in read
    [row] = [row for row in real.omics.list_runs()["items"] if row["id"] == run]
    if row["status"] in ("PENDING", "STARTING"):
        assert not {"startTime", "priority", "storageCapacity"} & set(row)
    real.until(run, "COMPLETED")


def test_a_task_that_is_stopped_with_its_run_leaves_no_stream(
    real: Clients, failed: dict[str, Any]
) -> None:
    """Notes on forty failed runs (2026)."""
    slow = tasks(real, failed)["slow"]
    assert slow["status"] in ("FAILED", "CANCELLED")  # that of one that waits
    assert "logStream" not in real.omics.get_run_task(id=failed["id"], taskId=slow["taskId"])
    found = real.logs.describe_log_streams(
        logGroupName="/aws/omics/WorkflowLog", logStreamNamePrefix=f"run/{failed['id']}/task/"
    )["logStreams"]
    assert not [one for one in found if one["logStreamName"].endswith(slow["taskId"])]


def test_an_output_that_is_a_link_to_an_input_fails(real: Clients, workflow: str) -> None:
    """A published run: `attempted to use a path outside its working directory`."""
    run = ended(real, workflow, {"link": True})
    assert (run["status"], run["failureReason"]) == ("FAILED", "RUN_TASK_FAILED")
    lines = real.lines(f"run/{run['id']}/engine")
    said = "task outputs attempted to use a path outside its working directory: out.txt"
    assert any(said in line for line in lines)
