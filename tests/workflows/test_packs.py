"""Jobs that share tasks: the same files as ever, and a failure that takes no finished job along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_a_failed_job_of_a_pack_is_tried_again_alone(both: Callable[..., Any]) -> None:
    """Its neighbours and the local rules, which go along, are done in the first run."""
    done = both(
        "packs", "--omics-pack", "auto", "--omics-local-rules", "run", without=("benchmarks",)
    )
    done.assert_same()
    assert done.runs == 2, done.omics.stderr
    assert "omics: 9 of the jobs share one task" in done.omics.stderr
    assert "omics: 3 jobs go into one run" in done.omics.stderr
    assert "said by 2" in done.omics.stderr
    assert "said by 1" not in done.omics.stderr
