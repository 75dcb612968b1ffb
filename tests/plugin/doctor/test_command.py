"""The images of a workflow, as the doctor has Snakemake list them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from snakemake_executor_omics.doctor import checks, command
from snakemake_executor_omics.doctor.examine import ask
from snakemake_executor_omics.doctor.findings import Finding, State


def _listed(monkeypatch: pytest.MonkeyPatch, code: int, out: str, said: str) -> list[Finding]:
    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert words[-2:] == ["--snakefile", "x"]
        return subprocess.CompletedProcess(words, code, out, said)

    monkeypatch.setattr(subprocess, "run", run)
    return checks.images(ask(command._images, ["--snakefile", "x"]))


@pytest.mark.parametrize(("state", "told"), [("there", State.FINE), ("missing", State.WRONG)])
def test_images_are_those_that_a_run_would_use(
    monkeypatch: pytest.MonkeyPatch, state: str, told: State
) -> None:
    image = {"image": "x/y:1", "state": state, "rules": ["a"]}
    (finding,) = _listed(monkeypatch, 0, json.dumps([image]), "")
    assert finding.state is told


@pytest.mark.parametrize(
    ("code", "out", "said", "told"),
    [
        (1, "", "noise\nMissingInputException in rule a\n", "MissingInputException in rule a"),
        (1, "", "", "it said nothing"),
        (0, "no JSON", "", "makes no sense"),
        (0, "[3]", "", "makes no sense"),
    ],
)
def test_images_that_cannot_be_listed_are_no_reason_to_refuse(
    monkeypatch: pytest.MonkeyPatch, code: int, out: str, said: str, told: str
) -> None:
    (finding,) = _listed(monkeypatch, code, out, said)
    assert finding.state is State.UNKNOWN
    assert told in finding.text


def test_a_program_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(words, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    (finding,) = checks.images(ask(command._images, []))
    assert finding.state is State.UNKNOWN
