"""The texts of Snakefiles are read once, and nothing else is kept for that."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

from snakemake_executor_omics.graph import snakefiles
from snakemake_executor_omics.graph.snakefiles import Snakefiles


class _Workflow(SimpleNamespace):
    """Unlike its base it may be referred to weakly."""


def test_a_text_that_was_read_does_not_keep_its_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "Snakefile")
    monkeypatch.setattr(snakefiles, "python_of", lambda *_: "class A:\n    pass\n")
    workflow = _Workflow(included=[SimpleNamespace(get_path_or_uri=lambda **_: path)])
    kept = weakref.ref(workflow)
    (found,) = Snakefiles(workflow).classes(path, "A")
    del workflow
    gc.collect()
    assert kept() is None
    again = _Workflow(included=[SimpleNamespace(get_path_or_uri=lambda **_: path)])
    assert Snakefiles(again).classes(path, "A") == [found]  # the same object: not read again
