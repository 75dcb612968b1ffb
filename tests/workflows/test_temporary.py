"""Temporary results that only jobs of their run read: they stay in it, unless a reader failed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from running import STARTED


def test_a_job_that_failed_has_its_temporary_inputs_here_for_the_next_call(
    project: Callable[[str], Any],
) -> None:
    there = project("temporary")
    given = there.files()
    failed = there.omics("--keep-going")
    assert failed.returncode == 1, failed.stderr
    assert "4 temporary results stay in their run" in failed.stderr
    left = {name: text for name, text in there.files().items() if name not in given}
    # As the local executor leaves it; of the other sample nothing ever came.
    assert left == {
        "calls/a.txt": b"x\nx\ny\ny\n",
        "counts/a.txt": b"4\n",
        "counts/b.txt": b"4\n",
        "sorted/b/x": b"1\n1\n2\n2\n",
        "sorted/b/.snakemake_timestamp": b"",
    }
    good = there.folder / "good.txt"
    before = good.stat()
    good.write_text("a b\n")
    os.utime(good, ns=(before.st_atime_ns, before.st_mtime_ns))  # no reason to run the other again
    mended = there.omics()
    assert mended.returncode == 0, mended.stderr
    assert "1 job goes into one run" in mended.stderr
    assert sorted(there.files().keys() - given.keys()) == [
        *("calls/a.txt", "calls/b.txt"),
        *("counts/a.txt", "counts/b.txt"),
    ]
    again = there.local("--dry-run")
    assert "Nothing to be done" in again.stderr


@pytest.mark.slow
def test_after_a_run_that_failed_the_next_call_starts_one_that_the_run_cache_serves(
    project: Callable[[str], Any],
) -> None:
    """Nothing of its jobs is here, so the next call wants the same ones."""
    there = project("temporary")
    text = (there.folder / "Snakefile").read_text().replace(', "counts/{s}.txt"', "")
    (there.folder / "Snakefile").write_text(text.replace("; wc -l < {input} > {output[1]}", ""))
    for _ in range(3):
        failed = there.omics("calls/b.txt")
        assert failed.returncode == 1, failed.stderr
        assert STARTED in failed.stderr
        assert "was started for the same plan before" not in failed.stderr
    assert "cached" in failed.stderr
    (there.folder / "good.txt").write_text("a b\n")
    mended = there.omics()
    assert mended.returncode == 0, mended.stderr
    assert (there.folder / "calls/b.txt").read_text() == "1\n1\n2\n2\n"
