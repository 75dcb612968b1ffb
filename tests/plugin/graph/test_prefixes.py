"""Files that are named by how their names begin."""

from __future__ import annotations

from pathlib import Path

from snakemake_executor_omics.graph.prefixes import (
    beginning_with,
    beginnings,
    index_of,
    indexes_of,
)


def _with(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_name_may_stand_for_what_goes_on_after_a_sign() -> None:
    assert list(beginnings("idx/genome.1.bt2")) == ["idx", "idx/genome", "idx/genome.1"]
    assert list(beginnings("/data/x")) == ["/data"]


def test_a_prefix_stands_for_the_files_that_begin_with_it(tmp_path: Path) -> None:
    work = _with(tmp_path, "db/nt.nhr", "db/nt.nin", "db/nt2.nhr", "db/ntx", "db/nt.d/x", "nt.txt")
    assert list(beginning_with("db/nt", work)) == ["db/nt.nhr", "db/nt.nin"]
    assert list(beginning_with("nt", work)) == []  # a word by chance
    assert list(beginning_with("absent/nt", work)) == []


def test_what_is_there_itself_is_no_prefix(tmp_path: Path) -> None:
    work = _with(tmp_path, "db/nt", "db/nt.nin")
    assert list(beginning_with("db/nt", work)) == []


def test_indexes_lie_beside_a_file(tmp_path: Path) -> None:
    names = ("ref.fa", "ref.fa.fai", "ref.dict", "ref.fa.bwt", "ref.gtf", "ref.fa.gz")
    work = _with(tmp_path, *(f"ref/{name}" for name in names))
    assert list(indexes_of("ref/ref.fa", work, "gatk")) == ["ref/ref.dict", "ref/ref.fa.fai"]
    assert "ref/ref.fa.bwt" in indexes_of("ref/ref.fa", work, "bwa mem ref/ref.fa")
    assert list(indexes_of("ref/absent.fa", _with(tmp_path, "ref/absent.txt"), "")) == []


def test_a_part_of_an_index_tells_the_name_of_the_whole() -> None:
    parts = ("idx/g.rev.1.bt2", "idx/g.3.ht2l", "ref.fa.bwt", "nt.00.nsq", "x.bam", "g.1.txt")
    assert [index_of(part) for part in parts] == ["idx/g", "idx/g", "ref.fa", "nt", None, None]
