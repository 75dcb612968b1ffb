"""What a task has of files that its command names without declaring them."""

from __future__ import annotations

from pathlib import Path

from snakemake_executor_omics.graph.inputs import _results
from snakemake_executor_omics.graph.task_settings import TaskSettings
from snakemake_executor_omics.model import FileRef, JobKey


def test_results_that_a_command_names_are_those_that_are_made_or_here(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done/here.txt").touch()
    (tmp_path / "old.txt").touch()
    produced = frozenset(
        {"a.txt", "word", "done/here.txt", "old.txt", "local.txt", "index", "gone.txt"}
    )
    settings = TaskSettings(
        tmp_path, produced=produced, pending=produced - {"done/here.txt", "gone.txt"}
    )
    maker = JobKey("r", (), ("a.txt",))
    made = {
        "word": FileRef("word", maker),
        "a.txt": FileRef("a.txt", maker),
        "index": FileRef("index", maker, directory=True),
    }
    names = [
        "word",
        "a.txt",
        "index",
        "done/here.txt",
        "old.txt",
        "local.txt",
        "gone.txt",
        "data/x",
    ]
    assert list(_results(names, settings, made)) == [
        FileRef("a.txt", maker),
        FileRef("index", maker, directory=True),
        FileRef("done/here.txt"),
    ]
