"""Workflows as people write them (see `corpus/README.md`), by both executors, file by file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

# What a case is called with, and in how many runs it goes.
CASES: dict[str, tuple[list[str], int]] = {
    "cohort": ([], 1),
    "clusters": ([], 2),
    "installed": (["--snakefile", "../workflow/Snakefile"], 1),
}
_SLOW = {"clusters"}


@pytest.mark.parametrize(
    "case", [pytest.param(name, marks=[pytest.mark.slow] * (name in _SLOW)) for name in CASES]
)
def test_the_files_are_those_of_the_local_executor(case: str, both: Callable[..., Any]) -> None:
    options, runs = CASES[case]
    done = both(f"corpus/{case}", *options, without=("benchmarks",))
    done.assert_same()
    assert done.runs == runs, done.omics.stderr
