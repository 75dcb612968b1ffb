"""What no task can do is refused before a run starts, with a sentence that names the rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from running import STARTED

SECRET = "xyzzy-swordfish"

REFUSED: dict[str, tuple[Sequence[str], str]] = {
    "no_image.txt": (
        ["--snakefile", "no_image.smk", "--container-image", ""],
        "rule no_image: has no container",
    ),
    "cwl.txt": ([], "rule cwl: uses cwl:, a workflow engine of its own"),
    "modules.txt": (
        ["--software-deployment-method", "env-modules"],
        "rule modules: uses env_modules:",
    ),
    "conda.txt": ([], "rule conda: has the conda environment 'mine' of this machine"),
    "line\nbreak.txt": ([], "rule line_break: the path 'line\\nbreak.txt' holds a line break"),
    "by_name.txt": ([], "rule by_name: uses the environment variable SECRET_TOKEN"),
    "by_value.txt": ([], "its value would stand in the workflow definition"),
    "in_snakemake.txt": ([], "rule in_snakemake: uses the environment variable SECRET_TOKEN"),
    "streamed.txt": ([], "joined by service() to rules of other containers"),
    "unprintable.txt": ([], "rule other_unprintable: has a command that Snakemake cannot print"),
    "fine.txt": (["--immediate-submit", "--notemp"], "--immediate-submit does not go with"),
}


@pytest.mark.parametrize("target", REFUSED)
def test_it_is_refused_before_a_run_starts(target: str, project: Callable[[str], Any]) -> None:
    options, sentence = REFUSED[target]
    here = project("refused")
    done = here.omics(target, *options, SECRET_TOKEN=SECRET)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert STARTED not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_declared_secret_goes_nowhere(project: Callable[[str], Any]) -> None:
    here = project("refused")
    done = here.omics("fine.txt", SECRET_TOKEN=SECRET)
    assert done.returncode == 0, done.stderr
    for path in (here.folder / ".snakemake").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    assert SECRET not in done.stderr
