"""Where links lead, as Python's and miniwdl's own functions say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from WDL._util import path_really_within

from local_healthomics.engine import paths

PLACES = (
    *("in", "in/", "in/file", "in/../in/file", "up/in/file", "to file", "to folder", "to folder/"),
    *("to folder/file", "to nothing", "in/nothing", "nothing/file", "circle", "in/file/below"),
    *("inner", "", ".", "to socket"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("x")
    (tmp_path / "inner").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe")
    links = {"up": ".", "to file": "in/file", "to folder": "in", "to nothing": "nowhere/at all"}
    for name, target in {**links, "circle": "circle", "to socket": "in/pipe"}.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("place", PLACES)
def test_links_lead_where_python_says(
    folder: Path, place: str, kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernel:
        monkeypatch.setattr(paths, "_OPENED", "/nowhere")
    for path in (place, str(folder / place)):
        assert paths.real(path) == os.path.realpath(path)


@pytest.mark.parametrize("place", PLACES)
def test_a_path_is_within_another_as_miniwdl_says(folder: Path, place: str) -> None:
    for other in (*PLACES, "/"):
        for inner, outer in ((place, other), (str(folder / place), str(folder / other))):
            assert paths.really_within(inner, outer) == path_really_within(inner, outer)
