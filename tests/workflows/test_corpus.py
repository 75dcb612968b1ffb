"""Workflows as people write them (see `corpus/README.md`), by both executors, file by file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Case:
    """What a workflow is called with; {copy} is where it lies.

    `runs` is in how many it goes, where that does not depend on what is ready when.
    """

    options: tuple[str, ...] = ()
    runs: int | None = 1
    slow: bool = True
    code: int = 0
    needs: str = "bash"


CASES = {
    "cohort": Case(slow=False),
    "clusters": Case(runs=2),
    "installed": Case(("--snakefile", "../workflow/Snakefile"), slow=False),
    "modules": Case(("--force-use-threads",), slow=False),
    "peaks": Case(slow=False),
    "dot_test": Case(
        (
            *("--directory", ".test", "--snakefile", "workflow/Snakefile"),
            *("--configfile", ".test/config/config.yaml"),
            *("--wrapper-prefix", "file://{copy}/wrappers/"),
        ),
        slow=False,
    ),
    "bins": Case(runs=None),
    "builds": Case(),
    "cluster": Case(("--profile", "profiles/slurm"), runs=None),
    "energy": Case(("--force-use-threads",)),
    "fails": Case(("--keep-going",), code=1),
    "expression": Case(needs="Rscript"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * case.slow) for name, case in CASES.items()],
)
def test_the_files_are_those_of_the_local_executor(
    name: str, both: Callable[..., Any], tmp_path: Path
) -> None:
    case = CASES[name]
    if shutil.which(case.needs) is None:
        pytest.skip(f"{case.needs} is not installed")
    copy = tmp_path / f"corpus-{name}"
    options = [option.replace("{copy}", str(copy)) for option in case.options]
    done = both(f"corpus/{name}", *options, without=("benchmarks", ".test/.snakemake"))
    done.assert_same(code=case.code)
    assert case.runs in (None, done.runs), done.omics.stderr
