"""Options of Snakemake's command line mean with this executor what they mean with the local one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from running import STARTED

# The options, and how many jobs go into how many runs.
ONCE: dict[str, tuple[Sequence[str], int, int]] = {
    "all": ([], 10, 1),
    "until": (["--until", "count"], 8, 1),
    "omit_from": (["--omit-from", "gather"], 8, 1),
    "batch": (["--batch", "gather=1/2"], 4, 1),
    "targets": (["count/a.txt", "count/b.txt"], 4, 1),
    "notemp": (["--notemp"], 10, 1),
    "set_threads": (["--set-threads", "clean=1", "--set-resources", "clean:mem_mb=123"], 10, 1),
    "defaults": (["--default-resources", "mem_mb=77", "disk_mb=5", "text='a b'"], 10, 1),
    "one_job": (["--jobs", "1"], 10, 1),
    "groups": (["--groups", "clean=g", "count=g", "--group-components", "g=2"], 4, 1),
    "config": (["--config", "word=word"], 10, 1),
    "values": (
        [
            *("--set-threads", "clean=1", "--set-resources", "clean:mem_mb=123"),
            *("--default-resources", "mem_mb=77", "disk_mb=5", "text='a b'"),
            *("--config", "word=word"),
        ],
        10,
        1,
    ),
    "prioritize": (["--prioritize", "count/d.txt", "--max-threads", "1"], 10, 1),
}


# What of the graph Snakemake hands over is its own business, and the same for every executor.
_CHOOSE = {"until", "omit_from", "batch", "targets", "prioritize"}
# In one call they are `values`.
_ALONE = {"set_threads", "defaults", "config"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in _CHOOSE | _ALONE else [])
        for name in ONCE
    ],
)
def test_an_option_gives_the_same_files(name: str, both: Callable[..., Any]) -> None:
    options, jobs, runs = ONCE[name]
    done = both("options", *options)
    done.assert_same()
    going = re.findall(r"omics: (\d+) jobs? goe?s? into", done.omics.stderr)
    assert sum(map(int, going)) == jobs, done.omics.stderr
    assert done.runs == runs


# What a second call does with a finished project: options, changes to files, jobs in the run.
AGAIN: dict[str, tuple[Sequence[str], dict[str, str], set[str]]] = {
    "nothing": ([], {}, set()),
    "forcerun": (["--forcerun", "gather"], {}, {"gather", "report"}),
    "force": (["--force", "gathered.txt"], {}, {"gather"}),
    "input": ([], {"data/b.txt": "new\n"}, {"clean", "count", "gather", "report"}),
    "params": (["--config", "word=y"], {}, {"clean", "count", "gather", "report"}),
    "only_mtime": (["--config", "word=y", "--rerun-triggers", "mtime"], {}, set()),
}


def _rules(text: str) -> set[str]:
    """The rules that jobs ran of."""
    return set(re.findall(r"^(?:local)?rule (\w+):", text, re.MULTILINE)) - {"all"}


def test_later_calls_run_what_the_local_executor_runs(project: Callable[[str], Any]) -> None:
    told: list[list[set[str]]] = []
    left = []
    for executor in ("local", "omics"):
        here = project("options")
        call = getattr(here, executor)
        assert call().returncode == 0
        told.append([])
        for options, changed, _ in AGAIN.values():
            for name, content in changed.items():
                (here.folder / name).write_text(content)
            done = call(*options)
            assert done.returncode == 0, done.stderr
            told[-1].append(_rules(done.stderr))
        left.append(here.files())
    assert told[0] == [rules for _, _, rules in AGAIN.values()]
    assert told[1] == told[0]
    assert left[1] == left[0]


def test_touch_starts_no_run(project: Callable[[str], Any]) -> None:
    here = project("options")
    assert here.omics("--notemp").returncode == 0
    (here.folder / "data/a.txt").touch()
    touched = here.omics("--touch", "--notemp")
    assert touched.returncode == 0, touched.stderr
    assert STARTED not in touched.stderr
    assert "Nothing to be done" in here.omics("--notemp").stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--keep-going", "--show-failed-logs"],
        ["--keep-incomplete", "--retries", "1"],
    ],
    ids=" ".join,
)
def test_a_failure_leaves_and_tells_the_same(
    options: Sequence[str], both: Callable[..., Any]
) -> None:
    done = both("options", "--notemp", "--config", "fail=b", *options)
    assert done.local.returncode == done.omics.returncode == 1
    # Which other jobs were at work when the job failed is chance, but not with --keep-going.
    ours, theirs = done.omics_files, done.local_files
    if "--keep-going" in options:
        assert ours.keys() == theirs.keys()
    assert ours["logs/b.log"] == theirs["logs/b.log"] == b"counting b\ncannot count b\n"
    # The incomplete output is not looked at: with --keep-incomplete the local executor leaves it.
    assert "--keep-incomplete" in options or "count/b.txt" not in theirs
    assert "count/b.txt" not in ours
    for name in ours.keys() & theirs.keys():
        assert ours[name] == theirs[name]
    for text in (done.local.stderr, done.omics.stderr):
        assert "Error in rule count" in text
        assert "wildcards: s=b" in text
        assert "Traceback" not in text
    shown = "--show-failed-logs" in options
    assert ("Logfile logs/b.log" in done.omics.stderr) == shown
    assert ("Trying to restart job" in done.omics.stderr) == ("--retries" in options)
