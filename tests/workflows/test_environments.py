"""Rules with `conda:` run in the image of their environment, on a laptop in its folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conda_channel import tool, write_channel
from running import Done, forked

SNAKEFILE = """
rule all:
    input: "file.txt", "based.txt", "again.txt", "wrapped.txt"
rule file:
    output: "file.txt"
    conda: "envs/{name}.yaml".format(name="aligner")
    shell: "aligner > {output}"
rule based:
    output: "based.txt"
    container: "docker://debian:12"
    conda: "envs/aligner.yaml"
    shell: "aligner > {output}"
rule again:
    input: "file.txt"
    output: "again.txt"
    conda: "envs/copy/environment.yml"
    shell: "aligner | cat {input} - > {output}"
rule wrapped:
    output: "wrapped.txt"
    wrapper: f"file://{workflow.basedir}/wrappers/bio/counter/count"
"""
WRAPPER = "shell(f'counter > {snakemake.output[0]}')\nfrom snakemake.shell import shell\n"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/snakemake"


def project(tmp_path: Path, snakefile: str = SNAKEFILE) -> Path:
    packages = [tool("aligner", "1.0"), tool("aligner", "2.0"), tool("counter")]
    channel = write_channel(tmp_path / "channel", packages)
    folder = tmp_path / "project"
    wrapper = folder / "wrappers/bio/counter/count"
    for place in (folder / "envs/copy", wrapper):
        place.mkdir(parents=True)
    for file, spec in (
        (folder / "envs/aligner.yaml", "aligner"),
        (folder / "envs/copy/environment.yml", "aligner"),
        (wrapper / "environment.yaml", "counter"),
    ):
        file.write_text(f"channels: ['{channel}']\ndependencies: [{spec}]\n")
    pinned = f"@EXPLICIT\n{channel}/linux-64/aligner-1.0-0.tar.bz2\n"
    (folder / "envs/copy/environment.linux-64.pin.txt").write_text(pinned)
    (wrapper / "wrapper.py").write_text("\n".join(reversed(WRAPPER.splitlines())))
    (folder / "Snakefile").write_text(snakefile)
    return folder


def package(folder: Path, *options: str) -> Done:
    return forked(folder, "--executor", "omics", "--omics-package", "out", "--jobs", "1", *options)


def images(folder: Path) -> dict[str, str]:
    """The image of each rule's task."""
    text = (folder / "out/main.wdl").read_text()
    found = re.findall(r'\ntask ([a-z]+)_\w+ \{.*?container: "(.*?)"', text, flags=re.DOTALL)
    return dict(found)


def test_an_image_is_named_by_the_content_of_its_environment(tmp_path: Path) -> None:
    folder = project(tmp_path)
    done = package(folder)
    assert done.returncode == 0, done.stderr
    found = images(folder)
    names = {rule: image.rpartition(":")[0] for rule, image in found.items()}
    assert names == {
        "file": f"{REGISTRY}/aligner",
        "based": f"{REGISTRY}/aligner",
        "again": f"{REGISTRY}/envs-copy",
        "wrapped": f"{REGISTRY}/counter-count",
    }
    assert len({image.rpartition(":")[2] for image in found.values()}) == 4
    assert (folder / "out/main.wdl").read_text().count('. "$OMICS_ACTIVATE"') == 4


@pytest.mark.slow
def test_what_omics_images_says_stands_for_an_environment_or_image(tmp_path: Path) -> None:
    folder = project(tmp_path, SNAKEFILE + "rule own:\n    container: 'docker://tool:1'\n"
                     "    output: 'own.txt'\n    shell: 'echo > {output}'\n")  # fmt: skip
    (folder / "omics-images.yaml").write_text(
        "images:\n  envs/aligner.yaml: docker://quay.io/biocontainers/aligner:1--0\n"
        "  tool:1: tool@sha256:1234\n"
    )
    assert package(folder, "file.txt", "own.txt").returncode == 0
    assert images(folder) == {
        "file": "quay.io/biocontainers/aligner:1--0",
        "own": "tool@sha256:1234",
    }


def test_an_environment_of_this_machine_and_image_files_are_refused_at_once(
    tmp_path: Path,
) -> None:
    folder = project(
        tmp_path,
        SNAKEFILE.replace('"envs/aligner.yaml"', '"mine"')
        .replace(
            '    output: "file.txt"',
            "    container: 'library://tool:1'\n    output: \"file.txt\"",
        )
        .replace('    conda: "envs/{name}.yaml".format(name="aligner")\n', ""),
    )
    done = package(folder)
    assert done.returncode == 1
    assert "rule based: has the conda environment 'mine' of this machine" in done.stderr
    assert "conda env export --name mine > environment.yaml" in done.stderr
    assert "rule file: has the image library://tool:1, and HealthOmics pulls" in done.stderr


def test_a_laptop_runs_environments_without_conda_and_without_docker(tmp_path: Path) -> None:
    folder = project(tmp_path)
    done = forked(folder, "--executor", "omics", "--omics-endpoint", "local", "--jobs", "4")
    assert done.returncode == 0, done.stderr
    places = (folder / ".snakemake/omics/environments").iterdir()
    made = {path.name.rpartition("-")[0]: path for path in places if path.is_dir()}
    assert (folder / "file.txt").read_text().startswith("aligner 2.0 0 in ")
    told = (folder / "wrapped.txt").read_text()
    prefix = made["counter-count"]
    assert told == f"counter 1.0 0 in {prefix} home={prefix}/share/counter\n"
    assert "aligner 1.0 0 in" in (folder / "again.txt").read_text(), "its pin file"
