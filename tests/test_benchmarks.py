"""Each benchmark runs to its end and writes its figures; what they are is for people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("bundle", ("--jobs", "10")),
        ("calls", ("--jobs", "5")),
        ("engine", ("--jobs", "3")),
        ("head", ("--jobs", "24", "--shape", "wide", "chains", "gather", "diamonds")),
        ("local_executor", ("--jobs", "3", "--shape", "wide", "chains")),
        ("local_listing", ("--runs", "3", "--workflows", "3", "--objects", "3")),
        ("several_runs", ("--jobs", "4", "--runs", "2")),
        ("startup", ()),
        ("transfer", ("--files", "60")),
        ("wdl_load", ("--jobs", "10")),
    ],
)
def test_a_benchmark_writes_its_figures(
    tmp_path: Path, script: str, options: tuple[str, ...]
) -> None:
    figures = tmp_path / "figures.json"
    more = ("--repeats", "1", "--json", str(figures))
    subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{script}.py"), *options, *more],
        check=True,
        timeout=280,
    )
    found = json.loads(figures.read_text())
    assert found["rows"]
    assert found["machine"]["cores"]
