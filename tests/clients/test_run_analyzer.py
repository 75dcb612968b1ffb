"""AWS's run analyzer and rerun, from `aws-healthomics-tools`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_clients import Shell


@pytest.fixture(scope="session")
def tools(install: Callable[[str], Path]) -> Path:
    return install("aws-healthomics-tools") / "aws-healthomics-tools"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def test_the_analyzer_tells_what_each_task_used_and_would_cost(
    tools: Path, shell: Shell, run: dict[str, Any], tmp_path: Path
) -> None:
    shell.run(tools, "run_analyzer", run["id"], "--out", tmp_path / "run.csv", "--plot", tmp_path)
    assert "greet" in (tmp_path / f"{run['id']}_timeline.html").read_text()
    whole, task = rows(tmp_path / "run.csv")
    assert (whole["type"], whole["uuid"], whole["name"]) == ("run", run["uuid"], "first")
    assert (task["type"], task["name"]) == ("task", "greet-0")
    assert (task["cpusRequested"], task["memoryRequestedGiB"]) == ("1", "1")
    assert (task["cpusReserved"], task["memoryReservedGiB"]) == ("2", "4")
    assert 0.27 < float(task["memoryMaximumGiB"]) < 0.6  # it fills 300 MB
    used = float(task["memoryMaximumGiB"]) / 4
    assert float(task["memoryUtilizationRatio"]) == pytest.approx(used, abs=1e-3)
    assert 0 < float(task["cpusAverage"]) <= float(task["cpusMaximum"])
    assert task["omicsInstanceTypeReserved"] == task["omicsInstanceTypeMinimum"] == "omics.c.large"
    assert float(task["estimatedUSD"]) == pytest.approx(0.1148 / 60, abs=1e-6)  # a minute at least
    assert 0 < float(task["runningSeconds"]) <= float(whole["runningSeconds"])
    assert whole["memoryMaximumGiB"] == task["memoryMaximumGiB"]


def test_the_analyzer_aggregates_the_tasks_of_runs(
    tools: Path, shell: Shell, run: dict[str, Any], tmp_path: Path
) -> None:
    shell.run(tools, "run_analyzer", "--batch", run["id"], "--out", tmp_path / "batch.csv")
    assert [(row["name"], row["count"]) for row in rows(tmp_path / "batch.csv")] == [
        ("greet-0", "1")
    ]


def test_the_analyzer_does_not_know_a_run_that_is_none(tools: Path, shell: Shell) -> None:
    assert (
        "run 999999999 not found" in shell.run(tools, "run_analyzer", "999999999", status=1).stderr
    )


def test_rerun_repeats_a_run_with_all_that_was_asked_of_it(
    tools: Path, shell: Shell, run: dict[str, Any], follow: Callable[[str], dict[str, Any]]
) -> None:
    dry = shell.run(tools, "rerun", "--dry-run", run["id"]).stdout
    request = json.loads(dry.removeprefix("StartRun request:\n"))
    asked = (
        "workflowId",
        "workflowType",
        "roleArn",
        "name",
        "priority",
        "parameters",
        "storageType",
        "outputUri",
        "cacheId",
        "cacheBehavior",
        "retentionMode",
        "logLevel",
    )
    assert request == {name: run[name] for name in asked}

    said = shell.run(tools, "rerun", run["id"], "--name", "second", "--tag", "again=yes").stdout
    started = json.loads(said.rpartition("StartRun response:\n")[2])
    again = follow(started["id"])
    assert (again["name"], again["tags"]) == ("second", {"again": "yes"})
    assert {name: again[name] for name in asked if name != "name"} == {
        name: run[name] for name in asked if name != "name"
    }


def test_rerun_lists_the_runs_of_a_time(tools: Path, shell: Shell, run: dict[str, Any]) -> None:
    assert f"{run['id']} (" in shell.run(tools, "rerun", "--start", "2023-07-01T00:00:00").stdout
    assert (
        "no matching" in shell.run(tools, "rerun", "--end", "2023-07-01T00:00:00", status=1).stderr
    )
