"""Environments become folders of the project, each once, and the local service is told."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from conda_channel import tool, write_channel

from local_healthomics.engine.image_folders import ImageFolder
from snakemake_executor_omics.errors import ImageError
from snakemake_executor_omics.images import folders, solver
from snakemake_executor_omics.images.folders import EnvironmentFolders
from snakemake_executor_omics.model import Environment, JobKey, Step, Task, Wave

pytest.importorskip("rattler")
LOG = logging.getLogger("test")


def wave(channel: str, spec: str = "aligner", **parts: bytes) -> Wave:
    content = f"channels: ['{channel}']\ndependencies: [{spec}]\n".encode()
    environment = Environment(
        name="tools", content=content, base="base", file="envs/tools.yaml", **parts
    )
    key = JobKey("align", (), ("out.txt",))
    return Wave(
        (Task(key=key, layers=((Step(key=key, command=""),),), container="image",
              environment=environment),)
    )  # fmt: skip


@pytest.fixture
def channel(tmp_path: Path) -> str:
    return write_channel(tmp_path / "channel", [tool("aligner")])


def made(state: Path) -> list[Path]:
    return [path for path in (state / "environments").glob("*") if path.is_dir()]


def test_an_environment_is_made_once_and_told_to_the_service(
    tmp_path: Path, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = b"#!/bin/bash\ntouch $CONDA_PREFIX/deployed\n"
    EnvironmentFolders(tmp_path, LOG).make([wave(channel, post_deploy=script)])
    (prefix,) = made(tmp_path)
    assert (prefix / "deployed").exists()
    told = ImageFolder.of(tmp_path / "local/images", "image")
    assert told.folders == (str(prefix),)
    assert told.variables({"PATH": "/usr/bin"})["PATH"] == f"{prefix}/bin:/usr/bin"
    monkeypatch.setattr(folders, "solver", None)  # not asked again
    EnvironmentFolders(tmp_path, LOG).make([wave(channel, post_deploy=script)])


def test_a_half_made_environment_is_made_anew(tmp_path: Path, channel: str) -> None:
    EnvironmentFolders(tmp_path, LOG).make([wave(channel)])
    (prefix,) = made(tmp_path)
    (prefix / "omics-explicit.txt").unlink()
    (prefix / "bin/aligner").write_text("half")
    EnvironmentFolders(tmp_path, LOG).make([wave(channel)])
    assert "aligner 1.0" in (prefix / "bin/aligner").read_text()


def test_without_a_way_to_the_channels_it_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made_here = EnvironmentFolders(tmp_path, LOG)
    for _ in range(2):
        made_here.make([wave("http://127.0.0.1:9/none")])
    (said,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert "programs of this machine are used in place of the environments tools: there" in said
    assert ImageFolder.of(tmp_path / "local/images", "image") == ImageFolder()


def test_without_py_rattler_it_says_which_extra_to_install(
    tmp_path: Path, channel: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rattler", None)
    EnvironmentFolders(tmp_path, LOG).make([wave(channel)])
    assert "pip install '.[images]'" in caplog.text


def test_what_nothing_meets_names_the_file_and_the_rule(tmp_path: Path, channel: str) -> None:
    with pytest.raises(ImageError, match=r"envs/tools\.yaml of align cannot be made"):
        EnvironmentFolders(tmp_path, LOG).make([wave(channel, "aligner>2")])


def test_a_failed_script_shows_what_it_said(tmp_path: Path, channel: str) -> None:
    with pytest.raises(ImageError, match="ended with status 3: no licence"):
        EnvironmentFolders(tmp_path, LOG).make(
            [wave(channel, post_deploy=b"echo no licence; exit 3\n")]
        )


def test_the_lock_of_a_made_environment_is_kept(tmp_path: Path, channel: str) -> None:
    EnvironmentFolders(tmp_path, LOG).make([wave(channel)])
    (prefix,) = made(tmp_path)
    assert (
        f"{channel}/linux-64/aligner-1.0-0.tar.bz2#" in (prefix / "omics-explicit.txt").read_text()
    )
    assert (
        json.loads(next((tmp_path / "local/images").glob("*.json")).read_text())["image"] == "image"
    )
    assert solver.here()


def test_it_is_told_once_that_a_service_elsewhere_has_to_have_the_images(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environments = EnvironmentFolders(tmp_path, LOG)
    for _ in range(2):
        environments.leave_to("http://127.0.0.1:4566", [wave("file:///channel"), Wave(())])
    (told,) = caplog.messages
    assert "the service at http://127.0.0.1:4566 is to run tasks in image, the images" in told
