"""A failure that looks like a missing file which the project has says how to bring it along."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task
from snakemake_executor_omics.runs.missing import missing_advice

KEY = JobKey("plot", (), ("out.txt",))
TASK = Task(
    key=KEY,
    layers=((Step(key=KEY, command="", outputs=(OutputFile("out.txt"),)),),),
    inputs=(FileRef("data/given.txt"), FileRef("folder", directory=True)),
    sources=("scripts/plot.R",),
    container="x",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("data/given.txt", "folder/a.txt", "scripts/plot.R", "out.txt", "ref/genome.fa"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "lib.py").touch()
    (tmp_path / "pack").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("cat: ref/genome.fa: No such file or directory", "ref/genome.fa"),
        ("FileNotFoundError: [Errno 2] No such file or directory: './lib.py'", "lib.py"),
        ("[E::fai_load] could not open file /mnt/workflow/t-1/ref/genome.fa.", "ref/genome.fa"),
        ("cannot open file 'ref/genome.fa': No such file or directory", "ref/genome.fa"),
        ("ModuleNotFoundError: No module named 'lib'", "lib.py"),
        ("ModuleNotFoundError: No module named 'pack'", "pack/**/*"),
    ],
)
def test_a_missing_file_that_the_project_has_is_named(line: str, named: str, project: Path) -> None:
    (hint,) = missing_advice([line], TASK, project)
    assert hint.startswith(f"the project has {named}, ")
    assert hint.endswith(f"--omics-include '{named}'")


@pytest.mark.parametrize(
    "line",
    [
        "reads ref/genome.fa",
        "cat: none.txt: No such file or directory",
        "cat: data/given.txt: No such file or directory",
        "cat: folder/a.txt: No such file or directory",
        "cat: out.txt: No such file or directory",
        "bash: scripts/plot.R: not found",
        "No module named 'pandas'",
        "cat: ../x/ref: No such file or directory",
    ],
)
def test_nothing_is_said_of_what_the_project_has_not_or_the_task_had(
    line: str, project: Path
) -> None:
    assert missing_advice([line], TASK, project) == ()


def test_a_path_of_another_tasks_folder_is_told_as_that(project: Path) -> None:
    """A sample sheet that an earlier job made by `os.getcwd()`."""
    line = "FileNotFoundError: [Errno 2] No such file or directory: '/mnt/t-7/work/data/given.txt'"
    (hint,) = missing_advice([line], TASK, project)
    assert hint.startswith("the job had data/given.txt in its own folder")
    assert "os.getcwd()" in hint


@pytest.mark.parametrize(
    "line",
    [
        "cannot find an index of /mnt/t-1/work/data/given.txt",
        "/mnt/t-1/work/out.txt: No such file or directory",
        "data/given.txt: No such file or directory",
    ],
)
def test_an_absolute_path_of_the_tasks_own_is_none_of_another_ones(
    line: str, project: Path
) -> None:
    assert missing_advice([line], TASK, project) == ()
