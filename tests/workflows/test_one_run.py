"""Whole workflows without checkpoints and local rules: one run, and the local executor's files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = sorted(path.name for path in Path(__file__).parent.glob("one_run/*") if path.is_dir())
# Locally each `run:` block is a Snakemake of its own otherwise, which takes seconds.
OPTIONS = {
    "undeclared": ["--omics-include", "lib/*"],
    "run_blocks": ["--force-use-threads"],
    "by_snakemake": ["--force-use-threads"],
}
NEEDS = {"scripts_r": "Rscript", "notebook": "jupyter-nbconvert"}
# Run times differ.
WITHOUT = ("benchmarks",)


@pytest.mark.parametrize("case", CASES)
def test_the_files_are_those_of_the_local_executor(case: str, both: Callable[..., Any]) -> None:
    tool = NEEDS.get(case)
    if tool is not None and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = both(f"one_run/{case}", *OPTIONS.get(case, []), without=WITHOUT)
    done.assert_same()
    assert done.runs == 1, done.omics.stderr
