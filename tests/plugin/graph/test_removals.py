"""A job that removes files of the project would do so in its task's folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_omics.errors import UnsupportedRule
from snakemake_executor_omics.graph.commands import Command
from snakemake_executor_omics.graph.removals import refuse_removals


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("results/a.txt", "scripts/test.sh", "old.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def clean(**others: Any) -> Any:
    told: dict[str, Any] = {"input": [], "output": [], "log": [], "benchmark": None}
    told |= {"is_shell": True, "is_run": False, "rule": SimpleNamespace(name="clean")}
    return SimpleNamespace(**told | others)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("set -euo pipefail; rm -rfv results auspice", "results"),
        ("\n    rm -r results/\n    rm -f *.log\n", r"results/, \*\.log"),
        ("cd . && rm -rf $PWD/results", "results"),
        ("find results -name '*.txt' -delete", "results"),
        ("import shutil\nshutil.rmtree('results')", "results"),
        ("from pathlib import Path\nfor p in ['old.log']:\n    Path(p).unlink()", r"old\.log"),
    ],
)
def test_it_is_refused_with_a_way_out(text: str, named: str, project: Path) -> None:
    with pytest.raises(UnsupportedRule, match=f"removes {named}, ") as refused:
        refuse_removals(clean(), Command(text), project)
    assert "`localrules: clean`" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf nothing/there *.none",  # does nothing here either
        "bash scripts/test.sh && rm -f /tmp/x",
        "cat results/a.txt",
        "x=$(mktemp); rm $x",
        "echo confirm results",
    ],
)
def test_what_removes_nothing_of_the_project_is_a_task(text: str, project: Path) -> None:
    refuse_removals(clean(), Command(text), project)


@pytest.mark.parametrize(
    "others", [{"output": ["x"]}, {"input": ["x"]}, {"log": ["x"]}, {"is_shell": False}]
)
def test_a_job_that_declares_files_has_more_to_do(others: Any, project: Path) -> None:
    refuse_removals(clean(**others), Command("rm -rf results"), project)
