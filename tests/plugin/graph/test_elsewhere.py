"""What a text names by absolute paths outside of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_executor_omics.graph.elsewhere import Elsewhere, named_elsewhere, project_paths


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a project and, beside it, what its configuration names."""
    for name in ("project/own.txt", "data/adapters.fa", "data/idx/genome.1.bt2", "data/a b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("ACGT\n")
    (tmp_path / "data/idx/genome.2.bt2").write_text("ACGT\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("trim -a {}/data/adapters.fa", ["adapters.fa"]),
        ("trim --adapters={}/data/adapters.fa", ["adapters.fa"]),
        ("bowtie2 -x {}/data/idx/genome -U", ["idx/genome.1.bt2", "idx/genome.2.bt2"]),
        ("PATH={}/data/idx:$PATH", ["idx/genome.1.bt2", "idx/genome.2.bt2"]),
        ("open('{}/data/a b.txt')", ["a b.txt"]),
        ("cat {}/project/../data/adapters.fa", ["adapters.fa"]),
        ("cat {}/data/absent", []),
        ("cat {}/project/own.txt", []),
        ("cd {}", []),
        ("/usr/bin/env; cat /etc/hosts /dev/null > /tmp/scratch", []),
    ],
)
def test_what_is_here_of_a_name_goes_along(place: Path, text: str, files: list[str]) -> None:
    found = named_elsewhere(text.format(place), place / "project")
    assert [file for name in found for file in name.files or ()] == [
        str(place / "data" / file) for file in files
    ]


def test_a_folder_of_the_workflow_is_looked_into_wherever_it_lies(tmp_path: Path) -> None:
    work = tmp_path / "project"
    work.mkdir()
    assert named_elsewhere("ls /usr/bin/env", work) == []
    assert named_elsewhere("ls /usr/bin/env", work, ["/usr/bin"]) == [
        Elsewhere("/usr/bin/env", ("/usr/bin/env",))
    ]


def test_a_folder_goes_without_its_snakefiles_and_hidden_folders(place: Path) -> None:
    for name in ("data/Snakefile", "data/rules/x.smk", "data/.git/config"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("")
    (found,) = named_elsewhere(f"ls {place}/data", place / "project")
    names = [Path(file).name for file in found.files or ()]
    assert names == ["a b.txt", "adapters.fa", "genome.1.bt2", "genome.2.bt2"]


def test_what_is_too_large_does_not_go(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{place}/data/adapters.fa"
    assert named_elsewhere(text, place / "project", largest=3) == [Elsewhere(text, None)]
    monkeypatch.setattr("snakemake_executor_omics.graph.folders.LARGEST", 3)
    assert named_elsewhere(f"{place}/data", place / "project") == [Elsewhere(f"{place}/data", None)]
    assert project_paths([Elsewhere(text, None)], place / "project") == ({}, [])


def test_a_name_has_the_project_path_of_what_it_means(place: Path) -> None:
    work = place / "project"
    written = f"{work}/../data/idx/genome"
    names, files = project_paths(named_elsewhere(f"x {written}", work), work)
    assert names == {written: f"{place}/data/idx/genome"}
    assert files == [f"{place}/data/idx/genome.{part}.bt2" for part in (1, 2)]
