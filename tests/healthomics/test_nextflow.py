"""Nextflow workflows, with a `nextflow` that behaves as the real one's manual says."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import until

import local_healthomics as local

from .conftest import Clients, connect, settled

pytestmark = pytest.mark.service

# Options, trace file and exit status of `nextflow run`; the pipeline is the parameter `how`.
FAKE = """#!/usr/bin/env python3
import json, os, re, signal, sys, time
options = dict(zip(sys.argv[1:], sys.argv[2:]))
assert sys.argv[3] == "run" and os.path.isfile(options["run"])
assert options["-ansi-log"] == "false" and options["-log"]
config = open(options["-c"]).read()
assert "aws.client.endpoint = 'http://127.0.0.1:" in config and "trace.raw = true" in config
fields = re.search("trace.fields = '(.*)'", config).group(1).split(",")
params = json.load(open(options["-params-file"]))
print("N E X T F L O W", flush=True)
trace = open(options["-with-trace"], "w")
def row(values):
    trace.write("\\t".join(values) + "\\n")
    trace.flush()
def task(name, status, code, said):
    work = os.path.join(options["-work-dir"], "ab", name)
    os.makedirs(work)
    open(work + "/.command.log", "w").write(said)
    known = dict(name=name, status=status, exit=str(code), cpus="2", memory=str(3 * 1024**3),
                 container="quay.io/a/b:1", workdir=work, realtime="1500", peak_rss="1073741824")
    row([known.get(field, "-") for field in fields])
row(fields)
how = params["how"]
if how == "retry":
    task("ALIGN (1)", "FAILED", 1, "once\\n")
task("ALIGN (1)" if how != "retry" else "ALIGN (2)", "COMPLETED", 0, "aligned\\n")
if how == "fail":
    task("SORT", "FAILED", 7, "no\\n")
    print("ERROR ~ Error executing process > 'SORT'")
    sys.exit(1)
if how == "wait":
    open(params["sign"], "w").close()
    time.sleep(600)
if how == "broken":
    print("No such variable: x")
    sys.exit(1)
os.makedirs(params["outdir"])
open(os.path.join(params["outdir"], "result.txt"), "w").write("done")
"""
TEMPLATE = {"how": {"optional": False}, "outdir": {"optional": True}, "sign": {"optional": True}}


def zipped(**more: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in {"main_nf": "workflow {}", **more}.items():
            archive.writestr(name.replace("_nf", ".nf").replace("_json", ".json"), text)
    return out.getvalue()


@pytest.fixture(scope="module")
def nextflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """A server with its real engine, and nextflow on its PATH."""
    folder = tmp_path_factory.mktemp("nextflow")
    (folder / "nextflow").write_text(FAKE)
    (folder / "nextflow").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        service = local.start(folder / "state")
    yield connect(service)
    service.stop()


@pytest.fixture(scope="module")
def pipeline(nextflow: Clients) -> str:
    return nextflow.active_workflow(definitionZip=zipped(), parameterTemplate=TEMPLATE)


def run(clients: Clients, pipeline: str, how: str) -> dict[str, Any]:
    parameters = {"how": how, "outdir": "/mnt/workflow/pubdir/x"}
    started = clients.start_with(pipeline, parameters)
    return clients.until(started, "COMPLETED", "FAILED", "CANCELLED")


def tasks(clients: Clients, run: dict[str, Any]) -> list[dict[str, Any]]:
    items = clients.omics.list_run_tasks(id=run["id"])["items"]
    return [clients.omics.get_run_task(id=run["id"], taskId=item["taskId"]) for item in items]


def test_a_schema_file_is_the_parameter_template(nextflow: Clients) -> None:
    schema = {"$defs": {"in": {"required": ["reads"], "properties": {"reads": {}, "mode": {}}}}}
    id = nextflow.active_workflow(definitionZip=zipped(nextflow_schema_json=json.dumps(schema)))
    read = nextflow.omics.get_workflow(id=id)
    assert (read["engine"], read["main"]) == ("NEXTFLOW", "main.nf")
    assert read["parameterTemplate"] == {"reads": {"optional": False}, "mode": {"optional": True}}


def test_a_pipeline_runs_and_its_published_files_are_exported(
    nextflow: Clients, pipeline: str
) -> None:
    done = run(nextflow, pipeline, "ok")
    assert done["status"] == "COMPLETED", done.get("statusMessage")
    (task,) = tasks(nextflow, done)
    assert (task["name"], task["status"]) == ("ALIGN (1)", "COMPLETED")
    assert (task["cpus"], task["memory"]) == (2, 3)
    assert task["imageDetails"]["image"] == "quay.io/a/b:1"
    stream = task["logStream"].partition("log-stream:")[2]
    events = nextflow.logs.get_log_events(
        logGroupName="/aws/omics/WorkflowLog", logStreamName=stream
    )["events"]
    assert [event["message"] for event in events] == ["aligned"]
    bucket, _, prefix = done["runOutputUri"].removeprefix("s3://").partition("/")
    key = f"{prefix}/pubdir/x/result.txt"
    assert nextflow.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"done"


def test_a_task_that_nextflow_repeats_does_not_fail_the_run(
    nextflow: Clients, pipeline: str
) -> None:
    done = run(nextflow, pipeline, "retry")
    assert done["status"] == "COMPLETED"
    # ListRunTasks promises no order.
    assert {task["status"] for task in tasks(nextflow, done)} == {"FAILED", "COMPLETED"}


@pytest.mark.parametrize(
    ("how", "reason", "said"),
    [
        ("fail", "RUN_TASK_FAILED", "task SORT failed: command exited with status 7"),
        ("broken", "WORKFLOW_RUN_FAILED", "No such variable: x"),
    ],
)
def test_a_failing_pipeline_says_why(
    nextflow: Clients, pipeline: str, how: str, reason: str, said: str
) -> None:
    done = run(nextflow, pipeline, how)
    assert (done["status"], done["failureReason"]) == ("FAILED", reason)
    assert any(said in line for line in nextflow.lines(f"run/{done['id']}/engine"))


def test_a_cancelled_run_ends_nextflow(nextflow: Clients, pipeline: str, tmp_path: Path) -> None:
    sign = tmp_path / "waiting"
    id = nextflow.start_with(pipeline, {"how": "wait", "sign": str(sign)})
    until(sign.exists)
    nextflow.omics.cancel_run(id=id)
    assert nextflow.until(id, "CANCELLED", "FAILED", "COMPLETED")["status"] == "CANCELLED"


def test_without_nextflow_a_workflow_fails_and_says_so(
    tmp_path: Path, fake_engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    service = local.start(tmp_path / "state", engine=fake_engine)
    omics = connect(service).omics
    id = omics.create_workflow(definitionZip=zipped())["id"]
    read = settled(lambda: omics.get_workflow(id=id), "ACTIVE", "FAILED")
    service.stop()
    assert (read["status"], read["statusMessage"]) == (
        "FAILED",
        "nextflow is not on the PATH of the local HealthOmics",
    )
