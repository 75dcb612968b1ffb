"""`cache:` shares results between workflows, whichever executor made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import STARTED


def test_results_go_to_snakemakes_cache_and_come_from_there(
    project: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    variables = {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "shared")}
    first = project("cache")
    done = first.omics("--cache", **variables)
    assert done.returncode == 0, done.stderr
    assert "3 jobs go into one run" in done.stderr
    made = first.files()
    for executor in ("local", "omics"):
        other = project("cache")
        done = getattr(other, executor)("--cache", **variables)
        assert done.returncode == 0, done.stderr
        assert other.files() == made
        assert (other.folder / "index/a.txt").is_symlink()
    assert "2 jobs have their results in Snakemake's cache" in done.stderr
    assert "1 job goes into one run" in done.stderr
    assert done.stderr.count(STARTED) == 1
