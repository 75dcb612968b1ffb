"""CWL workflows: checked by cwltool, run by it as tasks of the service."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import until

import local_healthomics as local

from .conftest import Clients, connect, settled

cwltool = pytest.importorskip("cwltool", reason="the extra `cwl` is not installed")

from local_healthomics.definitions import BadDefinition  # noqa: E402
from local_healthomics.definitions.cwl import check  # noqa: E402

MAIN = """
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, StepInputExpressionRequirement: {}}
inputs:
  in_file: {type: File, secondaryFiles: [.fai], label: "what  to copy"}
  names: {type: 'string[]', default: [a, b]}
  note: string?
  threads: {type: int, doc: "not a label"}
outputs:
  copies: {type: 'File[]', outputSource: copy/out}
  lines: {type: int, outputSource: count/lines}
  report: {type: File, outputSource: count/report}
steps:
  copy:
    run: tools/copy.cwl
    scatter: name
    in: {source: in_file, name: names, threads: threads}
    out: [out]
  count:
    run: tools/count.cwl
    in: {sources: copy/out, note: note}
    out: [lines, report]
"""
COPY = """
cwlVersion: v1.2
class: CommandLineTool
requirements:
  DockerRequirement: {dockerPull: "x/copy:1"}
  InlineJavascriptRequirement: {}
  ResourceRequirement: {coresMin: $(inputs.threads), ramMin: 3000}
  ShellCommandRequirement: {}
inputs:
  source: {type: File, secondaryFiles: [.fai]}
  name: string
  threads: int
arguments:
  - shellQuote: false
    valueFrom: >-
      echo "task $AWS_WORKFLOW_TASK_ID runs on $(runtime.cores)";
      cat $(inputs.source.path) $(inputs.source.path).fai > $(inputs.name).txt
outputs:
  out: {type: File, outputBinding: {glob: $(inputs.name).txt}}
"""
COUNT = """
cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}, ShellCommandRequirement: {}}
inputs: {sources: 'File[]', note: string?}
arguments:
  - {shellQuote: false, valueFrom: "cat $(inputs.sources.map(f => f.path).join(' ')) | wc -l"}
stdout: report.txt
outputs:
  report: stdout
  lines:
    type: int
    outputBinding:
      glob: report.txt
      loadContents: true
      outputEval: $(parseInt(self[0].contents))
"""
ONE = """
cwlVersion: v1.2
class: CommandLineTool
requirements: {{ShellCommandRequirement: {{}}, InlineJavascriptRequirement: {{}}{more}}}
inputs: {{}}
arguments: [{{shellQuote: false, valueFrom: {command!r}}}]
outputs: {outputs}
"""


def one(command: str, outputs: str = "{}", more: str = "") -> bytes:
    return zipped({"main.cwl": ONE.format(command=command, outputs=outputs, more=more)})


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


DEFINITION = zipped({"main.cwl": MAIN, "tools/copy.cwl": COPY, "tools/count.cwl": COUNT})


@pytest.fixture(scope="module")
def copying(real: Clients) -> str:
    return real.active_workflow(definitionZip=DEFINITION)


def finished(clients: Clients, workflow: str, parameters: dict[str, Any]) -> dict[str, Any]:
    run = clients.start_with(workflow, parameters)
    return clients.until(run, "COMPLETED", "FAILED", "CANCELLED")


def tasks(clients: Clients, run: dict[str, Any]) -> list[dict[str, Any]]:
    items = clients.omics.list_run_tasks(id=run["id"])["items"]
    return [clients.omics.get_run_task(id=run["id"], taskId=item["taskId"]) for item in items]


def test_a_cwl_workflow_runs_as_tasks_and_exports_its_outputs(real: Clients, copying: str) -> None:
    read = real.omics.get_workflow(id=copying)
    assert (read["engine"], read["main"]) == ("CWL", "main.cwl")
    assert "main.cwl is valid CWL." in read["statusMessage"]
    assert read["parameterTemplate"] == {
        "in_file": {"optional": False, "description": "what to copy"},
        "names": {"optional": True, "description": ""},
        "note": {"optional": True, "description": ""},
        "threads": {"optional": False, "description": ""},
    }

    uri = real.uploaded("cwl/data.txt", b"one\ntwo\n")
    real.uploaded("cwl/data.txt.fai", b"index\n")
    given = {"in_file": {"class": "File", "location": uri}, "threads": 2}
    run = finished(real, copying, given)
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    assert set(run["resourceDigests"]) == {uri, f"{uri}.fai"}

    found = tasks(real, run)
    assert sorted(task["name"] for task in found) == ["copy", "copy_2", "count"]
    assert {task["status"] for task in found} == {"COMPLETED"}
    copy = next(task for task in found if task["name"] == "copy")
    assert (copy["cpus"], copy["memory"], copy["instanceType"]) == (2, 3, "omics.c.large")
    assert copy["imageDetails"]["image"] == "x/copy:1"
    stream = copy["logStream"].partition("log-stream:")[2]
    events = real.logs.get_log_events(
        logGroupName="/aws/omics/WorkflowLog", logStreamName=stream, startFromHead=True
    )["events"]
    assert [event["message"].endswith("runs on 2") for event in events] == [True]

    base = run["runOutputUri"]
    assert real.outputs(run) == {
        "copies": [
            {
                "class": "File",
                "basename": f"{name}.txt",
                "size": 14,
                "location": f"{base}/out/{name}.txt",
            }
            for name in ("a", "b")
        ],
        "lines": 6,
        "report": {
            "class": "File",
            "basename": "report.txt",
            "size": 2,
            "location": f"{base}/out/report.txt",
        },
    }
    bucket, _, prefix = base.removeprefix("s3://").partition("/")
    body = real.s3.get_object(Bucket=bucket, Key=f"{prefix}/out/a.txt")["Body"].read()
    assert body == b"one\ntwo\nindex\n"
    log = real.s3.get_object(Bucket=bucket, Key=f"{prefix}/logs/engine.log")["Body"].read()
    assert b"[job copy]" in log


def test_a_file_may_be_given_by_its_uri_alone(real: Clients, copying: str) -> None:
    uri = real.uploaded("cwl/x.txt", b"1\n")
    real.uploaded("cwl/x.txt.fai", b"2\n")
    run = finished(real, copying, {"in_file": uri, "threads": 1, "names": ["only"]})
    assert real.outputs(run)["lines"] == 2


@pytest.mark.parametrize(
    ("command", "outputs", "code", "said"),
    [
        ("exit 3", "{}", "RUN_TASK_FAILED", "command exited with status 3"),
        ("kill -9 $$", "{}", "OUT_OF_MEMORY_ERROR", "status 137"),
        (
            "true",
            "{o: {type: File, outputBinding: {glob: gone}}}",
            "RUN_TASK_FAILED",
            "Did not find output file",
        ),
    ],
)
def test_a_failing_task_fails_the_run_with_its_reason(
    real: Clients, command: str, outputs: str, code: str, said: str
) -> None:
    run = finished(real, real.active_workflow(definitionZip=one(command, outputs)), {})
    assert (run["status"], run["failureReason"]) == ("FAILED", code)
    assert any(said in line for line in real.lines(f"run/{run['id']}/engine"))
    (task,) = tasks(real, run)
    assert (task["status"], task["failureReason"]) == ("FAILED", code)


def test_a_time_limit_ends_its_task(real: Clients) -> None:
    limited = one("sleep 300", more=", ToolTimeLimit: {timelimit: 1}")
    run = finished(real, real.active_workflow(definitionZip=limited), {})
    assert (run["status"], run["failureReason"]) == ("FAILED", "TASK_TIMED_OUT")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"in_file": "s3://omics-local/gone.txt", "threads": 1}, "INPUT_URI_NOT_FOUND"),
        ({"in_file": "file:///etc/passwd", "threads": 1}, "INVALID_URI_INPUT"),
        ({"in_file": {"class": "File", "path": "/etc/passwd"}, "threads": 1}, "INVALID_URI_INPUT"),
        ({"in_file": "s3://omics-local/w", "threads": "many"}, "WORKFLOW_RUN_FAILED"),
    ],
)
def test_parameters_that_do_not_fit_fail_the_run(
    real: Clients, copying: str, parameters: dict[str, Any], reason: str
) -> None:
    real.uploaded("w", b"")
    real.uploaded("w.fai", b"")
    run = finished(real, copying, parameters)
    assert (run["status"], run["failureReason"]) == ("FAILED", reason), run


def test_a_cancelled_run_ends_what_its_tasks_started(real: Clients, tmp_path: Path) -> None:
    sign = tmp_path / "alive"
    command = f"(trap 'rm {sign}' TERM; touch {sign}; while true; do sleep 0.05; done) & wait"
    workflow = real.active_workflow(definitionZip=one(command))
    run = real.start_with(workflow, {})
    until(sign.exists)
    real.omics.cancel_run(id=run)
    done = real.until(run, "CANCELLED", "FAILED", "COMPLETED")
    assert done["status"] == "CANCELLED"
    assert [task["status"] for task in tasks(real, done)] == ["CANCELLED"]


@pytest.mark.service
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cwlVersion: v1.2\nclass: Workflow\ninputs: {}\noutputs: {}\n", "missing required field"),
        ("class: Workflow\n", "No cwlVersion found"),
        ("{", "main.cwl"),
        (MAIN.replace("tools/copy.cwl", "http://localhost/a.cwl"), "undefined reference to"),
        (MAIN.replace("tools/copy.cwl", "../outside.cwl"), "undefined reference to"),
        (
            MAIN.replace("tools/copy.cwl", "{$import: file:///etc/passwd}"),
            "must be files of the def",
        ),
        ("cwlVersion: v1.2\nclass: Operation\ninputs: {}\noutputs: {}\n", "cannot be run"),
    ],
)
def test_a_cwl_that_cannot_run_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "outside.cwl").write_text(COPY)
    (folder := tmp_path / "definition").mkdir()
    (folder / "main.cwl").write_text(text)
    with pytest.raises(BadDefinition, match=said) as raised:
        check(folder, "main.cwl", "CWL")
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.service
def test_a_packed_definition_is_one_file(tmp_path: Path) -> None:
    tool = COUNT.replace("cwlVersion: v1.2\n", "").strip().replace("\n", "\n  ")
    (tmp_path / "packed.cwl").write_text(f"""cwlVersion: v1.2
$graph:
- id: count
  {tool}
- id: main
  class: Workflow
  inputs: {{files: 'File[]'}}
  outputs: {{n: {{type: int, outputSource: s/lines}}}}
  steps: {{s: {{run: '#count', in: {{sources: files}}, out: [lines]}}}}
""")
    assert set(check(tmp_path, "packed.cwl", "CWL").template or {}) == {"files"}


@pytest.fixture
def without_cwltool(
    tmp_path: Path, fake_engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Clients]:
    """A server that does not find cwltool."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['cwltool'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    service = local.start(tmp_path / "state", engine=fake_engine)
    yield connect(service)
    service.stop()


def test_without_cwltool_a_workflow_fails_and_says_what_to_install(
    without_cwltool: Clients,
) -> None:
    omics = without_cwltool.omics
    id = omics.create_workflow(definitionZip=DEFINITION)["id"]
    read = settled(lambda: omics.get_workflow(id=id), "ACTIVE", "FAILED")
    assert read["status"] == "FAILED"
    assert "pip install '.[cwl]'" in read["statusMessage"]
