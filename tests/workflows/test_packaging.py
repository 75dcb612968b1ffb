"""`--omics-package` writes what a run would send, and `snakemake-omics package` calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import STARTED, files

SNAKEFILE = """
configfile: "config.yaml"
localrules: all, list
rule all:
    input: "all.txt", "list.txt"
rule up:
    input: "data/{s}.txt"
    output: "up/{s}.txt"
    retries: 1
    params: word=config["word"], more=config.get("more", "")
    shell: "(echo {params}; cat {input}) > {output}"
rule join:
    input: expand("up/{s}.txt", s=["a", "b"])
    output: "all.txt"
    script: "join.py"
rule list:
    output: "list.txt"
    shell: "ls data > {output}"
onstart: open("started.txt", "w")
onsuccess: open("ended.txt", "w")
"""
SCRIPT = "open(snakemake.output[0], 'w').write(''.join(open(x).read() for x in snakemake.input))"


def _fill(folder: Path) -> None:
    for sample in "ab":
        (folder / f"data/{sample}.txt").write_text(f"{sample}\n")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "join.py").write_text(SCRIPT)
    (folder / "config.yaml").write_text("word: hi\n")
    (folder / "profiles/default").mkdir(parents=True)
    (folder / "profiles/default/config.yaml").write_text("default-resources:\n  mem_mb: 3000\n")


def test_a_packaged_definition_is_the_one_that_a_run_sends(
    project: Callable[[str], Any],
) -> None:
    here = project("options")
    _fill(here.folder)
    options = ("--config", "more=of it", "--set-resources", "join:mem_mb=2 * 2000", "-k")
    before = here.files("profiles")
    packaged = here.omics("--omics-package", "out", *options)
    assert packaged.returncode == 0, packaged.stderr
    assert STARTED not in packaged.stderr
    assert "Traceback" not in packaged.stderr
    # No job, not even a local one, and none of the workflow's own handlers.
    assert here.files("profiles", "out/") == before
    assert sorted(path.name for path in (here.folder / "out").iterdir()) == [
        "README.md",
        "definition.zip",
        "jobs.json",
        "main.wdl",
        "parameter-template.json",
        "parameters.json",
    ]
    assert sorted(json.loads((here.folder / "out/parameters.json").read_text()).values()) == [
        "data/a.txt",
        "data/b.txt",
        "join.py",
    ]
    ran = here.omics(*options)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count(STARTED) == 1
    (sent,) = here.folder.glob(".snakemake/omics/definitions/*/definition.zip")
    assert sent.read_bytes() == (here.folder / "out/definition.zip").read_bytes()
    done = here.omics("--omics-package", "out2", *options)
    assert done.returncode == 1
    assert "everything is done already\nhint: --forceall" in done.stderr


@pytest.mark.service  # the command may start one; here it does not
def test_the_command_packages_several_snakefiles_of_a_project(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "workflow").mkdir(parents=True)
    for name in ("one", "two"):
        (folder / f"workflow/{name}.smk").write_text(
            f"rule {name}:\n    output: '{name}.txt'\n"
            "    container: config['image']\n"
            "    shell: 'echo {config[word]} > {output}'\n"
        )
    (tmp_path / "settings.yaml").write_text("image: docker://python:3.11\nword: hi\n")
    command = [sys.executable, "-m", "snakemake_executor_omics.cli", "package"]
    command += ["project/workflow/one.smk", "project/workflow/two.smk", "--output", "out"]
    command += ["--directory", "project", "--configfile", "settings.yaml", "--config", "word=there"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("one", "two"):
        wdl = (tmp_path / f"out/{name}/main.wdl").read_text()
        assert 'container: "python:3.11"' in wdl
        assert "echo there" in wdl
        assert str(tmp_path / f"out/{name}/definition.zip") in done.stdout
    assert not [name for name in files(folder) if name.endswith(".txt")]


@pytest.mark.service
def test_a_workflow_that_cannot_be_packaged_has_an_exit_status_and_a_sentence(
    tmp_path: Path,
) -> None:
    (tmp_path / "Snakefile").write_text("rule one:\n    output: '1'\n    cwl: 'tool.cwl'\n")
    command = [sys.executable, "-m", "snakemake_executor_omics.cli", "package", "Snakefile"]
    done = subprocess.run(
        [*command, "--output", "out"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "rule one: uses cwl:" in done.stderr
    assert "Traceback" not in done.stderr
