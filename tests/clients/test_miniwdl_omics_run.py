"""`miniwdl-omics-run`, which starts a run from a WDL file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_clients import Shell


@pytest.fixture(scope="session")
def miniwdl(install: Callable[[str], Path]) -> Path:
    return install("miniwdl-omics-run") / "miniwdl-omics-run"


def test_a_wdl_file_runs_and_is_registered_once(
    miniwdl: Path,
    shell: Shell,
    definition: Path,
    names: str,
    follow: Callable[[str], dict[str, Any]],
) -> None:
    command = (
        miniwdl,
        definition.with_suffix(".wdl"),
        f"names={names}",
        "times=2",
        "--output-uri",
        shell.environment["OMICS_OUTPUT_URI"],
    )
    first = shell.json(*command, "--role", "LocalHealthOmics", "--name", "mini", "--tag", "k=v")
    got = follow(first["runId"])
    assert (got["name"], got["tags"]) == ("mini", {"k": "v"})
    assert got["workflowVersionName"] == first["workflowVersionName"]
    assert got["parameters"] == {"names": names, "times": 2}

    second = shell.json(*command, "--role-arn", shell.environment["OMICS_ROLE_ARN"])
    follow(second["runId"])
    assert second["runId"] != first["runId"]
    assert second["workflowId"] == first["workflowId"]


def test_an_input_of_this_machine_is_refused(miniwdl: Path, shell: Shell, definition: Path) -> None:
    failed = shell.run(
        miniwdl,
        definition.with_suffix(".wdl"),
        f"names={definition}",
        "--role",
        "LocalHealthOmics",
        "--output-uri",
        shell.environment["OMICS_OUTPUT_URI"],
        status=1,
    )
    assert "not a s3:// nor an omics:// URI" in failed.stderr
