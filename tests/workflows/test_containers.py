"""Images that the local service's plain processes do not use: looked at in the definition."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import environment

# To both questions that Snakemake has, `conda info` and `conda config --get`.
CONDA_INFO = (
    '{"platform": "linux-64", "conda_version": "24.9.0", "conda_prefix": "/opt", '
    '"get": {"channel_priority": "strict"}}'
)


def test_a_baked_environment_is_activated_where_containerize_puts_it(
    project: Callable[[str], Any], tmp_path: Path
) -> None:
    here = project("baked")
    conda = tmp_path / "conda"  # `--containerize` asks it for the platform
    conda.write_text(f"#!/bin/sh\necho '{CONDA_INFO}'\n")
    conda.chmod(0o755)
    path = f"{tmp_path}:{environment()['PATH']}"
    dockerfile = here.local("--containerize", PATH=path).stderr
    (baked,) = set(re.findall(r"/conda-envs/\w+", dockerfile))
    here.omics("out.txt")  # whether a plain process can activate it is chance
    (definition,) = (here.folder / ".snakemake/omics/definitions").glob("*/main.wdl")
    assert 'container: "registry.example/baked:1"' in definition.read_text()
    assert f"conda {baked} bash" in definition.read_text()


def test_each_task_has_the_image_of_its_rule(project: Callable[[str], Any]) -> None:
    here = project("one_run/containers")
    assert here.omics().returncode == 0
    (definition,) = (here.folder / ".snakemake/omics/definitions").glob("*/main.wdl")
    images = re.findall(r'container: "(.*)"', definition.read_text())
    *others, environment = sorted(images, key=lambda image: "ecr" in image)
    assert sorted(others) == ["alpine:3.20", "registry.example/image:1"]
    assert re.search(r"ecr\.us-east-1\.amazonaws\.com/snakemake/environment:\w{16}$", environment)
