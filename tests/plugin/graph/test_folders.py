"""Folders and patterns that a command names without declaring them."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_executor_omics.errors import UnsupportedRule
from snakemake_executor_omics.graph import folders
from snakemake_executor_omics.graph.folders import Folder, files_of, named_folders


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "config/a.yaml",
        "config/sub/b.yaml",
        "bin/tool",
        "data/x.tsv",
        "data/y.txt",
        "r.txt",
    ):
        file = tmp_path / "work" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "work/.snakemake").mkdir()
    (tmp_path / "work/.snakemake/log").touch()
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/z").touch()
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("command", "want"),
    [
        ("cp -r config/ out", {"config": ["config/a.yaml", "config/sub/b.yaml"]}),
        ("PATH=$PWD/bin:$PATH tool --conf=./config/sub", {
            "bin": ["bin/tool"], "config/sub": ["config/sub/b.yaml"]}),
        ('cat "$(pwd)"/data/*.tsv > x', {"data": ["data/x.tsv"]}),
        ("cp -r ../beside .", {"../beside": ["../beside/z"]}),
        ("awk '{print $1 * 2}' *.txt | sed 's/.*//'; grep '[a-z]*'; ls * .*", {".": ["r.txt"]}),
        ("cat data/*.csv nowhere/* config/a.yaml; ls .. . .snakemake /etc -data", {}),
    ],
)  # fmt: skip
def test_what_a_command_names(command: str, want: dict[str, list[str]], project: Path) -> None:
    found = named_folders(command, project)
    assert {folder.path: list(folder.files or ()) for folder in found} == want


def test_a_folder_where_the_workflow_makes_files_is_a_place_to_write_to() -> None:
    assert files_of(Folder("out", "out", ("out/old",)), "r", [], {"out"}) == ()
    assert files_of(Folder("out/*", "out", ("out/old",)), "r", [], {"out"}) == ("out/old",)


def test_what_is_too_large_is_refused_unless_some_of_it_is_declared(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_MOST_FILES", 1)
    folders._files.cache_clear()
    (folder,) = named_folders("tool data/", project)
    assert files_of(folder, "r", ["data/x.tsv"], ()) == ()
    with pytest.raises(UnsupportedRule, match="rule r: names data/ without declaring it"):
        files_of(folder, "r", ["database"], ())
    folders._files.cache_clear()
