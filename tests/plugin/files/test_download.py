"""What a user put in a result's place meanwhile is kept beside it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from snakemake_executor_omics.files.archive import TIMESTAMP
from snakemake_executor_omics.files.download import keep_newer

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_BEFORE, _AFTER = _SINCE.timestamp() - 60, _SINCE.timestamp() + 60


def _file(path: Path, text: str, at: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def _kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".omics-kept" in path.name)


@pytest.mark.parametrize(
    ("text", "at", "since", "kept"),
    [
        ("theirs", _AFTER, _SINCE, True),
        ("theirs", _BEFORE, _SINCE, False),  # older than the run: its job makes it anew
        ("ours", _AFTER, _SINCE, False),  # the same content
        ("theirs", _AFTER, None, False),
    ],
)
def test_a_file_is_kept_if_it_is_newer_and_another(
    tmp_path: Path, text: str, at: float, since: datetime | None, kept: bool
) -> None:
    place = _file(tmp_path / "result.txt", text, at)
    fresh = _file(tmp_path / "fresh", "ours", _AFTER)
    said: list[str] = []
    keep_newer(place, fresh, since, said.append)
    assert _kept(tmp_path) == (["result.txt.omics-kept"] if kept else [])
    assert place.exists() is not kept
    assert len(said) == kept
    assert all("result.txt.omics-kept" in line for line in said)


def test_what_was_kept_before_is_kept_too(tmp_path: Path) -> None:
    fresh = _file(tmp_path / "fresh", "ours", _AFTER)
    for text in "abc":
        keep_newer(_file(tmp_path / "result", text, _AFTER), fresh, _SINCE, lambda line: None)
    assert _kept(tmp_path) == ["result.omics-kept", "result.omics-kept2", "result.omics-kept3"]
    assert (tmp_path / "result.omics-kept2").read_text() == "b"


def test_nothing_there_is_nothing_to_keep(tmp_path: Path) -> None:
    keep_newer(tmp_path / "none", tmp_path / "fresh", _SINCE, pytest.fail)


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [("a", "theirs", True), ("more", "theirs", True), (TIMESTAMP, "", False), ("a", "ours", False)],
)
def test_a_directory_is_kept_if_a_file_of_it_is_newer_and_another(
    tmp_path: Path, name: str, text: str, kept: bool
) -> None:
    for folder in ("result", "fresh"):
        _file(tmp_path / folder / "a", "ours", _BEFORE)
    _file(tmp_path / "result" / name, text, _AFTER)
    keep_newer(tmp_path / "result", tmp_path / "fresh", _SINCE, lambda line: None)
    assert _kept(tmp_path) == (["result.omics-kept"] if kept else [])


def test_a_file_in_a_directorys_place_is_kept(tmp_path: Path) -> None:
    _file(tmp_path / "fresh/a", "ours", _AFTER)
    keep_newer(
        _file(tmp_path / "result", "x", _AFTER), tmp_path / "fresh", _SINCE, lambda line: None
    )
    assert _kept(tmp_path) == ["result.omics-kept"]
