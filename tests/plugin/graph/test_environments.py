"""Conda environments of jobs, and the images in which they are made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from snakemake_executor_omics.graph import environments
from snakemake_executor_omics.graph.environments import EnvironmentReader


@pytest.mark.parametrize(
    ("image", "from_registries", "base", "left_out"),
    [
        (None, True, "debian:12", {}),
        ("docker://ubuntu:24.04", True, "ubuntu:24.04", {}),
        ("oras://ghcr.io/x/y:1", True, "debian:12", {"map": "oras://ghcr.io/x/y:1"}),
        ("images/tools.sif", True, "debian:12", {"map": "images/tools.sif"}),
        ("images/tools.sif", False, "images/tools.sif", {}),
    ],
)
def test_an_environment_is_made_in_the_image_of_its_rule_if_a_registry_has_that(
    image: str | None,
    from_registries: bool,
    base: str,
    left_out: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environments, "environment_files", lambda *_: (b"", None, None))
    file = SimpleNamespace(get_path_or_uri=lambda secret_free: "envs/map.yaml")
    rule = SimpleNamespace(
        name="map",
        conda_env="envs/map.yaml",
        resources={},
        workflow=None,
        expand_conda_env=lambda wildcards: SimpleNamespace(file=file),
    )
    job = SimpleNamespace(
        rule=rule, is_containerized=False, wildcards_dict={}, container_img_url=image
    )
    reader = EnvironmentReader(Path(), "debian:12", from_registries=from_registries)
    found = reader.of(job)
    assert found is not None
    assert found.base == base
    assert reader.left_out == left_out
