"""AWS's MCP server for HealthOmics, asked over stdio as an assistant asks it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from real_clients import Shell
from waiting import until


class Assistant:
    """A client of the Model Context Protocol: JSON-RPC, a line for a message."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server, self._id = server, 0
        self._ask(
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo={"name": "test", "version": "1"},
        )
        self._tell({"method": "notifications/initialized"})

    def tools(self) -> set[str]:
        return {tool["name"] for tool in self._ask("tools/list")["tools"]}

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """What a tool answers, in its structured form."""
        return self._ask("tools/call", name=tool, arguments=arguments)["structuredContent"][
            "result"
        ]

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._id += 1
        self._tell({"id": self._id, "method": method, "params": params})
        assert self._server.stdout is not None
        for line in self._server.stdout:
            message = json.loads(line)
            if message.get("id") == self._id:
                result: dict[str, Any] = message["result"]
                return result
        raise AssertionError(f"the server ended with status {self._server.wait()}")

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._server.stdin.flush()


@pytest.fixture(scope="module")
def assistant(install: Callable[[str], Path], shell: Shell) -> Iterator[Assistant]:
    name = "awslabs.aws-healthomics-mcp-server"
    with (
        (shell.folder / "mcp.log").open("w") as log,
        subprocess.Popen(
            [install(name) / name],
            env=dict(shell.environment),
            cwd=shell.folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as server,
    ):
        yield Assistant(server)
        server.terminate()


def test_a_workflow_is_made_and_run(
    assistant: Assistant,
    shell: Shell,
    definition: Path,
    names: str,
    follow: Callable[[str], dict[str, Any]],
) -> None:
    assert assistant.tools() >= {"CreateAHOWorkflow", "StartAHORun", "GetAHORunEngineLogs"}
    made = assistant.call("CreateAHOWorkflow", name="mcp", definition_source=str(definition))
    until(
        lambda: assistant.call("GetAHOWorkflow", workflow_id=made["id"]),
        lambda found: found["status"] != "CREATING",
    )
    listed = assistant.call("ListAHOWorkflows")["workflows"]
    assert made["id"] in {workflow["id"] for workflow in listed}
    started = assistant.call(
        "StartAHORun",
        workflow_id=made["id"],
        name="by-mcp",
        parameters={"names": names},
        role_arn=shell.environment["OMICS_ROLE_ARN"],
        output_uri=shell.environment["OMICS_OUTPUT_URI"],
    )
    follow(started["id"])
    got = assistant.call("GetAHORun", run_id=started["id"])
    assert (got["status"], got["name"]) == ("COMPLETED", "by-mcp")
    assert started["id"] in {run["id"] for run in assistant.call("ListAHORuns")["runs"]}


def test_a_run_is_explained(assistant: Assistant, run: dict[str, Any]) -> None:
    def messages(tool: str, **arguments: str) -> list[str]:
        events = assistant.call(tool, run_id=run["id"], **arguments)["events"]
        return [event["message"] for event in events]

    (task,) = assistant.call("ListAHORunTasks", run_id=run["id"])["tasks"]
    assert messages("GetAHOTaskLogs", task_id=task["taskId"]) == ["Hello Ada", "Hello Grace"]
    assert messages("GetAHORunLogs")
    assert any("greet" in line for line in messages("GetAHORunEngineLogs"))
    manifest = messages("GetAHORunManifestLogs", run_uuid=run["uuid"])
    assert [json.loads(line).get("name") for line in manifest] == ["first", "greet-0"]
    report = assistant.call("AnalyzeAHORunPerformance", run_ids=[run["id"]])
    assert "**Total Estimated Cost**: $0.0019" in str(report)
    assert "<svg" in str(assistant.call("GenerateAHORunTimeline", run_id=run["id"]))


def test_what_is_not_there_is_told(assistant: Assistant) -> None:
    said = assistant.call("GetAHORun", run_id="999999999")
    assert "ResourceNotFoundException" in said["error"]
