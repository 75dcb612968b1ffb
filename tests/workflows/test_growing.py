"""Workflows that one run cannot hold: checkpoints, and local rules in the middle."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_graph_grows_by_the_largest_waves_and_no_job_runs_twice(
    both: Callable[..., Any], tmp_path: Path
) -> None:
    done = both("checkpoints")
    done.assert_same()
    waves = re.findall(r"omics: (\d+) jobs? goe?s? into one run", done.omics.stderr)
    # prepare, plain, queued, split | 3 upper, choose | 2 again, per_sample of the one that is
    # asked for first | the other per_sample | gather
    assert waves == ["4", "4", "3", "1", "1"]
    definitions = (tmp_path / "checkpoints").rglob(".snakemake/omics/definitions/*/jobs.json")
    started = Counter(job["job"] for path in definitions for job in json.loads(path.read_text()))
    assert started.total() == 13
    assert set(started.values()) == {1}
    assert "cached" not in done.omics.stderr
    # What a run made is not sent back, but for files of a directory, which is an archive in S3.
    assert len(re.findall(r"inputs are read from where earlier runs left", done.omics.stderr)) == 3


def test_local_rules_in_the_middle_cut_the_graph_and_nothing_else(both: Callable[..., Any]) -> None:
    done = both("graph")
    done.assert_same()
    # free, while the first local rule is at work | first | second
    assert done.runs == 3, done.omics.stderr


def test_the_handlers_of_a_failed_workflow_run(both: Callable[..., Any]) -> None:
    done = both("graph", "--config", "broken=1")
    done.assert_same(code=1)
    assert "failed.txt" in done.omics_files
    assert "succeeded.txt" not in done.omics_files


def test_inputs_from_a_queue_make_a_wave_whenever_they_come(both: Callable[..., Any]) -> None:
    done = both("queue", "--queue-input-wait-time", "1")
    done.assert_same()
    assert re.findall(r"omics: (\d+) jobs? goe?s? into one run", done.omics.stderr) == ["4", "4"]
