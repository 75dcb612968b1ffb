"""One local HealthOmics for all cases; each case is a folder that both executors run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import STARTED, Done, files, forked

from local_healthomics import start

CASES = Path(__file__).parent
_BUCKET = "equivalence"


@pytest.fixture(scope="session")
def tools() -> Iterator[None]:
    """The stubs that stand for tools, for both executors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{CASES / 'corpus' / 'tools'}:{os.environ['PATH']}")
        yield


@pytest.fixture(scope="session")
def service(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variables that lead to the service."""
    running = start(tmp_path_factory.mktemp("healthomics"))
    variables = {
        **running.environment,
        "SNAKEMAKE_OMICS_ENDPOINT": running.endpoint_url,
        "SNAKEMAKE_OMICS_REGION": running.region,
        "SNAKEMAKE_OMICS_ROLE_ARN": running.role_arn,
        "SNAKEMAKE_OMICS_OUTPUT_URI": f"s3://{_BUCKET}/cases",
    }
    running.client("s3").create_bucket(Bucket=_BUCKET)
    yield variables
    running.stop()


@dataclass(frozen=True)
class Project:
    """A copy of a case, and how to run it: in `folder`, which may be a part of the copy."""

    copy: Path
    folder: Path
    service: dict[str, str]

    def local(self, *options: str, **variables: str) -> Done:
        return forked(self.folder, "--executor", "local", "--cores", "4", *options, **variables)

    def omics(self, *options: str, **variables: str) -> Done:
        jobs = () if "--jobs" in options else ("--jobs", "50")
        return forked(
            self.folder,
            "--executor",
            "omics",
            "--omics-poll-seconds",
            "0.2",
            *jobs,
            *options,
            **self.service,
            **variables,
        )

    def files(self, *without: str) -> dict[str, bytes]:
        return files(self.copy, without=(".snakemake", "project/.snakemake", *without))

    def executables(self) -> list[str]:
        """The project's files that have an execute bit."""
        found = [path for path in sorted(self.copy.rglob("*")) if os.access(path, os.X_OK)]
        files = [path for path in found if path.is_file() and ".snakemake" not in path.parts]
        return [path.relative_to(self.copy).as_posix() for path in files]


@dataclass(frozen=True)
class Both:
    """What the two executors said and left for the same call."""

    local: Done
    omics: Done
    local_files: dict[str, bytes]
    omics_files: dict[str, bytes]
    local_executables: list[str]
    omics_executables: list[str]

    @property
    def runs(self) -> int:
        return self.omics.stderr.count(STARTED)

    def assert_same(self, *, code: int = 0) -> None:
        assert self.local.returncode == code, self.local.stderr
        assert self.omics.returncode == code, self.omics.stderr
        assert list(self.omics_files) == list(self.local_files)
        for name, content in self.omics_files.items():
            assert content == self.local_files[name], name
        assert self.omics_executables == self.local_executables


@pytest.fixture
def project(tmp_path: Path, service: dict[str, str]) -> Callable[[str], Project]:
    """Gives a fresh copy of a case: each time in the same place, so that paths are the same."""

    def copy(case: str) -> Project:
        target = tmp_path / case.replace("/", "-")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(CASES / case, target, symlinks=True)
        below = target / "project"
        return Project(target, below if below.is_dir() else target, service)

    return copy


@pytest.fixture
def both(project: Callable[[str], Project]) -> Callable[..., Both]:
    """Runs a case with both executors; `without` names what need not be the same."""

    def run(case: str, *options: str, without: tuple[str, ...] = (), **variables: str) -> Both:
        here = project(case)
        local = here.local(*options, **variables)
        local_files, executables = here.files(*without), here.executables()
        there = project(case)
        omics = there.omics(*options, **variables)
        return Both(
            local, omics, local_files, there.files(*without), executables, there.executables()
        )

    return run
