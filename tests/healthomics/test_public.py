"""What other projects use: the package's few names, and the pytest fixture."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import local_healthomics

ROOT = Path(__file__).parents[2]
THEIR_TEST = """
def test_there_is_a_service(local_healthomics):
    omics = local_healthomics.client("omics")
    group = omics.create_run_group(name="theirs", maxRuns=1)["id"]
    assert omics.get_run_group(id=group)["name"] == "theirs"
    open("state", "w").write(str(local_healthomics.state))


def test_it_is_the_same_for_all_tests(local_healthomics, monkeypatch):
    import boto3

    for name, value in local_healthomics.environment.items():
        monkeypatch.setenv(name, value)
    [group] = boto3.client("omics").list_run_groups()["items"]
    assert group["name"] == "theirs"


def test_it_has_the_options_of_the_project(local_healthomics):
    import pytest

    omics = local_healthomics.client("omics")
    with pytest.raises(omics.exceptions.ServiceQuotaExceededException):
        omics.create_run_group(name="one too many")
"""


def test_the_public_names() -> None:
    assert (
        sorted(local_healthomics.__all__)
        == local_healthomics.__all__
        == [
            "LocalError",
            "LocalService",
            "RunsOtherwise",
            "StartFailed",
            "__version__",
            "running",
            "start",
            "status",
            "stop",
        ]
    )
    assert all(hasattr(local_healthomics, name) for name in local_healthomics.__all__)


@pytest.mark.service
def test_a_service_lasts_as_long_as_its_context(tmp_path: Path) -> None:
    with local_healthomics.running() as service:
        assert service.client("s3").list_buckets()["Buckets"]
        assert local_healthomics.status(service.state) == service
        with local_healthomics.running(service.state) as same:
            assert same == service
        assert local_healthomics.status(service.state) == service
    assert not service.state.exists()


@pytest.mark.service
def test_other_projects_get_the_fixture(tmp_path: Path) -> None:
    """As pytest finds it: by the entry point, which an installation writes."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"{name} = {value}" for name, value in points["pytest11"].items()]
    installed = tmp_path / "packages" / "theirs-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]))
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_theirs.py").write_text(THEIR_TEST)
    (project / "pytest.ini").write_text(
        "[pytest]\nlocal_healthomics_options = --quota runGroups=1\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed.parent), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert local_healthomics.status(Path((project / "state").read_text())) is None


def test_the_plugin_of_pytest_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, local_healthomics.pytest_plugin; print(*sys.modules)"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"boto3", "botocore", "moto", "WDL", "werkzeug", "cheroot", "snakemake"}
    assert not heavy & set(done.stdout.split())
