"""Direct upload of read sets, part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Clients, settled
from .sequence_data import REFERENCE, SequenceStore, bam, fastq, gzipped, kill

READS = gzipped(fastq())
HALF = len(READS) // 2


@pytest.fixture(scope="module")
def store(fake: Clients) -> SequenceStore:
    return SequenceStore.new(fake)


def test_a_read_set_comes_back_as_it_was_uploaded_in_parts(store: SequenceStore) -> None:
    found = store.uploaded(READS[:HALF], READS[HALF:])
    assert (found["status"], found["creationType"]) == ("ACTIVE", "UPLOAD")
    assert found["files"]["source1"]["contentLength"] == len(READS)
    assert store.read(found["id"]) == READS


def test_the_checksum_of_a_part_is_its_sha256(store: SequenceStore) -> None:
    part = store.put_part(store.begin_upload(), 1, READS)
    assert part["checksum"] == hashlib.sha256(READS).hexdigest()


def test_parts_may_arrive_and_be_listed_in_any_order(store: SequenceStore) -> None:
    upload = store.begin_upload()
    second, first = store.put_part(upload, 2, READS[HALF:]), store.put_part(upload, 1, READS[:HALF])
    found = store.settled(store.complete(upload, [second, first]))
    assert store.read(found["id"]) == READS


def test_a_part_of_the_same_number_replaces_the_earlier_one(store: SequenceStore) -> None:
    upload = store.begin_upload()
    old = store.put_part(upload, 1, b"something else")
    new = store.put_part(upload, 1, READS)
    (listed,) = store.clients.omics.list_read_set_upload_parts(
        sequenceStoreId=store.id, uploadId=upload, partSource="SOURCE1"
    )["parts"]
    assert (listed["checksum"], listed["partSize"]) == (new["checksum"], len(READS))
    with pytest.raises(store.clients.omics.exceptions.ValidationException):
        store.complete(upload, [old])
    assert store.read(store.settled(store.complete(upload, [new]))["id"]) == READS


def test_paired_reads_are_two_sources(store: SequenceStore) -> None:
    upload = store.begin_upload()
    parts = [
        store.put_part(upload, 1, gzipped(fastq(2)), "SOURCE1"),
        store.put_part(upload, 1, gzipped(fastq(5)), "SOURCE2"),
    ]
    found = store.settled(store.complete(upload, parts))
    assert found["sequenceInformation"]["totalReadCount"] == 7
    assert store.read(found["id"], file="SOURCE2") == gzipped(fastq(5))
    names = [file["s3Access"]["s3Uri"].rpartition("/")[2] for file in found["files"].values()]
    assert names == ["HG00146_source1.fastq.gz", "HG00146_source2.fastq.gz"]


def test_an_uploaded_bam_is_named_after_the_read_set(store: SequenceStore, tmp_path: Path) -> None:
    content = bam(tmp_path / "x.bam").read_bytes()
    found = store.uploaded(content, sourceFileType="BAM", referenceArn=REFERENCE)
    assert found["files"]["source1"]["s3Access"]["s3Uri"].endswith("/HG00146.bam")
    assert found["referenceArn"] == REFERENCE


def test_what_is_not_of_its_type_is_an_upload_that_failed(store: SequenceStore) -> None:
    found = store.uploaded(b"no reads at all")
    assert found["status"] == "UPLOAD_FAILED"
    assert "FASTQ" in found["statusMessage"]
    with pytest.raises(store.clients.omics.exceptions.ConflictException):
        store.read(found["id"])


def test_files_of_a_failed_upload_are_left_at_the_fallback_location(fake: Clients) -> None:
    fake.s3.create_bucket(Bucket="fallback")
    store = SequenceStore.new(fake, fallbackLocation="s3://fallback/failed/")
    found = store.uploaded(b"no reads", b" at all")
    key = f"failed/{found['id']}/HG00146_source1.fastq"
    assert fake.s3.get_object(Bucket="fallback", Key=key)["Body"].read() == b"no reads at all"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parts: [], "part 1 of SOURCE1 was uploaded, and is not in parts"),
        (lambda parts: parts[:1], "part 2 of SOURCE1 was uploaded, and is not in parts"),
        (lambda parts: [*parts, parts[0]], "names a part twice"),
        (lambda parts: [*parts, parts[0] | {"partNumber": 3}], "part 3 of SOURCE1 was not"),
        (lambda parts: [*parts, parts[0] | {"partSource": "SOURCE2"}], "part 1 of SOURCE2 was not"),
        (lambda parts: [parts[0], parts[1] | {"checksum": "0"}], "checksum of part 2 of SOURCE1"),
    ],
)
def test_the_parts_are_checked_before_anything_is_made(
    store: SequenceStore, change: Callable[[Any], Any], said: str
) -> None:
    upload = store.begin_upload()
    parts = [store.put_part(upload, 1, READS[:HALF]), store.put_part(upload, 2, READS[HALF:])]
    before = store.ids()
    with pytest.raises(store.clients.omics.exceptions.ValidationException, match=said):
        store.complete(upload, change(parts))
    assert store.ids() == before


def test_a_gap_between_parts_is_a_part_that_is_missing(store: SequenceStore) -> None:
    upload = store.begin_upload()
    parts = [store.put_part(upload, 1, READS[:HALF]), store.put_part(upload, 3, READS[HALF:])]
    with pytest.raises(store.clients.omics.exceptions.ValidationException, match="without a gap"):
        store.complete(upload, parts)


def test_an_empty_part_and_a_second_source_of_bam_are_refused(store: SequenceStore) -> None:
    invalid = store.clients.omics.exceptions.ValidationException
    with pytest.raises(invalid, match="payload"):
        store.put_part(store.begin_upload(), 1, b"")
    upload = store.begin_upload(sourceFileType="UBAM")
    with pytest.raises(invalid, match="second source"):
        store.put_part(upload, 1, READS, "SOURCE2")


@pytest.mark.parametrize("file_type", ["BAM", "CRAM"])
def test_aligned_reads_need_a_reference(store: SequenceStore, file_type: str) -> None:
    with pytest.raises(store.clients.omics.exceptions.ValidationException, match="referenceArn"):
        store.begin_upload(sourceFileType=file_type)


def test_uploads_are_listed_until_they_are_completed_or_aborted(fake: Clients) -> None:
    store = SequenceStore.new(fake)
    uploads = [store.begin_upload() for _ in range(3)]
    pages = fake.omics.get_paginator("list_multipart_read_set_uploads").paginate(
        sequenceStoreId=store.id, PaginationConfig={"PageSize": 2}
    )
    assert {item["uploadId"] for page in pages for item in page["uploads"]} == set(uploads)
    store.settled(store.complete(uploads[0], [store.put_part(uploads[0], 1, READS)]))
    fake.omics.abort_multipart_read_set_upload(sequenceStoreId=store.id, uploadId=uploads[1])
    listed = fake.omics.list_multipart_read_set_uploads(sequenceStoreId=store.id)["uploads"]
    assert [item["uploadId"] for item in listed] == [uploads[2]]


def test_an_aborted_upload_is_gone_with_its_parts(store: SequenceStore) -> None:
    upload = store.begin_upload()
    part = store.put_part(upload, 1, READS)
    store.clients.omics.abort_multipart_read_set_upload(sequenceStoreId=store.id, uploadId=upload)
    with pytest.raises(store.clients.omics.exceptions.ResourceNotFoundException):
        store.complete(upload, [part])
    folder = store.clients.service.state / "uploads" / upload
    settled(lambda: {"status": "there" if folder.exists() else "gone"}, "gone")


def test_a_store_takes_its_uploads_with_it(fake: Clients) -> None:
    store = SequenceStore.new(fake)
    upload = store.begin_upload()
    store.put_part(upload, 1, READS)
    fake.omics.delete_sequence_store(id=store.id)
    folder = fake.service.state / "uploads" / upload
    settled(lambda: {"status": "there" if folder.exists() else "gone"}, "gone")


def test_parts_are_listed_by_source_and_time(store: SequenceStore) -> None:
    omics, upload = store.clients.omics, store.begin_upload()
    for number in (1, 2, 3):
        store.put_part(upload, number, READS)
    store.put_part(upload, 1, READS, "SOURCE2")

    def numbers(source: str, **asked: Any) -> list[int]:
        pages = omics.get_paginator("list_read_set_upload_parts").paginate(
            sequenceStoreId=store.id,
            uploadId=upload,
            partSource=source,
            filter=asked,
            PaginationConfig={"PageSize": 2},
        )
        return [part["partNumber"] for page in pages for part in page["parts"]]

    assert numbers("SOURCE1") == [1, 2, 3]
    assert numbers("SOURCE2") == [1]
    assert numbers("SOURCE1", createdBefore="2020-01-01T00:00:00Z") == []
    assert numbers("SOURCE1", createdAfter="2020-01-01T00:00:00Z") == [1, 2, 3]


def test_the_same_token_begins_the_same_upload(store: SequenceStore) -> None:
    assert store.begin_upload(clientToken="once") == store.begin_upload(clientToken="once")


def test_parts_outlive_a_server_that_was_killed(starter: Callable[[], Clients]) -> None:
    clients = starter()
    store = SequenceStore.new(clients)
    upload = store.begin_upload()
    first = store.put_part(upload, 1, READS[:HALF])
    kill(clients)
    store = SequenceStore(starter(), store.id)
    second = store.put_part(upload, 2, READS[HALF:])
    found = store.settled(store.complete(upload, [first, second]))
    assert store.read(found["id"]) == READS


def test_a_completed_upload_is_put_together_after_a_kill(starter: Callable[[], Clients]) -> None:
    clients = starter()
    store = SequenceStore.new(clients)
    upload = store.begin_upload()
    reads = gzipped(fastq(20_000))
    id = store.complete(upload, [store.put_part(upload, 1, reads)])
    kill(clients)
    store = SequenceStore(starter(), store.id)
    assert store.settled(id)["sequenceInformation"]["totalReadCount"] == 20_000
    assert store.read(id) == reads
