"""The head dies where temporary results stayed in their run: no later call takes anything for them.

Whoever comes next, the same command or another executor, in this folder or in a copy of it, has
the right results, and makes what is missing; nothing stands in for a temporary file at any time.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from running import files, forked

from .conftest import Case
from .heads import DieRecording, Hook
from .test_faults import check

KILLS = int(os.environ.get("FAULTS_KILLS", "20"))

SNAKEFILE = """
container: "docker://debian:12"
rule all:
    input: "all.txt"
rule upper:
    input: "data.txt"
    output: temp("upper.txt")
    shell: "tr a-z A-Z < {input} > {output}"
rule twice:
    input: "upper.txt"
    output: temp("twice.txt"), "kept.txt"
    shell: "cat {input} {input} > {output[0]}; echo kept > {output[1]}"
rule tree:
    input: "twice.txt"
    output: temp(directory("tree"))
    shell: "mkdir {output}; cp {input} {output}/x"
rule gather:
    input: "tree", "upper.txt"
    output: "all.txt"
    shell: "cat {input[0]}/x {input[1]} > {output}"
"""
JOBS = 5
RESULTS = {"kept.txt": "kept\n", "all.txt": "ONE\nTWO\n" * 3}
NEW_RESULTS = {"kept.txt": "kept\n", "all.txt": "one!\ntwo!\n" * 3}
TEMPORARY = ("upper.txt", "twice.txt", "tree")
DEATHS = [
    pytest.param(
        DieRecording(number, late=late), id=f"{'after' if late else 'before'}-{number}-recorded"
    )
    for number, late in itertools.product(range(1, JOBS + 1), (False, True))
]

pytestmark = pytest.mark.slow


@pytest.fixture
def chain(case: Case) -> Case:
    case.set("Snakefile", SNAKEFILE)
    return case


def _made(folder: Path) -> dict[str, str]:
    given = ("Snakefile", "data.txt", "flag.txt", ".snakemake")
    return {name: text.decode() for name, text in files(folder, without=given).items()}


def _by_the_local_executor(
    folder: Path, *options: str, results: Mapping[str, str] = RESULTS
) -> None:
    done = forked(folder, "--cores", "1", "--rerun-incomplete", *options)
    assert done.returncode == 0, done.stderr
    assert _made(folder) == results


def _nothing_stands_in(case: Case, results: Mapping[str, str] = RESULTS) -> None:
    made = _made(case.folder)
    assert not [name for name in made if name.startswith(TEMPORARY)]
    assert made.items() <= results.items()


@pytest.mark.parametrize("hook", DEATHS)
def test_the_same_command_takes_the_run_that_is_there(chain: Case, hook: Hook) -> None:
    assert chain.call(hook=hook).code == -9
    _nothing_stands_in(chain)
    check(chain.call(), 0)
    assert _made(chain.folder) == RESULTS
    assert not chain.ledger.twice
    assert len(chain.ledger.runs) == 1


@pytest.mark.parametrize("hook", DEATHS)
def test_another_executor_makes_what_it_needs(chain: Case, hook: Hook, tmp_path: Path) -> None:
    assert chain.call(hook=hook).code == -9
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(chain.folder, elsewhere, ignore=shutil.ignore_patterns(".snakemake"))
    _by_the_local_executor(elsewhere)
    _by_the_local_executor(chain.folder, "--rerun-triggers", "mtime")


def test_an_old_file_at_its_place_is_not_taken_for_it(chain: Case) -> None:
    assert forked(chain.folder, "--cores", "1", "--notemp", "upper.txt").returncode == 0
    assert _made(chain.folder) == {"upper.txt": "ONE\nTWO\n"}
    chain.set("Snakefile", SNAKEFILE.replace("tr a-z A-Z < {input}", "sed s/$/!/ {input}"))
    assert chain.call(hook=DieRecording(1, late=True)).code == -9
    _nothing_stands_in(chain, NEW_RESULTS)
    _by_the_local_executor(chain.folder, results=NEW_RESULTS)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["standing", "embedded"])
def test_killed_at_random(kind: str, projects: Callable[[str], Iterator[Case]]) -> None:
    """Each project's head is killed once, at any moment; then either executor goes on."""
    seed = int(os.environ.get("FAULTS_SEED", "0")) or random.randrange(1 << 30)
    chance, figures, longest = random.Random(seed), Counter[str](), 0.0
    for case in itertools.islice(projects(kind), KILLS + 1):
        case.set("Snakefile", SNAKEFILE)
        head = case.begin()
        timer = threading.Timer(chance.uniform(0, longest), head.signal)
        if longest:  # the first tells how long a call takes
            timer.start()
        code = head.wait()
        timer.cancel()
        longest = min(longest, head.seconds) if longest else head.seconds
        case.unlock()
        assert not head.hung, head.text
        assert code in (0, -9), head.text
        figures["kills"] += code != 0
        if code:
            _nothing_stands_in(case)
        if chance.random() < 0.5:
            check(case.call(), 0)
            figures["the same"] += 1
            if kind == "standing":
                assert len(case.ledger.runs) == 1
                assert not case.ledger.twice
        else:
            _by_the_local_executor(case.folder, *chance.choice([(), ("--rerun-triggers", "mtime")]))
            figures["the local executor"] += 1
        assert _made(case.folder) == RESULTS
    print(f"FAULTS_SEED={seed}", dict(figures))
