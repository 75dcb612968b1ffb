"""Every path of the project has one place in a task, and none leads out of it."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.compile.sandbox import (
    OUTSIDE,
    archive,
    left_by_task,
    project_folder,
    seen_by_job,
)
from snakemake_executor_omics.model import OutputFile, OutputKind

_PATHS = st.lists(st.sampled_from(["a", "b c", ".."]), min_size=1, max_size=6).map(
    lambda parts: posixpath.normpath("/".join(parts))
) | st.sampled_from(["/data/x", "/x"])


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        ([], ""),
        (["a/b", "/abs"], ""),
        (["../x"], "project"),
        (["a", "../../x", "../y"], "parent/project"),
        (["../../.."], "parent/parent/project"),
    ],
)
def test_the_project_lies_as_deep_as_its_paths_climb(paths: list[str], folder: str) -> None:
    assert project_folder(paths) == folder


@given(st.lists(_PATHS, min_size=1))
def test_no_path_leads_out_of_the_task(paths: list[str]) -> None:
    folder = project_folder(paths)
    for path in paths:
        for kind in (OutputKind.FILE, OutputKind.DIRECTORY):
            place = left_by_task(OutputFile(path, kind), folder)
            assert not place.startswith(("/", ".."))


@given(st.lists(_PATHS, min_size=2, max_size=2, unique=True))
def test_two_files_have_two_places(paths: list[str]) -> None:
    folder = project_folder(paths)
    for kind in (OutputKind.FILE, OutputKind.DIRECTORY):
        one, other = (left_by_task(OutputFile(path, kind), folder) for path in paths)
        assert one != other


def test_an_absolute_path_lies_below_a_folder_of_its_own() -> None:
    assert seen_by_job("/data/x") == f"{OUTSIDE}/data/x"
    assert seen_by_job("data/x") == "data/x"


def test_a_directory_is_left_as_an_archive() -> None:
    output = OutputFile("../out/dir", OutputKind.DIRECTORY)
    assert archive(output) == ".omics/directories/.up/out/dir.tar"
    assert left_by_task(output, "project") == "project/.omics/directories/.up/out/dir.tar"
