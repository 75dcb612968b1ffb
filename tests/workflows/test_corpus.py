"""Workflows as people write them (see `corpus/README.md`), by both executors, file by file."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from running import forked

from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.files.archive import TIMESTAMP

from .conftest import Project

BUCKET = "stored"


@dataclass(frozen=True)
class Case:
    """What a workflow is called with; {copy} is where it lies.

    `runs` is in how many it goes, where that does not depend on what is ready when.
    """

    options: tuple[str, ...] = ()
    runs: int | None = 1
    slow: bool = True
    code: int = 0
    needs: tuple[str, ...] = ()  # programs; those of R's packages as `R:NAME`
    without: tuple[str, ...] = ()  # files that tell when they were made
    variables: tuple[tuple[str, str], ...] = ()


CASES = {
    "cohort": Case(slow=False),
    "clusters": Case(runs=2),
    "installed": Case(("--snakefile", "../workflow/Snakefile"), slow=False),
    "modules": Case(("--force-use-threads",), slow=False),
    "peaks": Case(slow=False),
    "dot_test": Case(
        (
            *("--directory", ".test", "--snakefile", "workflow/Snakefile"),
            *("--configfile", ".test/config/config.yaml"),
            *("--wrapper-prefix", "file://{copy}/wrappers/"),
        ),
        slow=False,
    ),
    "bins": Case(runs=None),
    "builds": Case(),
    "cluster": Case(("--profile", "profiles/slurm"), runs=None),
    "energy": Case(("--force-use-threads",)),
    "fails": Case(("--keep-going",), code=1),
    "expression": Case(needs=("Rscript",)),
    "genomes": Case(
        (
            *("--profile", "site", "--workflow-profile", "profiles/large"),
            *("--config", "depth=1", "trimming={tool: trimmer, minimum: [20, 30]}"),
        ),
        variables=(("XDG_CONFIG_HOME", "{copy}/home"),),
        runs=2,
    ),
    "imported": Case(slow=False),
    "names": Case(("--force-use-threads",)),
    "documents": Case(needs=("Rscript", "R:rmarkdown", "pandoc")),
    "notebooks": Case(needs=("papermill",), without=("logs/a.ipynb", "logs/b.ipynb")),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * case.slow) for name, case in CASES.items()],
)
def test_the_files_are_those_of_the_local_executor(
    name: str, both: Callable[..., Any], tmp_path: Path
) -> None:
    case = CASES[name]
    for needed in case.needs:
        if not _has(needed):
            pytest.skip(f"{needed} is not installed")
    copy = str(tmp_path / f"corpus-{name}")
    options = [option.replace("{copy}", copy) for option in case.options]
    variables = {name: value.replace("{copy}", copy) for name, value in case.variables}
    without = ("benchmarks", ".test/.snakemake", *case.without)
    done = both(f"corpus/{name}", *options, without=without, **variables)
    done.assert_same(code=case.code)
    assert case.runs in (None, done.runs), done.omics.stderr


@pytest.mark.slow
def test_a_report_shows_what_it_shows_after_a_local_run(
    project: Callable[[str], Project],
) -> None:
    reports = []
    for executor in ("local", "omics"):
        here = project("corpus/figures")
        done = getattr(here, executor)()
        assert done.returncode == 0, done.stderr
        made = forked(here.folder, "--report", "report.zip")
        assert made.returncode == 0, made.stderr
        with zipfile.ZipFile(here.folder / "report.zip") as report:
            content = {name: report.read(name) for name in report.namelist()}
        reports.append({**content, **here.files("benchmarks", "report.zip")})
    local, omics = reports
    page = "report/report.html"
    assert _without_times(omics.pop(page)) == _without_times(local.pop(page))
    assert omics == local


def _without_times(page: bytes) -> str:
    """A report's page but for when jobs ran, and how long."""
    text = page.decode()
    runtimes = [float(seconds) for seconds in re.findall(r'"runtime": ([-\d.e]+)', text)]
    assert runtimes
    assert min(runtimes) >= 0
    return re.sub(r"(?m)^.*(runtimes|timeline)_spec = .*$", "", text)


@pytest.mark.slow
def test_the_objects_of_a_bucket_are_those_of_the_local_executor(
    project: Callable[[str], Project], service: dict[str, str]
) -> None:
    services = connect(
        service["AWS_REGION"], None, service["AWS_ENDPOINT_URL"], environment=service
    )
    services.s3.create_bucket(Bucket=BUCKET)
    left = []
    for executor in ("local", "omics"):
        here = project("corpus/stored")
        for key in _objects(services):
            services.s3.delete_object(Bucket=BUCKET, Key=key)
        objects = here.folder / "objects"
        for path in objects.rglob("*"):
            if path.is_file():
                key = path.relative_to(objects).as_posix()
                services.s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        done = here.omics() if executor == "omics" else here.local(**service)
        assert done.returncode == 0, done.stderr
        left.append((_objects(services), here.files()))
    local, omics = left
    assert "results/report.txt" in omics[0]
    assert omics == local


def _objects(services: Services) -> dict[str, bytes]:
    listed = services.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    keys = [item["Key"] for item in listed]
    return {
        key: services.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        for key in keys
        if not key.endswith(TIMESTAMP)
    }


def _has(needed: str) -> bool:
    """Whether a program is here, or a package of R (`R:NAME`)."""
    kind, _, package = needed.rpartition(":")
    if not kind:
        return shutil.which(needed) is not None
    there = ["Rscript", "-e", f"quit(status = !requireNamespace('{package}', quietly = TRUE))"]
    return shutil.which("Rscript") is not None and not subprocess.run(there).returncode
