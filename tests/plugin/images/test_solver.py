"""Packages of a channel made by hand are chosen and installed as conda would."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conda_channel import Package, tool, write_channel

from snakemake_executor_omics.errors import ChannelsUnreachable, ImageError
from snakemake_executor_omics.images import solver
from snakemake_executor_omics.images.activation import SCRIPT, write_activation
from snakemake_executor_omics.images.recipe import Recipe
from snakemake_executor_omics.model import Environment

pytest.importorskip("rattler")


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_channel(
        tmp_path_factory.mktemp("channel"),
        [
            tool("aligner", "1.0"),
            tool("aligner", "2.0", ["library >=1"]),
            Package("library", files={"lib/liblibrary.txt": "library"}),
            Package("modern", depends=["__glibc >=2.99"]),
            tool("learner", build="cpu"),
            tool("learner", "1.1", ["__cuda >=12"], build="cuda"),
        ],
    )


def recipe(channel: str, *specs: str, pins: str | None = None) -> Recipe:
    content = f"channels: ['{channel}']\ndependencies: {list(specs)}\n"
    return Recipe.of(
        Environment(
            name="tools",
            content=content.encode(),
            pins=None if pins is None else pins.encode(),
            base="base",
            file="envs/tools.yaml",
        )
    )


def names(solution: solver.Solution) -> list[str]:
    lines = solution.explicit.splitlines()
    return [line.rpartition("/")[2].partition("#")[0] for line in lines if "://" in line]


def test_the_newest_that_fits_is_chosen_with_what_it_needs(channel: str) -> None:
    found = solver.solve(recipe(channel, "aligner"), solver.LINUX)
    assert names(found) == ["aligner-2.0-0.tar.bz2", "library-1.0-0.tar.bz2"]


@pytest.mark.parametrize("spec", ["aligner=1.0", "aligner ==1.0", "aligner <2", "aligner 1.*"])
def test_versions_are_written_as_conda_takes_them(channel: str, spec: str) -> None:
    assert names(solver.solve(recipe(channel, spec), solver.LINUX)) == ["aligner-1.0-0.tar.bz2"]


def test_cuda_is_there_for_rules_with_a_gpu_only(channel: str) -> None:
    wanted = recipe(channel, "learner")
    assert names(solver.solve(wanted, solver.LINUX)) == ["learner-1.0-cpu.tar.bz2"]
    assert names(solver.solve(wanted, solver.LINUX, gpu=True)) == ["learner-1.1-cuda.tar.bz2"]


def test_a_newer_glibc_than_that_of_the_base_cannot_be_had(channel: str) -> None:
    with pytest.raises(ImageError, match="__glibc"):
        solver.solve(recipe(channel, "modern"), solver.LINUX)


def test_an_environment_works_where_it_is_for(channel: str, tmp_path: Path) -> None:
    folder = tmp_path / "prefix"
    folder.mkdir()
    solver.install(solver.solve(recipe(channel, "aligner"), solver.LINUX), folder)
    write_activation(folder, str(folder), {"GREETING": "it's me"})
    command = f'. "{folder / SCRIPT}"; aligner; echo "$GREETING"'
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout == (f"aligner 2.0 0 in {folder} home={folder}/share/aligner\nit's me\n")


def test_files_name_the_place_where_the_environment_will_be(channel: str, tmp_path: Path) -> None:
    solver.install(
        solver.solve(recipe(channel, "aligner"), solver.LINUX), tmp_path / "made", "/opt/env"
    )
    assert "in /opt/env home" in (tmp_path / "made/bin/aligner").read_text()


def test_pins_are_taken_as_they_are(channel: str, tmp_path: Path) -> None:
    solved = solver.solve(recipe(channel, "aligner=1.0"), solver.LINUX)
    pinned = solver.solve(recipe(channel, "aligner", pins=solved.explicit), solver.LINUX)
    assert pinned.explicit == solved.explicit
    solver.install(pinned, tmp_path / "prefix")
    assert "aligner 1.0" in (tmp_path / "prefix/bin/aligner").read_text()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("aligner-1.0-0", "aligner-1.5-0"),
        lambda text: text.partition("#")[0] + "#" + "0" * 32,
    ],
    ids=["not there", "other content"],
)
def test_pins_that_cannot_be_met_are_an_error(channel: str, tmp_path: Path, change: object) -> None:
    (line,) = [
        line
        for line in solver.solve(recipe(channel, "aligner=1.0"), solver.LINUX).explicit.splitlines()
        if "://" in line
    ]
    assert callable(change)
    pins = f"@EXPLICIT\n{change(line)}\n"
    with pytest.raises(ImageError):
        solver.install(
            solver.solve(recipe(channel, "aligner", pins=pins), solver.LINUX), tmp_path / "prefix"
        )


def test_channels_out_of_reach_are_told_apart(channel: str) -> None:
    with pytest.raises(ChannelsUnreachable):
        solver.solve(recipe("http://127.0.0.1:9/channel", "aligner"), solver.LINUX)
