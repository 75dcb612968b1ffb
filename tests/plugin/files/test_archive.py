"""A directory becomes an archive and a directory again: the same bytes, and never outside of it."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.errors import StagingError
from snakemake_executor_omics.files.archive import (
    TIMESTAMP,
    archive_directory,
    directory_state,
    unpack_directory,
)

_NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=20
).filter(lambda name: name not in (".", "..", TIMESTAMP))
_TREES = st.dictionaries(
    _NAMES, st.binary(max_size=20) | st.dictionaries(_NAMES, st.binary(max_size=20), max_size=3)
)


def _write(folder: Path, tree: dict[str, object]) -> None:
    folder.mkdir()
    for name, content in tree.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            assert isinstance(content, dict)
            _write(folder / name, content)


def _read(folder: Path) -> dict[str, object]:
    return {
        path.name: _read(path) if path.is_dir() else path.read_bytes() for path in folder.iterdir()
    }


@settings(max_examples=50, deadline=None)
@given(_TREES)
def test_what_is_packed_is_unpacked(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "in", tree)
        archive_directory(folder / "in.tar", folder / "in")
        unpack_directory(folder / "in.tar", folder / "out")
        assert _read(folder / "out") == tree


def _member(name: str, content: bytes = b"", **more: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        for key, value in more.items():
            setattr(entry, key, value)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for number, mode in ((1, 0o600), (2, 0o664)):
        folder = tmp_path / str(number)
        _write(
            folder, {"b": b"2", "a": {"c": b"1"}} if number == 1 else {"a": {"c": b"1"}, "b": b"2"}
        )
        (folder / "b").chmod(mode)
        os.utime(folder / "b", (number, number))
        (folder / TIMESTAMP).touch()
        archive_directory(tmp_path / f"{number}.tar", folder)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_programs_stay_programs(tmp_path: Path) -> None:
    _write(tmp_path / "in", {"run": b"#!/bin/sh\n", "data": b""})
    (tmp_path / "in/run").chmod(0o700)
    archive_directory(tmp_path / "in.tar", tmp_path / "in")
    unpack_directory(tmp_path / "in.tar", tmp_path / "out")
    assert os.access(tmp_path / "out/run", os.X_OK)
    assert not (tmp_path / "out/data").stat().st_mode & 0o111


def test_a_link_within_stays_one_and_any_other_becomes_its_content(tmp_path: Path) -> None:
    _write(tmp_path / "in", {"a": b"1"})
    (tmp_path / "outside").write_bytes(b"2")
    (tmp_path / "in/within").symlink_to("a")
    (tmp_path / "in/without").symlink_to("../outside")
    (tmp_path / "in/absolute").symlink_to(tmp_path / "in/a")
    archive_directory(tmp_path / "in.tar", tmp_path / "in")
    unpack_directory(tmp_path / "in.tar", tmp_path / "out")
    assert os.readlink(tmp_path / "out/within") == "a"
    assert not (tmp_path / "out/without").is_symlink()
    assert _read(tmp_path / "out") == {"a": b"1", "within": b"1", "without": b"2", "absolute": b"1"}


def test_a_circle_of_links_is_told(tmp_path: Path) -> None:
    _write(tmp_path / "in", {"a": {}})
    (tmp_path / "in/a/back").symlink_to(tmp_path / "in")
    with pytest.raises(StagingError, match=r"links back into itself at .*a/back"):
        archive_directory(tmp_path / "in.tar", tmp_path / "in")


def test_a_link_to_nowhere_is_told_and_leaves_no_archive(tmp_path: Path) -> None:
    _write(tmp_path / "in", {})
    (tmp_path / "in/gone").symlink_to("/no/such/file")
    with pytest.raises(StagingError, match="cannot read the directory"):
        archive_directory(tmp_path / "in.tar", tmp_path / "in")
    assert not (tmp_path / "in.tar").exists()


@pytest.mark.parametrize(
    "archive",
    [
        _member("../escaped", b"x"),
        _member("/escaped", b"x") if os.name == "nt" else _member("a/../../escaped", b"x"),
        _member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        _member("link", type=tarfile.SYMTYPE, linkname="../escaped"),
        _member("device", type=tarfile.CHRTYPE),
        b"no archive",
    ],
)
def test_an_archive_that_leads_out_is_refused_and_the_old_content_stays(
    tmp_path: Path, archive: bytes
) -> None:
    _write(tmp_path / "out", {"old": b"1"})
    (tmp_path / "bad.tar").write_bytes(archive)
    with pytest.raises(StagingError, match="cannot unpack the directory"):
        unpack_directory(tmp_path / "bad.tar", tmp_path / "out")
    assert _read(tmp_path) == {"out": {"old": b"1"}, "bad.tar": archive}


def test_an_archive_replaces_what_was_there(tmp_path: Path) -> None:
    _write(tmp_path / "in", {"new": b"2"})
    archive_directory(tmp_path / "in.tar", tmp_path / "in")
    _write(tmp_path / "out", {"old": b"1"})
    seen: list[dict[str, object]] = []
    unpack_directory(tmp_path / "in.tar", tmp_path / "out", lambda fresh: seen.append(_read(fresh)))
    assert seen == [{"new": b"2"}]
    assert _read(tmp_path / "out") == {"new": b"2"}
    (tmp_path / "link").symlink_to("out")
    unpack_directory(tmp_path / "in.tar", tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("change", ["content", "new", "gone", "link", "folder"])
def test_any_change_in_a_directory_changes_its_state(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "in"
    _write(folder, {"a": b"1", "b": {"c": b"2"}})
    (folder / "l").symlink_to("a")
    before = directory_state(folder)
    assert directory_state(folder) == before
    assert before.size == 2
    if change == "content":
        (folder / "b/c").write_bytes(b"22")
    elif change == "new":
        (folder / "b/d").touch()
    elif change == "gone":
        (folder / "a").unlink()
    elif change == "link":
        (folder / "l").unlink()
        (folder / "l").symlink_to("b/c")
    else:
        (folder / "e").mkdir()
    assert directory_state(folder) != before


def test_snakemakes_timestamp_is_no_change(tmp_path: Path) -> None:
    _write(tmp_path / "in", {"a": b"1"})
    before = directory_state(tmp_path / "in")
    (tmp_path / "in" / TIMESTAMP).touch()
    assert directory_state(tmp_path / "in") == before
