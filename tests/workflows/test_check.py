"""`--omics-check` tells all that is in the way of a workflow at once, and starts nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from running import Done, files, forked

from snakemake_executor_omics import cli
from snakemake_executor_omics.check.request import REFUSED

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/check.md"
WORDS = "--assume-minutes 10"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(Path(__file__).parent / "checked", tmp_path / "checked"))


def check(folder: Path, words: str, *options: str, **variables: str) -> Done:
    return forked(
        folder, "--executor", "omics", "--quiet", "host", "--nolock", "--jobs", "1", *options,
        "--omics-region", "us-east-1", "--omics-check", words,
        LIMS_TOKEN="swordfish", **variables,
    )  # fmt: skip


def test_the_page_is_the_one_of_the_documentation(
    folder: Path, request: pytest.FixtureRequest
) -> None:
    before = files(folder)
    done = check(folder, WORDS)
    assert done.returncode == REFUSED
    said = done.stderr[done.stderr.index("AWS HealthOmics in") :]
    before_it, _, rest = PAGE.read_text().partition("```text\n")
    shown, end, after_it = rest.partition("```\n")
    if request.config.getoption("--update-golden"):
        PAGE.write_text(f"{before_it}```text\n{said}{end}{after_it}")
        shown = said
    assert said == shown
    assert files(folder) == before
    assert "swordfish" not in said


def test_what_is_in_the_way_is_told_to_programs_too(folder: Path) -> None:
    done = check(folder, f"{WORDS} --json", "--omics-networking-mode", "VPC",
                 "--omics-configuration", "mine", "--omics-local-rules", "run")  # fmt: skip
    assert done.returncode == REFUSED
    found = json.loads(done.stderr[done.stderr.index("{") :])
    assert {(one["rule"], one["where"]) for one in found["refused"]} == {
        ("sizes", "Snakefile, line 38"),
        ("report", "Snakefile, line 32"),
    }
    rows = {row["rule"]: row for row in found["rules"]}
    assert (rows["choose"]["as"], rows["choose"]["wave"]) == ("task", 1)
    assert rows["align"]["instanceType"] == "omics.m.2xlarge"
    assert rows["align"]["seconds"] == 3 * 900
    assert [wave["runs"] for wave in found["waves"]] == [[10]]
    assert found["reachesInternet"]
    assert {one["command"] for one in found["internet"]} == {"curl", "install.packages"}


def test_nothing_is_in_the_way_of_what_is_mended_or_done(folder: Path) -> None:
    (folder / "reference.fa").write_text(">a\nA\n")
    done = check(folder, f"{WORDS} --json", "aligned/a.bam", "reference.fa")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stderr[done.stderr.index("{") :])
    assert found["refused"] == []
    assert [row["rule"] for row in found["rules"]] == ["align"]
    assert found["here"] == {"reference": 1}


def test_an_image_that_aws_cannot_pull_is_none_for_the_local_service(folder: Path) -> None:
    target = ("aligned/a.bam", "--omics-endpoint", "local")
    snakefile = folder / "Snakefile"
    snakefile.write_text(snakefile.read_text().replace("111122223333.dkr", "docker"))
    assert check(folder, WORDS, *target).returncode == 0
    done = check(folder, f"{WORDS} --aws", *target)
    assert done.returncode == REFUSED
    assert "AWS HealthOmics in us-east-1 would not run this" in done.stderr
    assert "HealthOmics pulls images from ECR only (Snakefile, line 8)" in done.stderr


def test_what_a_checkpoint_decides_is_in_later_waves(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(Path(__file__).parent / "checkpoints", tmp_path / "checkpoints"))
    done = check(folder, f"{WORDS} --json", "--omics-endpoint", "local")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stderr[done.stderr.index("{") :])
    assert [wave["runs"] for wave in found["waves"]] == [[4], [1], [1]]
    assert [wave["waitsFor"] for wave in found["waves"]] == [
        [],
        [{"reason": "checkpoint split decides what follows", "jobs": 1}],
        [{"reason": "checkpoint split decides what follows", "jobs": 1}],
    ]


def test_a_dry_run_tells_how_much_goes_where_and_what_is_in_the_way(folder: Path) -> None:
    """And changes nothing of what Snakemake tells of its jobs, which are local ones for it."""
    dry = ("-n", "--quiet", "host", "--jobs", "1", "--executor")
    omics = forked(folder, *dry, "omics", "--omics-endpoint", "local", LIMS_TOKEN="swordfish")
    assert omics.returncode == 0, omics.stderr
    ours = [line for line in omics.stderr.splitlines() if line.startswith("omics: ")]
    assert (
        "omics: the local HealthOmics: 9 tasks in 2 runs, 1 job of local rules, which run here"
        in ours
    )
    assert any(line.startswith("omics: - rule report: asks for 1 CPUs") for line in ours)
    local = forked(folder, *dry, "local", "--cores", "1", LIMS_TOKEN="swordfish")
    shown = [
        sorted(found.stderr.replace("localrule", "rule").splitlines()) for found in (local, omics)
    ]
    assert {line for line in shown[0] if "mem_mb" in line} <= set(shown[1])
    assert not (folder / ".snakemake/omics").exists()


@pytest.mark.parametrize(("ended", "status"), [(0, 0), (REFUSED, 1), (1, 2), (-9, 2)])
def test_the_command_tells_refusal_from_failure(
    ended: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def run(command: list[str], check: bool) -> Done:
        called.append(command)
        return Done(command, ended, "", "")

    monkeypatch.setattr("snakemake_executor_omics.cli.subprocess.run", run)
    assert cli.main(["check", "--json", "target", "--config", "a=b", "--aws"]) == status
    (command,) = called
    assert "--assume-minutes 10.0 --json --aws" in command
    assert command[-3:] == ["target", "--config", "a=b"]
