"""Which Python modules are the project's."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_executor_omics.graph.modules import ProjectModules


def _module(folder: Path, name: str, text: str = "") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)


def test_a_module_beside_the_project_travels_with_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _module(tmp_path / "lib", "omics_helper_one", "import omics_helper_two\n")
    _module(tmp_path / "lib", "omics_helper_two")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    modules = ProjectModules(tmp_path)
    modules.add("omics_helper_one")
    assert modules.place() == (["lib"], ["lib/omics_helper_one.py", "lib/omics_helper_two.py"])


def test_what_was_installed_into_a_folder_of_its_own_is_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _module(tmp_path / "installed", "omics_helper_three")
    (tmp_path / "installed" / "omics_helper_three-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "installed")
    modules = ProjectModules(tmp_path)
    modules.add("omics_helper_three")
    assert modules.place() == ([], [])
