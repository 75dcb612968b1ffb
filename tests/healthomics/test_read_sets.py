"""Read sets: what they tell of themselves, how they are read, found, archived and deleted."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import os
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pysam
import pytest
from botocore.exceptions import ClientError

import local_healthomics as local
from local_healthomics.errors import ValidationFault
from local_healthomics.formats import Reader, Reference, Survey, alignments, child, reads

from .conftest import Clients, connect, settled
from .sequence_data import (
    REFERENCE,
    SequenceStore,
    alignment,
    bam,
    bgzipped,
    cram,
    fasta,
    fastq,
    gzipped,
    parts_of,
)


@pytest.fixture(scope="module")
def store(fake: Clients) -> SequenceStore:
    return SequenceStore.new(fake)


def test_metadata_say_what_was_uploaded_and_what_is_in_it(store: SequenceStore) -> None:
    found = store.uploaded(gzipped(fastq(3)), description="as is", generatedFrom="1000 Genomes")
    id = found["id"]
    assert found["arn"].endswith(f":sequenceStore/{store.id}/readSet/{id}")
    assert (found["fileType"], found["description"]) == ("FASTQ", "as is")
    assert (found["subjectId"], found["sampleId"]) == ("subject", "sample")
    assert found["sequenceInformation"] == {
        "totalReadCount": 3,
        "totalBaseCount": 12,
        "alignment": "UNALIGNED",
        "generatedFrom": "1000 Genomes",
    }
    source = found["files"]["source1"]
    assert (source["totalParts"], source["partSize"]) == (1, 100 * 1024 * 1024)
    assert "source2" not in found["files"]


def test_a_part_or_file_that_is_not_there_is_refused(store: SequenceStore) -> None:
    id, errors = store.uploaded(fastq())["id"], store.clients.omics.exceptions
    with pytest.raises(errors.RangeNotSatisfiableException):
        store.read(id, part=2)
    with pytest.raises(errors.ResourceNotFoundException):
        store.read(id, file="SOURCE2")
    with pytest.raises(errors.ResourceNotFoundException):
        store.read("9999999999")


def test_a_read_set_is_of_one_store_and_one_account(fake: Clients, store: SequenceStore) -> None:
    id = store.uploaded(fastq())["id"]
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        SequenceStore.new(fake).metadata(id)


def test_its_s3_uri_serves_the_file(store: SequenceStore) -> None:
    found = store.uploaded(gzipped(fastq()))
    place = parts_of(found["files"]["source1"]["s3Access"]["s3Uri"])
    assert place["Key"].startswith(f"123456789012/sequenceStore/{store.id}/readSet/{found['id']}/")
    assert store.clients.s3.get_object(**place)["Body"].read() == gzipped(fastq())


def test_s3_objects_carry_the_tags_that_access_is_ruled_by(fake: Clients) -> None:
    store = SequenceStore.new(fake, propagatedSetLevelTags=["team"])
    found = store.uploaded(fastq(), tags={"team": "one", "room": "2"})
    place = parts_of(found["files"]["source1"]["s3Access"]["s3Uri"])

    def tags() -> dict[str, str]:
        return {t["Key"]: t["Value"] for t in fake.s3.get_object_tagging(**place)["TagSet"]}

    ids = {"omics:subjectId": "subject", "omics:sampleId": "sample"}
    assert tags() == {**ids, "team": "one"}
    fake.omics.tag_resource(resourceArn=found["arn"], tags={"team": "two"})
    assert tags() == {**ids, "team": "two"}
    assert fake.omics.list_tags_for_resource(resourceArn=found["arn"])["tags"]["room"] == "2"
    fake.omics.untag_resource(resourceArn=found["arn"], tagKeys=["team"])
    assert tags() == ids


@pytest.fixture(scope="module")
def library(fake: Clients) -> tuple[SequenceStore, dict[str, str]]:
    """A store of three read sets that differ in everything one may ask for."""
    store = SequenceStore.new(fake)
    fake.s3.create_bucket(Bucket="library")
    fake.s3.put_object(Bucket="library", Key="reads.fastq", Body=fastq())
    ids = {
        "plain": store.uploaded(fastq(), name="plain")["id"],
        "failed": store.uploaded(b"no reads", name="failed", subjectId="other")["id"],
    }
    done = store.imported(
        {
            "name": "imported",
            "sampleId": "another",
            "generatedFrom": "somewhere",
            "referenceArn": REFERENCE,
            "sourceFiles": {"source1": "s3://library/reads.fastq"},
        }
    )
    return store, {**ids, "imported": done["sources"][0]["readSetId"]}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"name": "plain"}, {"plain"}),
        ({"status": "UPLOAD_FAILED"}, {"failed"}),
        ({"status": "ACTIVE"}, {"plain", "imported"}),
        ({"subjectId": "other"}, {"failed"}),
        ({"sampleId": "another"}, {"imported"}),
        ({"generatedFrom": "somewhere"}, {"imported"}),
        ({"referenceArn": REFERENCE}, {"imported"}),
        ({"creationType": "UPLOAD"}, {"plain", "failed"}),
        ({"creationType": "IMPORT", "name": "plain"}, set()),
        ({"createdAfter": "2020-01-01T00:00:00Z"}, {"plain", "failed", "imported"}),
        ({"createdBefore": "2020-01-01T00:00:00Z"}, set()),
    ],
)
def test_read_sets_are_found_by_what_they_are(
    library: tuple[SequenceStore, dict[str, str]], asked: dict[str, str], found: set[str]
) -> None:
    store, ids = library
    assert set(store.ids(**asked)) == {ids[name] for name in found}


def test_read_sets_are_listed_in_pages(library: tuple[SequenceStore, dict[str, str]]) -> None:
    store, ids = library
    pages = list(
        store.clients.omics.get_paginator("list_read_sets").paginate(
            sequenceStoreId=store.id, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["readSets"]) for page in pages] == [2, 1]
    assert {item["id"] for page in pages for item in page["readSets"]} == set(ids.values())


def test_deleted_read_sets_and_their_objects_are_gone(fake: Clients) -> None:
    store = SequenceStore.new(fake)
    kept, *deleted = (store.uploaded(fastq())["id"] for _ in range(3))
    place = parts_of(store.metadata(deleted[0])["files"]["source1"]["s3Access"]["s3Uri"])
    assert "errors" not in fake.omics.batch_delete_read_set(sequenceStoreId=store.id, ids=deleted)
    assert store.ids() == [kept]
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        store.metadata(deleted[0])
    with pytest.raises(ClientError, match="404"):
        fake.s3.head_object(**place)


def test_what_cannot_be_deleted_is_told_and_the_rest_deleted(fake: Clients) -> None:
    store = SequenceStore.new(fake)
    id = store.uploaded(fastq())["id"]
    (error,) = fake.omics.batch_delete_read_set(sequenceStoreId=store.id, ids=["9999999999", id])[
        "errors"
    ]
    assert (error["id"], error["code"]) == ("9999999999", "ResourceNotFoundException")
    assert store.ids() == []


def test_a_store_is_deleted_only_when_it_is_empty(fake: Clients) -> None:
    store = SequenceStore.new(fake)
    id = store.uploaded(fastq())["id"]
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.delete_sequence_store(id=store.id)
    fake.omics.batch_delete_read_set(sequenceStoreId=store.id, ids=[id])
    fake.omics.delete_sequence_store(id=store.id)


@pytest.mark.parametrize("family", ["MD5up", "SHA256up", "SHA512up"])
def test_the_etag_of_fastq_is_a_hash_of_the_uncompressed_file(fake: Clients, family: str) -> None:
    store = SequenceStore.new(fake, eTagAlgorithmFamily=family)
    expected = hashlib.new(family.removesuffix("up").lower(), fastq()).hexdigest()
    for content in (fastq(), gzipped(fastq()), gzip.compress(fastq(), 1)):
        assert store.uploaded(content)["etag"] == {
            "algorithm": f"FASTQ_{family}",
            "source1": expected,
        }


def test_the_etag_of_bam_is_a_hash_of_its_alignments_as_sam(
    store: SequenceStore, tmp_path: Path
) -> None:
    path = bam(tmp_path / "one.bam")
    expected = hashlib.md5(pysam.view(str(path)).encode()).hexdigest()  # type: ignore[attr-defined]
    other_header = bam(tmp_path / "two.bam", comment="another header")
    for content in (path.read_bytes(), other_header.read_bytes()):
        found = store.uploaded(content, sourceFileType="BAM", referenceArn=REFERENCE)
        assert found["etag"] == {"algorithm": "BAM_MD5up", "source1": expected}
        assert found["sequenceInformation"] == {
            "totalReadCount": 2,
            "totalBaseCount": 10,
            "alignment": "ALIGNED",
        }


def test_unaligned_bam_has_etags_like_bam_and_no_index(
    store: SequenceStore, tmp_path: Path
) -> None:
    path = bam(tmp_path / "u.bam", chromosome=None)
    found = store.uploaded(path.read_bytes(), sourceFileType="UBAM")
    assert found["etag"]["algorithm"] == "BAM_MD5up"
    assert found["sequenceInformation"]["alignment"] == "UNALIGNED"
    assert "index" not in found["files"]


def test_aligned_reads_get_an_index(store: SequenceStore, tmp_path: Path) -> None:
    content = bam(tmp_path / "x.bam").read_bytes()
    found = store.uploaded(content, sourceFileType="BAM", referenceArn=REFERENCE)
    assert found["files"]["index"]["s3Access"]["s3Uri"].endswith("/HG00146.bam.bai")
    assert store.read(found["id"], file="INDEX").startswith(b"BAI\x01")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    found = Reader()
    yield found
    found.close()


def linked(folder: Path, genome: Path) -> Reference:
    index = folder / f"{genome.name}.index"
    pysam.faidx("--fai-idx", str(index), str(genome))
    return Reference(genome, index)


def samtools_view(path: Path, genome: Path) -> str:
    said: str = pysam.view("-T", str(genome), str(path))  # type: ignore[attr-defined]
    return hashlib.md5(said.encode()).hexdigest()


@pytest.mark.parametrize("packed", [False, True])
def test_the_etag_of_cram_is_that_of_its_alignments_with_the_reference(
    tmp_path: Path, reader: Reader, packed: bool
) -> None:
    genome = fasta(tmp_path / "genome.fa")
    path, reference = cram(tmp_path / "x.cram", genome), linked(tmp_path, genome)
    expected = samtools_view(path, genome)
    if packed:  # its index is that of the text
        genome.write_bytes(gzipped(genome.read_bytes()))
    (tmp_path / "work").mkdir()
    [found], index = reader.survey([path], "CRAM", "MD5up", tmp_path / "work", reference)
    assert found == Survey(expected, reads=2, bases=10)
    assert index is not None
    assert gzip.decompress(index.read_bytes()).startswith(b"0\t")


@pytest.mark.parametrize(
    ("genome", "said"),
    [
        (None, "names none here"),
        (b">chr2\nACGT\n", "has no sequence chr1"),
        (b">chr1\n" + b"TTTTTTTTTT\n" * 100, "no whole CRAM"),  # what it was not made with
    ],
)
def test_cram_is_read_with_its_reference_and_no_other(
    tmp_path: Path, genome: bytes | None, said: str
) -> None:
    """Neither with the file that its header names, of this machine, nor one of the internet."""
    path = cram(tmp_path / "x.cram", fasta(tmp_path / "genome.fa"))
    place = tmp_path / "other.fa"
    if genome:
        place.write_bytes(genome)
        pysam.faidx(str(place))
    with pytest.raises(ValidationFault, match=said):
        alignments.read(path, "CRAM", hashlib.md5(), place if genome else None)


def test_an_imported_cram_is_read_with_the_reference_that_it_is_linked_to(
    fake: Clients, store: SequenceStore, tmp_path: Path
) -> None:
    genome = fasta(tmp_path / "genome.fa")
    path = cram(tmp_path / "x.cram", genome)
    fake.s3.create_bucket(Bucket="crams")
    fake.s3.upload_file(str(genome), "crams", "genome.fa")
    fake.s3.upload_file(str(path), "crams", "x.cram")
    references = fake.omics.create_reference_store(name="for CRAM")["id"]
    job = fake.omics.start_reference_import_job(
        referenceStoreId=references,
        roleArn=fake.service.role_arn,
        sources=[{"sourceFile": "s3://crams/genome.fa", "name": "genome"}],
    )
    settled(
        lambda: fake.omics.get_reference_import_job(referenceStoreId=references, id=job["id"]),
        "COMPLETED",
    )
    [reference] = fake.omics.list_references(referenceStoreId=references)["references"]
    source = {"sourceFileType": "CRAM", "sourceFiles": {"source1": "s3://crams/x.cram"}}
    done = store.imported(
        {**source, "referenceArn": reference["arn"]}, {**source, "referenceArn": REFERENCE}
    )
    assert done["status"] == "COMPLETED_WITH_FAILURES"
    good, bad = done["sources"]
    found = store.metadata(good["readSetId"])
    assert found["etag"] == {"algorithm": "CRAM_MD5up", "source1": samtools_view(path, genome)}
    assert store.read(found["id"], file="INDEX").startswith(b"\x1f\x8b")
    assert bad["status"] == "FAILED"
    assert "referenceArn names none here" in bad["statusMessage"]


def read_one(path: Path, file_type: str) -> tuple[int, int]:
    if file_type == "FASTQ":
        return reads.read(path, hashlib.md5())
    return alignments.read(path, file_type, hashlib.md5(), None)


def header(references: int, names: bytes = b"") -> bytes:
    """A BAM that says that it has so many references."""
    return bgzipped(b"BAM\x01" + struct.pack("<ii", 0, references) + names)


@pytest.mark.parametrize(
    ("file_type", "content"),
    [
        ("FASTQ", b""),
        ("FASTQ", b"@read\nACGT\n+\nIII\n"),
        ("FASTQ", b"@read\nACGT\n"),
        ("FASTQ", b">read\nACGT\n+\nIIII\n"),
        ("FASTQ", gzipped(fastq())[:-9]),
        ("FASTQ", b"\x1f\x8b\x08\x00" + b"\xff" * 99),
        ("BAM", b""),
        ("BAM", fastq()),
        ("BAM", bgzipped(fastq())),
        ("BAM", gzipped(b"BAM\x01" + bytes(8))),  # gzip that is no BGZF
        ("BAM", bgzipped(b"@HD\tVN:1.6\nr\t4\t*\t0\t0\t*\t*\t0\t0\tA\tI\n")),  # SAM
        ("BAM", bgzipped(b"BAM\x01" + b"\xff" * 8)),
        ("BAM", bgzipped(b"BAM\x01\x00\x00")),
        ("BAM", alignment(b"XXBc\xff\xff\xff\xff")),
        ("BAM", alignment(b"XXZendless")),
        ("BAM", alignment(b"XX?value")),
        ("BAM", alignment(b"XXZ\xff\xfe\0")),
        ("BAM", header(3, b"\x05\0\0\0chr1\0\x01\0\0\0")),
        ("CRAM", b"CRAM\x03\x00"),
        ("CRAM", b"CRAM\x09\x00" + b"\0" * 40),
    ],
    ids=map(str, itertools.count(1)),
)
def test_a_bad_file_is_refused(tmp_path: Path, file_type: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValidationFault):
        read_one(path, file_type)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_fastq_of_windows_or_without_a_last_end_of_line_is_fastq(
    tmp_path: Path, end: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"@a\r\nACGT\r\n+\r\nIIII\r\n@b\r\nA\r\n+b\r\nI" + end)
    assert read_one(path, "FASTQ") == (2, 5)


# What is hostile is read in the process of its own, as by the server, with little time and memory.


HOSTILE: dict[str, tuple[str, bytes, int, str]] = {
    "a billion references": ("BAM", header(10**9), 60, "BAM"),
    "a header of 2 GB": ("BAM", bgzipped(b"BAM\x01" + struct.pack("<i", 2**31 - 1)), 60, "BAM"),
    "a line of 1 GB": ("FASTQ", gzipped(b"@a\n") + gzipped(b"A" * 2**20) * 1000, 60, "too large"),
    "4 GB of reads": ("FASTQ", gzipped(b"@\nA\n+\nI\n" * 2**17) * 4000, 1, "in 1 s and 512 MiB"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_bounded_time_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader, name: str
) -> None:
    file_type, content, seconds, said = HOSTILE[name]
    for limit, value in (("_SECONDS", seconds), ("_PACE", 2**30), ("_MEMORY", 512 * 1024**2)):
        monkeypatch.setattr(child, limit, value)
    monkeypatch.setattr(child, "_PATIENCE", 200)
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "work").mkdir()
    with pytest.raises(ValidationFault, match=said):
        reader.survey([tmp_path / "file"], file_type, "MD5up", tmp_path / "work")
    (tmp_path / "file").write_bytes(fastq())
    [found], _ = reader.survey([tmp_path / "file"], "FASTQ", "MD5up", tmp_path / "work")
    assert found.reads == 3  # it goes on


def test_reading_takes_no_longer_than_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    """Also where it uses no processor, as on a disk that hangs."""
    monkeypatch.setattr(child, "_PATIENCE", 0)
    os.mkfifo(tmp_path / "file")
    with pytest.raises(ValidationFault, match="cannot be read in 60 s"):
        reader.survey([tmp_path / "file"], "FASTQ", "MD5up", tmp_path)


def test_what_reads_ends_with_the_server_and_is_started_anew(tmp_path: Path) -> None:
    reader = Reader()
    os.mkfifo(tmp_path / "pipe")  # nobody writes: it is read for ever
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(reader.survey, [tmp_path / "pipe"], "FASTQ", "MD5up", tmp_path)
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)  # returns when it is being read
        reader.close()
        with pytest.raises(ValidationFault, match="cannot be read"):
            asked.result()
    os.close(writer)
    (tmp_path / "file").write_bytes(fastq())
    [found], _ = reader.survey([tmp_path / "file"], "FASTQ", "MD5up", tmp_path)
    assert found.reads == 3
    reader.close()


@pytest.fixture
def archiving(tmp_path: Path, fake_engine: list[str]) -> Iterator[Clients]:
    """A server that archives what nobody is reading this moment."""
    service = local.start(tmp_path / "state", engine=fake_engine, options=["--archive-after", "0"])
    yield connect(service)
    service.stop()


def test_an_idle_read_set_is_archived_until_it_is_activated(
    archiving: Clients, fake_engine: list[str]
) -> None:
    store = SequenceStore.new(archiving)
    found = store.uploaded(fastq())
    assert found["status"] == "ARCHIVED"
    assert store.ids(status="ARCHIVED") == [found["id"]]
    place = parts_of(found["files"]["source1"]["s3Access"]["s3Uri"])
    with pytest.raises(archiving.omics.exceptions.ConflictException, match="ARCHIVED"):
        store.read(found["id"])
    with pytest.raises(ClientError, match="InvalidObjectState"):
        archiving.s3.get_object(**place)
    archiving.s3.create_bucket(Bucket="out")
    refused = store.exported("s3://out/", found["id"])
    assert refused["status"] == "FAILED"
    assert "ARCHIVED" in refused["readSets"][0]["statusMessage"]

    archiving.service.stop()
    patient = local.start(archiving.service.state, engine=fake_engine)  # 30 days, as the service
    try:
        store = SequenceStore(connect(patient), store.id)
        assert store.activated(found["id"])["status"] == "COMPLETED"
        assert store.metadata(found["id"])["status"] == "ACTIVE"
        assert store.read(found["id"]) == fastq()
        assert store.clients.s3.get_object(**place)["Body"].read() == fastq()
    finally:
        patient.stop()


def test_reading_keeps_a_read_set_active(starter: Callable[[], Clients]) -> None:
    clients = starter()
    store = SequenceStore.new(clients)
    by_s3, not_at_all = store.uploaded(fastq()), store.uploaded(fastq())
    clients.service.stop()
    long_ago = "json_set(body, '$.lastReadTime', '2020-01-01T00:00:00.000Z')"
    with sqlite3.connect(clients.service.state / "omics.sqlite") as state:
        state.execute(f"UPDATE item SET body={long_ago} WHERE kind='readSet'")
    state.close()
    store = SequenceStore(starter(), store.id)
    store.clients.s3.get_object(**parts_of(by_s3["files"]["source1"]["s3Access"]["s3Uri"]))
    assert store.metadata(by_s3["id"])["status"] == "ACTIVE"
    assert store.metadata(not_at_all["id"])["status"] == "ARCHIVED"


@pytest.mark.service
@pytest.mark.parametrize("days", ["-1", "never"])
def test_archiving_after_no_number_of_days_is_refused(tmp_path: Path, days: str) -> None:
    command = [sys.executable, "-m", local.__name__, "--state", str(tmp_path)]
    ended: Any = subprocess.run(
        [*command, f"--archive-after={days}"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "--archive-after" in ended.stderr
