"""The text of a job's command."""

from __future__ import annotations

from pathlib import Path

from snakemake_executor_omics.graph.commands import Command, _with_own_sources


def test_a_copy_that_snakemake_made_of_a_source_is_the_source_again(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "say.sh").write_text("sh scripts/more.sh\n")
    (tmp_path / "scripts" / "more.sh").write_text("echo more\n")
    copy = f"/cache/snakemake-runtime-cache/tmp1/file{tmp_path}/rules/../scripts/say.sh"
    found = _with_own_sources(Command(f"sh '{copy}' > out", sources=("x",)), tmp_path)
    assert found.text == f"sh '{tmp_path}/scripts/say.sh' > out"
    assert found.sources == ("x", "scripts/say.sh", "scripts/more.sh")


def test_a_command_without_such_copies_stays(tmp_path: Path) -> None:
    command = Command("sh /cache/tmp2/file/x.sh")
    assert _with_own_sources(command, tmp_path) is command
