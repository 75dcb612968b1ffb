"""What is taken for a good VCF, GFF3 or TSV file, and what is not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from local_healthomics.errors import ValidationFault
from local_healthomics.formats.variants import check_gff, check_tsv, check_vcf, lines

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
GENOTYPES = f"{HEADER}\tFORMAT\ts1\ts2"
SCHEMA = {"chr": "STRING", "pos": "INT", "score": "DOUBLE", "known": "BOOLEAN"}


@pytest.mark.parametrize(
    "text",
    [
        HEADER,
        f"{HEADER}\n1\t10\t.\tA\tT,<DEL>\t.\tPASS\tDP=3\n",
        f"{GENOTYPES}\n1\t10\trs1\tAC\tA\t29.5\t.\t.\tGT\t0|1\t1/1\r\n",
    ],
)
def test_a_vcf_has_a_header_and_records_of_its_columns(text: str) -> None:
    check_vcf(text.split("\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1 is not ##fileformat=VCF"),
        ("#CHROM\tPOS", "line 1 is not ##fileformat=VCF"),
        ("##fileformat=VCFv4.2\n", "no header of columns"),
        ("##fileformat=VCFv4.2\n1\t10\t.\tA\tT\t.\t.\t.", "line 2 is no header of columns"),
        (f"{HEADER}\tFORMAT", "line 2 is no header of columns"),
        (f"{HEADER}\n1\t10\t.\tA\tT\t.\t.", "line 3 has 7 columns, not 8"),
        (f"{GENOTYPES}\n1\t10\t.\tA\tT\t.\t.\t.\tGT\t0", "line 3 has 10 columns, not 11"),
        (f"{HEADER}\n1\tten\t.\tA\tT\t.\t.\t.", "line 3: POS 'ten' is no position"),
        (f"{HEADER}\n1\t-1\t.\tA\tT\t.\t.\t.", "POS '-1' is no position"),
        (f"{HEADER}\n1\t10\t.\tJ\tT\t.\t.\t.", "REF 'J' is no sequence of bases"),
        (f"{HEADER}\n1\t10\t.\tA\tT\thigh\t.\t.", "QUAL 'high' is no number"),
    ],
)
def test_a_bad_vcf_is_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(ValidationFault) as refused:
        check_vcf(text.split("\n"))
    assert said in refused.value.message


def test_qual_and_filter_are_not_looked_at_if_they_are_to_be_ignored() -> None:
    check_vcf(
        f"{HEADER}\n1\t10\t.\tA\tT\thigh\t\t.".split("\n"), ignore_qual=True, ignore_filter=True
    )


def test_a_gff_has_nine_columns() -> None:
    check_gff(["##gff-version 3", "chr1\tx\tgene\t1\t9\t.\t+\t.\tID=g", "###", "##FASTA", ">s"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "the file has no lines"),
        ("##gff-version 2", "is not GFF version 3"),
        ("chr1\tx\tgene\t1\t9\t.\t+\t.", "has 8 columns, not 9"),
        ("chr1\tx\tgene\t9\t1\t.\t+\t.\tID=g", "start 9 is after end 1"),
        ("chr1\tx\tgene\tone\t9\t.\t+\t.\tID=g", "start 'one' is no position"),
        ("chr1\tx\tgene\t1\t9\t.\tup\t.\tID=g", "strand 'up'"),
        ("chr1\tx\tCDS\t1\t9\t.\t+\t3\tID=g", "phase '3'"),
    ],
)
def test_a_bad_gff_is_refused_with_the_line(line: str, said: str) -> None:
    with pytest.raises(ValidationFault) as refused:
        check_gff([line])
    assert said in refused.value.message


def test_a_table_may_come_with_its_header_or_without() -> None:
    rows = ["1\t5\t0.5\ttrue", "2\t\t\t"]
    check_tsv(rows, schema=SCHEMA)
    check_tsv(["# a comment", "pos\tchr\tknown\tscore", "5\t1\tfalse\t1e3"], schema=SCHEMA)
    check_tsv(["chr,pos", '"a,b",5'], places={"POS": "pos"}, options={"sep": ",", "header": True})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the file has no rows"),
        (["1\t5\t0.5"], "row 1 has 3 columns, not 4"),
        (["1\tfive\t0.5\ttrue"], "pos 'five' is no INT"),
        (["1\t5\thigh\ttrue"], "score 'high' is no DOUBLE"),
        (["1\t5\t0.5\tyes"], "known 'yes' is no BOOLEAN"),
        (["1\t99999999999\t0.5\ttrue"], "is no INT"),
    ],
)
def test_a_table_that_breaks_its_schema_is_refused(rows: list[str], said: str) -> None:
    with pytest.raises(ValidationFault) as refused:
        check_tsv(rows, schema=SCHEMA)
    assert said in refused.value.message


def test_a_header_must_name_the_columns_of_the_schema_and_of_the_places() -> None:
    with pytest.raises(ValidationFault, match="no column known"):
        check_tsv(["chr\tpos\tscore"], schema=SCHEMA, options={"header": True})
    with pytest.raises(ValidationFault, match="no column start"):
        check_tsv(["chr\tpos"], places={"START": "start"}, options={"header": True})
    with pytest.raises(ValidationFault, match="start 9 is after end 5"):
        check_tsv(["s\te", "9\t5"], places={"START": "s", "END": "e"})


def test_lines_are_read_from_plain_and_gzip_files_alike(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a", tmp_path / "b"
    plain.write_bytes(b"one\ntwo")
    packed.write_bytes(gzip.compress(b"one;two;", mtime=0))
    assert list(lines(plain)) == ["one", "two"]
    assert list(lines(packed, separator=";")) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (gzip.compress(b"text " * 1000, mtime=0)[:20], "utf-8", "cannot be read"),
        (b"\x1f\x8bnot gzip", "utf-8", "cannot be read"),
        (b"\xff\xfe", "utf-8", "is no utf-8 text"),
        (b"text", "klingon", "is no klingon text"),
        (b"text", "\0", "null character"),
    ],
)
def test_a_file_that_cannot_be_read_is_bad(
    tmp_path: Path, content: bytes, encoding: str, said: str
) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(ValidationFault, match=said):
        list(lines(path, encoding=encoding))
