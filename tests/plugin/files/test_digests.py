"""A file is read once, and again whenever it may have changed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import zlib
from pathlib import Path

import pytest

from snakemake_executor_omics.aws.checksums import Digest, OnBytes
from snakemake_executor_omics.errors import JournalError, StagingError
from snakemake_executor_omics.files.digests import Digests, FileState, digest_of, file_state

_OLD = FileState("1 1 1", 1, 1)
_YOUNG = FileState("1 1 1", 1, 2**62)
_DIGEST = Digest.of_bytes(b"x")


def _nothing(count: int) -> None:
    """Progress that nobody looks at."""


def _take(digests: Digests, name: str, state: FileState) -> None:
    digests.take([(name, state)], lambda name, moved: _DIGEST, _nothing)


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 2 * 1024 * 1024 + 1])
def test_a_digest_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "file").write_bytes(data)
    moved: list[int] = []
    found = digest_of(tmp_path / "file", moved.append)
    md5 = hashlib.md5(data).hexdigest()
    assert found == Digest(hashlib.sha256(data).hexdigest(), zlib.crc32(data), size, md5)
    assert found == Digest.of_bytes(data)
    assert sum(moved) == size


def test_a_state_tells_time_size_and_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    states = {file_state(path).text}
    os.utime(path, ns=(5, 5))
    assert file_state(path).newest_ns == 5
    states.add(file_state(path).text)
    path.write_bytes(b"22")
    os.utime(path, ns=(5, 5))
    states.add(file_state(path).text)
    (tmp_path / "other").write_bytes(b"22")
    os.utime(tmp_path / "other", ns=(5, 5))
    (tmp_path / "other").replace(path)
    states.add(file_state(path).text)
    assert len(states) == 4


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StagingError, match="the link leads to gone, which does not exist"):
        file_state(tmp_path / "link")
    with pytest.raises(StagingError, match="neither a file nor a directory"):
        file_state(tmp_path / "pipe")
    with pytest.raises(StagingError, match="No such file"):
        digest_of(tmp_path / "none")


def test_a_digest_is_known_in_the_state_it_was_taken_in(tmp_path: Path) -> None:
    for _ in range(2):  # the second time from disk
        with Digests(tmp_path / "deep/digests.sqlite", pytest.fail) as digests:
            _take(digests, "a", _OLD)
            assert digests.known("a", _OLD) == _DIGEST
            assert digests.known("a", FileState("2 2 2", 1, 1)) is None
            assert digests.known("b", _OLD) is None


def test_a_young_file_is_not_remembered(tmp_path: Path) -> None:
    with Digests(tmp_path / "digests.sqlite", pytest.fail) as digests:
        _take(digests, "a", _YOUNG)
        assert digests.known("a", _YOUNG) is None


def test_a_file_is_forgotten(tmp_path: Path) -> None:
    with Digests(tmp_path / "digests.sqlite", pytest.fail) as digests:
        _take(digests, "a", _OLD)
        _take(digests, "b", _OLD)
        digests.forget(["a", "never known"])
        assert digests.known("a", _OLD) is None
        assert digests.known("b", _OLD) == _DIGEST


def test_a_failure_keeps_what_was_read_and_stops_the_others(tmp_path: Path) -> None:
    failed = threading.Event()

    def read(name: str, moved: OnBytes) -> Digest:
        if name == "bad":
            failed.set()
            raise StagingError("cannot read bad")
        if name == "slow":
            failed.wait(60)
            while True:  # a large file: ends with the next bytes
                moved(1)
        return _DIGEST

    with Digests(tmp_path / "digests.sqlite", pytest.fail) as digests:
        _take(digests, "good", _OLD)
        with pytest.raises(StagingError, match="cannot read bad"):
            digests.take([("bad", _OLD), ("slow", _OLD)], read, _nothing)
        assert digests.known("good", _OLD) == _DIGEST
        assert digests.known("slow", _OLD) is None


@pytest.mark.parametrize("kind", ["text", "cut", "zeros", "foreign"])
def test_a_damaged_cache_is_made_anew_and_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "digests.sqlite"
    with Digests(path, print) as cache:
        many = [(f"{number}" * 20, _OLD) for number in range(500)]
        cache.take(many, lambda name, moved: _DIGEST, _nothing)
    content = path.read_bytes()
    if kind == "foreign":
        path.unlink()
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE content (name TEXT)")
        db.commit()
        db.close()
    else:
        path.write_bytes(
            {
                "text": b"no database at all, but text of some length" * 99,
                "cut": content[: len(content) // 3],
                "zeros": content[:4096] + bytes(len(content) - 4096),
            }[kind]
        )
    said: list[str] = []
    with Digests(path, said.append) as cache:
        _take(cache, "a", _OLD)
        assert cache.known("a", _OLD) == _DIGEST
        cache.forget(["a"])
        assert cache.known("a", _OLD) is None
    assert len(said) == 1
    assert "made anew" in said[0]


def test_a_cache_that_is_in_use_is_not_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digests.sqlite"
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, timeout=0))
    with Digests(path, print) as cache:
        _take(cache, "a", _OLD)
    other = connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match="locked"):
        Digests(path, print)
    other.close()
    with Digests(path, print) as cache:
        assert cache.known("a", _OLD) == _DIGEST
